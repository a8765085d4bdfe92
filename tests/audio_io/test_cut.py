"""One source heard by one session after the other."""

import numpy as np

from audio_io.chunk import AudioChunk, Boundary
from audio_io.cut import CutSource
from tests.fakes import RATE_HZ, ListSource, chunks
from tests.live_fakes import joined, noise

SOUND = noise(RATE_HZ)


def heard(source: CutSource, cut_after: int | None = None) -> list[AudioChunk]:
    """One session, in which somebody cuts while the chunk of that number is heard."""
    got: list[AudioChunk] = []
    for chunk in source:
        got.append(chunk)
        if len(got) == cut_after:
            source.cut()
    return got


def test_uncut_it_is_the_source_itself() -> None:
    source = CutSource(ListSource(chunks(SOUND)))
    assert not source.is_over
    got = heard(source)
    np.testing.assert_array_equal(joined([chunk.samples for chunk in got]), SOUND)
    assert [chunk.boundary for chunk in got] == [Boundary.NONE] * 10 + [Boundary.STREAM]
    assert source.is_over


def test_cut_it_ends_and_the_next_session_hears_what_follows() -> None:
    source = CutSource(ListSource(chunks(SOUND)))
    first = heard(source, cut_after=4)
    assert first[-1].boundary is Boundary.STREAM
    assert len(first[-1].samples) == 0
    assert not source.is_over
    second = heard(source)
    assert second[0].start_sample == first[-1].end_sample == 6400
    assert [chunk.boundary for chunk in [*first, *second]].count(Boundary.STREAM) == 2
    np.testing.assert_array_equal(joined([chunk.samples for chunk in [*first, *second]]), SOUND)
    assert source.is_over


def test_it_may_be_cut_as_often_as_one_likes() -> None:
    source = CutSource(ListSource(chunks(SOUND)))
    sessions = []
    while not source.is_over:
        sessions.append(heard(source, cut_after=3))
    assert [len(session) for session in sessions] == [4, 4, 4, 2]
    parts = [chunk.samples for session in sessions for chunk in session]
    np.testing.assert_array_equal(joined(parts), SOUND)


def test_a_cut_in_the_last_chunk_adds_no_second_end() -> None:
    source = CutSource(ListSource(chunks(SOUND)))
    got = heard(source, cut_after=11)
    assert [chunk.boundary for chunk in got].count(Boundary.STREAM) == 1
    assert source.is_over
    assert heard(source) == []


def test_the_end_of_a_cut_says_when_it_was_captured() -> None:
    captured = AudioChunk(SOUND[:1600], RATE_HZ, captured_at_s=7.5)
    got = heard(CutSource(ListSource([captured, *chunks(SOUND)])), cut_after=1)
    assert [chunk.captured_at_s for chunk in got] == [7.5, 7.5]


def test_lost_sound_at_a_cut_is_still_said() -> None:
    jump = AudioChunk(SOUND[:1600], RATE_HZ, 16_000, lost_reason="it slept")
    source = CutSource(ListSource([AudioChunk(SOUND[:1600], RATE_HZ), jump]))
    heard(source, cut_after=1)
    (chunk,) = heard(source)
    assert (chunk.start_sample, chunk.lost_reason) == (16_000, "it slept")
    assert source.is_over


def test_closing_closes_the_source() -> None:
    inner = ListSource(chunks(SOUND))
    CutSource(inner).close()
    assert inner.closed

"""A recording at the pace of life, on a clock moved by hand."""

import time
from collections.abc import Iterator

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, Boundary
from audio_io.paced import PacedSource
from tests.fakes import RATE_HZ, ListSource, chunks
from tests.live_fakes import HandClock, joined, noise

SECOND = noise(RATE_HZ)


def paced(clock: HandClock, items: list[AudioChunk] | None = None) -> PacedSource:
    source = ListSource(items if items is not None else chunks(SECOND))
    return PacedSource(source, clock.now_s, clock.advance)


def test_each_chunk_comes_when_it_would_have_been_captured() -> None:
    clock = HandClock(50.0)
    came = [(chunk, clock.now_s()) for chunk in paced(clock)]
    assert [at_s for _, at_s in came] == pytest.approx([50.1 + k / 10 for k in range(10)] + [51.0])
    assert all(chunk.captured_at_s == pytest.approx(at_s) for chunk, at_s in came)
    np.testing.assert_array_equal(joined([chunk.samples for chunk, _ in came]), SECOND)
    assert [chunk.boundary for chunk, _ in came] == [Boundary.NONE] * 10 + [Boundary.STREAM]


def test_who_takes_them_late_gets_the_same_chunks_and_times_at_once() -> None:
    clock = HandClock(50.0)
    captured: list[float | None] = []
    for number, chunk in enumerate(paced(clock)):
        captured.append(chunk.captured_at_s)
        if number == 1:
            clock.advance(0.55)  # at 50.75: 5 chunks were missed, the next is due at 50.8
        assert number not in range(2, 7) or clock.now_s() == pytest.approx(50.75)
    assert captured == pytest.approx([50.1 + k / 10 for k in range(10)] + [51.0])
    assert clock.now_s() == pytest.approx(51.0)


def test_it_says_how_much_waits() -> None:
    clock = HandClock()
    source = paced(clock)
    assert source.waiting_ms == 0
    waiting: list[float] = []
    for number, _ in enumerate(source):
        if number == 1:
            clock.advance(0.55)
        waiting.append(round(source.waiting_ms))
    # By 0.75 s two chunks were taken; after each more there is 0.1 s less; at last nothing is due.
    assert waiting == [0, 550, 450, 350, 250, 150, 0, 0, 0, 0, 0]


def test_while_sound_waits_iterating_does_not_wait() -> None:
    clock = HandClock()
    source = paced(clock)
    random = np.random.default_rng(1)
    behind = False
    before_s = 0.0
    for _ in source:
        assert not behind or clock.now_s() == before_s
        clock.advance(float(random.uniform(0, 0.2)))
        behind, before_s = source.waiting_ms > 0, clock.now_s()


def test_lost_sound_keeps_its_place_in_time() -> None:
    clock = HandClock()
    jump = AudioChunk(SECOND[:1600], RATE_HZ, 16_000, lost_reason="it slept")
    end = AudioChunk(SECOND[:0], RATE_HZ, 17_600, boundary=Boundary.STREAM)
    got = list(paced(clock, [AudioChunk(SECOND[:1600], RATE_HZ), jump, end]))
    assert [chunk.captured_at_s for chunk in got] == pytest.approx([0.1, 1.1, 1.1])
    assert got[1].lost_reason == "it slept"


def test_it_ends_where_it_is_told_to() -> None:
    clock = HandClock()
    source = paced(clock)
    got: list[AudioChunk] = []
    for chunk in source:
        got.append(chunk)
        if len(got) == 3:
            source.end()
    assert len(got) == 4
    assert got[-1].boundary is Boundary.STREAM
    assert (got[-1].start_sample, len(got[-1].samples)) == (4800, 0)
    assert source.waiting_ms == 0


def test_what_was_said_before_it_was_told_to_end_is_still_heard() -> None:
    # As with a microphone, which ends after what was captured by then.
    clock = HandClock()
    source = paced(clock)
    got: list[AudioChunk] = []
    for chunk in source:
        got.append(chunk)
        if len(got) == 3:
            clock.advance(0.45)  # the engine was busy until 0.75 s
            source.end()
    assert (got[-1].boundary, got[-1].start_sample) == (Boundary.STREAM, 11_200)


def test_ended_before_the_first_chunk_it_is_an_empty_stream() -> None:
    source = paced(HandClock())
    source.end()
    (only,) = source
    assert (only.boundary, only.end_sample) == (Boundary.STREAM, 0)


def test_a_stream_that_is_over_is_not_ended_twice() -> None:
    source = paced(HandClock())
    got: list[AudioChunk] = []
    for chunk in source:
        got.append(chunk)
        if chunk.boundary is Boundary.STREAM:
            source.end()
    assert [chunk.boundary for chunk in got].count(Boundary.STREAM) == 1


def test_it_stops_waiting_soon_after_it_is_told_to_end() -> None:
    slept: list[float] = []
    clock = HandClock()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(seconds)
        if len(slept) == 3:
            source.end()

    late = [AudioChunk(SECOND, RATE_HZ, 10 * RATE_HZ)]
    source = PacedSource(ListSource(late), clock.now_s, sleep)
    (end,) = source
    assert end.boundary is Boundary.STREAM
    assert len(slept) == 3
    assert max(slept) <= 0.1


def test_on_the_real_clock_a_tenth_of_a_second_takes_that_long() -> None:
    began_s = time.monotonic()
    assert len(list(PacedSource(ListSource(chunks(SECOND[:1600], (320,)))))) == 6
    assert time.monotonic() - began_s >= 0.1


def test_a_pipe_that_stalls_puts_off_what_follows_and_nothing_waits() -> None:
    clock = HandClock(50.0)

    class Stalling(ListSource):
        def __iter__(self) -> Iterator[AudioChunk]:
            for number, chunk in enumerate(self.items):
                if number == 3:
                    clock.advance(5.0)
                yield chunk

    source = PacedSource(Stalling(chunks(SECOND)), clock.now_s, clock.advance)
    captured = []
    for chunk in source:
        captured.append(chunk.captured_at_s)
        assert chunk.captured_at_s == pytest.approx(clock.now_s())
        assert source.waiting_ms == 0
    assert captured[:3] == pytest.approx([50.1, 50.2, 50.3])
    assert captured[3:] == pytest.approx([55.3 + k / 10 for k in range(7)] + [55.9])

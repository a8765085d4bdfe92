"""An engine too slow for its speaker: what is skipped, where, and that no more is lost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from audio_io.paced import PacedSource
from engine.hearing.catch_up import REASON, CatchUp, CatchUpConfig
from tests.fakes import RATE_HZ, ListSource, chunks
from tests.live_fakes import HandClock, joined, noise, words

CHUNK = 1600
CHUNK_MS = 100


@dataclass
class Run:
    """What an engine was given."""

    sound: Samples
    heard: list[AudioChunk]
    most_ms: float
    """The most unheard sound after a chunk was handed on."""
    clock: HandClock

    @property
    def skipped(self) -> list[tuple[int, int]]:
        starts = [0, *[chunk.end_sample for chunk in self.heard[:-1]]]
        return [
            (start, chunk.start_sample)
            for start, chunk in zip(starts, self.heard, strict=True)
            if chunk.start_sample != start
        ]

    def check_the_rest(self) -> None:
        """Every sample was heard once, in its place, or lies in a piece that was skipped."""
        end = 0
        for chunk in self.heard:
            assert chunk.start_sample >= end, "nothing is heard twice"
            end = chunk.end_sample
            original = self.sound[chunk.start_sample : end]
            np.testing.assert_array_equal(chunk.samples, original)
            at_s = chunk.captured_at_s
            assert at_s is not None
        assert end == len(self.sound)
        ends = [chunk for chunk in self.heard if chunk.boundary is Boundary.STREAM]
        assert ends == self.heard[-1:]


def run(
    sound: Samples,
    factor: float | Callable[[float], float],
    config: CatchUpConfig | None = None,
    items: Sequence[AudioChunk] | None = None,
) -> Run:
    """An engine that needs `factor` seconds for a second of sound; perhaps as time goes on."""
    clock = HandClock()
    listed = list(items) if items is not None else chunks(sound, (CHUNK,))
    paced = PacedSource(ListSource(listed), clock.now_s, clock.advance)
    source = CatchUp(paced, lambda: paced.waiting_ms, config, clock)
    heard: list[AudioChunk] = []
    most_ms = 0.0
    for chunk in source:
        heard.append(chunk)
        most_ms = max(most_ms, source.waiting_ms)
        assert len(heard) < 10 * len(listed), "it goes round in circles"
        now = factor(chunk.end_s) if callable(factor) else factor
        clock.advance(now * chunk.duration_ms / 1000)
    return Run(sound, heard, most_ms, clock)


def is_quiet(sound: Samples, sample: int) -> bool:
    """Whether the words of `words` are silent there."""
    around = sound[max(0, sample - 80) : sample + 80]
    return bool(np.max(np.abs(around)) < 0.01)


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.99])
def test_an_engine_that_is_fast_enough_hears_everything(factor: float) -> None:
    done = run(words(60), factor)
    assert done.skipped == []
    done.check_the_rest()
    assert done.most_ms <= 2 * CHUNK_MS


def test_a_slow_engine_stays_near_the_speaker_and_no_word_is_cut() -> None:
    sound = words(400)  # three minutes
    done = run(sound, 1.3)
    assert done.most_ms <= 3000 + CHUNK_MS
    done.check_the_rest()
    skipped = done.skipped
    # It falls behind by 0.3 s in 1.3 s; what is skipped in all is what it could not hear.
    assert len(skipped) > 5
    lost_s = sum(end - start for start, end in skipped) / RATE_HZ
    assert lost_s == pytest.approx(180 * (1 - 1 / 1.3), abs=4.0)
    for start, end in skipped:
        assert end - start >= RATE_HZ // 2, "single jumps, not crumbs"
        assert is_quiet(sound, start), start
        assert is_quiet(sound, end), end
    reasons = {chunk.start_sample: chunk.lost_reason for chunk in done.heard if chunk.lost_reason}
    assert reasons == {end: REASON for _, end in skipped}


@pytest.mark.parametrize("size", [160, 320, 1600, 4800])
def test_chunks_of_any_size_stay_bounded(size: int) -> None:
    sound = words(100)
    done = run(sound, 1.5, items=chunks(sound, (size,)))
    done.check_the_rest()
    # While one chunk is worked on, half as much again has come.
    assert done.most_ms <= 3000 + 2.5 * size / 16
    assert all(is_quiet(sound, place) for piece in done.skipped for place in piece)


def test_an_engine_three_times_too_slow_stays_near_too() -> None:
    done = run(words(200), 3.0)
    done.check_the_rest()
    assert done.most_ms <= 3000 + 4 * CHUNK_MS


def test_after_one_slow_moment_a_fast_engine_catches_up_by_itself() -> None:
    # Busy for 4 s at once, and then fast: less than the hard limit, so nothing is lost.
    done = run(words(100), lambda end_s: 40.0 if end_s == pytest.approx(20.0) else 0.3)
    assert done.skipped == []
    assert done.most_ms == pytest.approx(4000, abs=2 * CHUNK_MS)
    done.check_the_rest()


def test_above_the_hard_limit_sound_is_skipped_however_fast_the_engine_is() -> None:
    sound = words(100)
    done = run(sound, lambda end_s: 70.0 if end_s == pytest.approx(20.0) else 0.1)
    assert len(done.skipped) == 1
    ((start, end),) = done.skipped
    assert is_quiet(sound, start)
    assert is_quiet(sound, end)
    assert 0.3 <= 27.0 - end / RATE_HZ <= 1.2, "about 750 ms are left, from a pause on"
    done.check_the_rest()


@pytest.mark.parametrize(("factor", "skips"), [(0.2, False), (0.9, True)])
def test_what_came_while_the_process_was_held_is_caught_up_with_by_a_fast_engine(
    factor: float, skips: bool
) -> None:
    running, clock = HandClock(), HandClock()
    sound = words(100)

    def run_for(seconds: float) -> None:
        clock.advance(seconds)
        running.advance(seconds)

    paced = PacedSource(ListSource(chunks(sound, (CHUNK,))), clock.now_s, run_for)
    source = CatchUp(
        paced,
        lambda: paced.waiting_ms,
        clock=running,
        held_s=lambda: clock.time_s - running.time_s,
    )
    heard = []
    for chunk in source:
        heard.append(chunk)
        run_for(factor * CHUNK_MS / 1000)
        if len(heard) == 200:
            clock.advance(10.0)
    done = Run(sound, heard, 0.0, clock)
    assert bool(done.skipped) == skips
    done.check_the_rest()


def test_noise_without_pauses_is_cut_all_the_same() -> None:
    done = run(noise(60 * RATE_HZ), 1.5)
    assert done.skipped
    assert done.most_ms <= 3000 + CHUNK_MS
    done.check_the_rest()


def test_silence_is_skipped_too() -> None:
    done = run(silence(30 * RATE_HZ), 1.5)
    assert done.most_ms <= 3000 + CHUNK_MS
    done.check_the_rest()


def test_the_end_of_the_stream_among_what_waits_is_kept_and_comes_once() -> None:
    # 20 s of sound, of which the last 8 s come while the engine is busy with one chunk.
    sound = words(44)
    done = run(sound, lambda end_s: 100.0 if end_s == pytest.approx(12.0) else 0.1)
    assert len(done.skipped) == 1
    done.check_the_rest()


def gap_at(sound: Samples, sample: int, lost: int) -> list[AudioChunk]:
    """Sound of which `lost` samples are missing from a place on."""
    before = [chunk for chunk in chunks(sound, (CHUNK,)) if chunk.end_sample <= sample]
    after = [chunk for chunk in chunks(sound, (CHUNK,)) if chunk.start_sample >= sample + lost]
    mark = AudioChunk(sound[:0], RATE_HZ, sample, boundary=Boundary.UTTERANCE)
    return [*before, mark, replace(after[0], lost_reason="the microphone was away"), *after[1:]]


def test_a_loss_long_ago_does_not_matter() -> None:
    sound = words(100)
    done = run(sound, 0.5, items=gap_at(sound, 10 * RATE_HZ, 2 * RATE_HZ))
    assert done.skipped == [(10 * RATE_HZ, 12 * RATE_HZ)]
    assert "the microphone was away" in [chunk.lost_reason for chunk in done.heard]
    done.check_the_rest()


@pytest.mark.parametrize(
    "after_s",
    [
        *(after_s for after_s in (0.1, 0.3)),
        *(0.6, 1.5, 3.0),
    ],
)
def test_a_loss_among_what_waits_costs_nothing_after_it_that_had_to_be_kept(
    after_s: float,
) -> None:
    # At 10 s the engine is busy for 8 s. The loss ends `after_s` before it is free again.
    sound = words(100)
    lost_from = round((18.0 - after_s - 1.0) * 10) * CHUNK
    items = gap_at(sound, lost_from, 10 * CHUNK)
    done = run(sound, lambda end_s: 80.0 if end_s == pytest.approx(10.0) else 0.1, items=items)
    done.check_the_rest()
    assert done.skipped, "8 s are above the hard limit"
    last = done.skipped[-1][1]
    one_word = 0.45
    kept_from = round((18.0 - 0.75 + one_word) * RATE_HZ)
    loss_end = lost_from + 10 * CHUNK
    assert last <= kept_from if after_s > 0.75 else last == loss_end


def test_nothing_but_an_end_after_a_loss_is_one_end() -> None:
    sound = words(40)
    items = chunks(sound, (CHUNK,))[:-1]
    end = AudioChunk(sound[:0], RATE_HZ, len(sound) + RATE_HZ, boundary=Boundary.STREAM)
    done = run(
        sound, lambda end_s: 120.0 if end_s == pytest.approx(8.0) else 0.1, items=[*items, end]
    )
    assert [chunk.boundary for chunk in done.heard].count(Boundary.STREAM) == 1
    assert done.heard[-1].boundary is Boundary.STREAM


def test_slowness_is_what_the_engine_needs_for_a_second_of_sound() -> None:
    clock = HandClock()
    source = CatchUp(ListSource(chunks(noise(20 * RATE_HZ))), lambda: 0.0, None, clock)
    assert source.slowness == 0.0
    seen: list[float] = []
    for chunk in source:
        clock.advance(chunk.duration_ms / 1000 * (0.5 if chunk.end_s <= 10 else 2.0))
        seen.append(source.slowness)
    assert seen[90] == pytest.approx(0.5)
    assert seen[-1] == pytest.approx(2.0, abs=0.05), "only the last 10 s count"


def test_an_ended_source_is_closed_through() -> None:
    inner = ListSource(chunks(noise(CHUNK)))
    source = CatchUp(inner, lambda: 0.0)
    assert source.duration_s == 0.1
    assert [len(chunk.samples) for chunk in source] == [1600, 0]
    source.close()
    assert inner.closed


@pytest.mark.parametrize(
    ("limit_ms", "hard_limit_ms", "keep_ms"),
    [(0, 6000, 750), (3000, 2000, 750), (3000, 6000, 3000)],
)
def test_limits_that_make_no_sense_are_refused(
    limit_ms: float, hard_limit_ms: float, keep_ms: float
) -> None:
    with pytest.raises(ValueError, match="does not hold"):
        CatchUpConfig(limit_ms, hard_limit_ms, keep_ms)


@pytest.mark.parametrize(("limit_ms", "hard_limit_ms"), [(1000, 1000), (1000, 2000), (5000, 9000)])
def test_other_limits_hold_too(limit_ms: float, hard_limit_ms: float) -> None:
    sound = words(150)
    done = run(sound, 1.4, CatchUpConfig(limit_ms, hard_limit_ms))
    assert done.skipped
    assert done.most_ms <= limit_ms + CHUNK_MS
    done.check_the_rest()
    assert joined([chunk.samples for chunk in done.heard]).size < len(sound)

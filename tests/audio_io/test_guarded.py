"""A microphone behind the echo guard."""

from dataclasses import replace

import numpy as np

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from audio_io.echo_guard import EchoGuard
from audio_io.guarded import GuardedSource
from tests.fakes import RATE_HZ, ListSource, chunks
from tests.live_fakes import joined, noise, words

CALM = noise(2 * RATE_HZ, 0.05)


def captured(items: list[AudioChunk], from_s: float = 100.0) -> list[AudioChunk]:
    return [replace(item, captured_at_s=from_s + item.end_s) for item in items]


def nothing_played(end_at_s: float, samples: int) -> Samples:
    return silence(samples)


def test_sound_passes_untouched_while_nothing_is_played() -> None:
    guard = EchoGuard(RATE_HZ)
    got = list(GuardedSource(ListSource(captured(chunks(CALM))), guard, nothing_played))
    out = joined([chunk.samples for chunk in got])
    late = guard.delay_samples
    np.testing.assert_array_equal(out[late:], CALM[:-late])
    assert [(chunk.start_sample, chunk.boundary) for chunk in got] == [
        (chunk.start_sample, chunk.boundary) for chunk in chunks(CALM)
    ]
    assert all(chunk.captured_at_s is not None for chunk in got)


def test_it_asks_for_what_was_played_while_each_chunk_was_captured() -> None:
    asked: list[tuple[float, int]] = []

    def played(end_at_s: float, samples: int) -> Samples:
        asked.append((end_at_s, samples))
        return silence(samples)

    items = captured(chunks(CALM, (1600, 400)), from_s=50.0)
    list(GuardedSource(ListSource(items), EchoGuard(RATE_HZ), played))
    assert asked == [
        (chunk.captured_at_s, len(chunk.samples)) for chunk in items if len(chunk.samples)
    ]


def test_our_own_voice_is_taken_out() -> None:
    ours = words(6)
    echo = np.float32(0.5) * np.concatenate([silence(1600), ours[:-1600]])

    def played(end_at_s: float, samples: int) -> Samples:
        end = round((end_at_s - 100.0) * RATE_HZ)
        return ours[end - samples : end]

    microphone = echo + noise(len(echo), 0.0005, seed=9)
    got = list(GuardedSource(ListSource(captured(chunks(microphone))), EchoGuard(RATE_HZ), played))
    out = joined([chunk.samples for chunk in got])
    assert np.mean(out**2) < 0.1 * np.mean(echo**2)


def test_a_recording_without_times_of_capture_passes() -> None:
    def never(end_at_s: float, samples: int) -> Samples:
        raise AssertionError("nobody knows what was played then")

    guard = EchoGuard(RATE_HZ)
    got = list(GuardedSource(ListSource(chunks(CALM)), guard, never))
    late = guard.delay_samples
    np.testing.assert_array_equal(joined([chunk.samples for chunk in got])[late:], CALM[:-late])


def test_after_a_gap_the_echo_from_before_it_is_forgotten() -> None:
    ours = words(4)
    echo = np.float32(0.5) * np.concatenate([silence(1600), ours[:-1600]])
    before = captured(chunks(echo)[:-1])
    gap = RATE_HZ * 20
    after = captured(
        [replace(chunk, start_sample=chunk.start_sample + gap) for chunk in chunks(CALM)]
    )
    guard = EchoGuard(RATE_HZ)

    def played(end_at_s: float, samples: int) -> Samples:
        end = round((end_at_s - 100.0) * RATE_HZ)
        return ours[end - samples : end] if end <= len(ours) else silence(samples)

    seen: list[float | None] = []
    got: list[AudioChunk] = []
    for chunk in GuardedSource(ListSource([*before, *after]), guard, played):
        got.append(chunk)
        seen.append(guard.echo_delay_ms)
    assert any(seen[: len(before)]), "an echo was found before"
    assert not any(seen[len(before) :])
    out = joined([chunk.samples for chunk in got[len(before) :]])
    late = guard.delay_samples
    np.testing.assert_array_equal(out[late:], CALM[:-late])


def test_whether_somebody_talks_over_us_is_told_after_each_chunk_with_sound() -> None:
    ours, theirs = words(16), np.concatenate([silence(4 * RATE_HZ), words(8, seed_from=50)])
    size = min(len(ours), len(theirs))
    echo = np.float32(0.1) * np.concatenate([silence(1600), ours[: size - 1600]])
    told: list[bool] = []

    def played(end_at_s: float, samples: int) -> Samples:
        end = round((end_at_s - 100.0) * RATE_HZ)
        return ours[end - samples : end]

    items = captured(chunks(echo + 2 * theirs[:size]))
    got = list(GuardedSource(ListSource(items), EchoGuard(RATE_HZ), played, told.append))
    assert len(told) == len(items) - 1 == len(got) - 1
    assert not any(told[:40]), "before 4 s only we speak"
    assert any(told[40:])


def test_chunks_without_sound_keep_their_boundary() -> None:
    mark = AudioChunk(silence(0), RATE_HZ, len(CALM), boundary=Boundary.UTTERANCE)
    items = [*chunks(CALM)[:-1], mark, *chunks(CALM)[-1:]]
    got = list(GuardedSource(ListSource(items), EchoGuard(RATE_HZ), nothing_played))
    assert [chunk.boundary for chunk in got[-2:]] == [Boundary.UTTERANCE, Boundary.STREAM]

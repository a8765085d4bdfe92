"""Clauses on their way to the speaker: when they start, how fast, and what is dropped."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, Samples, silence
from audio_io.stretch import stretch_available
from engine.events import SpeechDropped, TargetAudio
from engine.speaking.speech_queue import LagConfig, Piece, SpeechQueue
from tests.live_fakes import joined, noise

RATE_HZ = 16_000

needs_libsonic = pytest.mark.skipif(not stretch_available(), reason="libsonic is not installed")


def speech(utterance: int, samples: Samples) -> TargetAudio:
    """Speech of the second of source that is numbered so."""
    return TargetAudio(utterance, "spa", AudioChunk(samples, RATE_HZ), utterance, utterance + 1)


def second(seed: int = 1, seconds: float = 1.0) -> Samples:
    return noise(round(seconds * RATE_HZ), 0.1, seed)


def pulled(queue: SpeechQueue, now_s: float = 0.0) -> Iterator[Piece]:
    """All that is handed out at one moment."""
    while (piece := queue.pull(now_s, now_s)) is not None:
        yield piece


def clause(queue: SpeechQueue, now_s: float = 0.0) -> Samples:
    """The rest of one clause."""
    parts: list[Samples] = []
    for piece in pulled(queue, now_s):
        parts.append(piece.samples)
        if piece.ends:
            break
    return joined(parts)


def full(*clauses: Samples, config: LagConfig | None = None) -> SpeechQueue:
    queue = SpeechQueue(config)
    for number, samples in enumerate(clauses):
        queue.put(speech(number, samples), 0.0, 0.0)
        queue.end_utterance()
    return queue


def spans(dropped: list[SpeechDropped]) -> list[int]:
    return [event.utterance for event in dropped]


def test_with_nothing_waiting_speech_is_as_it_was_made() -> None:
    sound = second()
    queue = full(sound)
    assert queue.queued_ms == 1000
    np.testing.assert_array_equal(clause(queue), sound)
    assert queue.speed == 1.0
    assert queue.is_empty
    assert queue.queued_ms == 0
    assert queue.dropped() == []


def test_silence_around_a_clause_goes_and_inside_gets_short() -> None:
    one, two = second(1, 0.5), second(2, 0.5)
    sound = joined([silence(8_000), one, silence(16_000), two, silence(8_000)])
    out = clause(full(sound))
    assert len(out) == 160 + 8_000 + 4_000 + 8_000, "10 ms before, 250 ms inside, none after"
    np.testing.assert_array_equal(out[160:8_160], one)
    np.testing.assert_array_equal(out[-8_000:], two)


@pytest.mark.parametrize("sizes", [[16_000], [1] * 50 + [640] * 30, [7_000, 2_000], [33] * 400])
def test_a_clause_may_come_in_pieces_of_any_size(sizes: list[int]) -> None:
    sound = second()[: sum(sizes)]
    queue = SpeechQueue()
    out: list[Samples] = []
    at = 0
    for size in sizes:
        queue.put(speech(0, sound[at : at + size]), 0.0, 0.0)
        at += size
        out += [piece.samples for piece in pulled(queue)]
    queue.end_utterance()
    rest = list(pulled(queue))
    assert rest[-1].ends
    np.testing.assert_array_equal(joined([*out, *[p.samples for p in rest]]), sound[:at])


def test_each_clause_begins_once_and_ends_once() -> None:
    queue = full(second(1), second(2, 0.013), second(3, 0.04), second(4, 0.5))
    marks = [(piece.clause.utterance, piece.begins, piece.ends) for piece in pulled(queue)]
    for number in range(4):
        own = [mark for mark in marks if mark[0] == number]
        assert [begins for _, begins, _ in own] == [True] + [False] * (len(own) - 1)
        assert [ends for _, _, ends in own] == [False] * (len(own) - 1) + [True]
    assert [mark[0] for mark in marks] == sorted(mark[0] for mark in marks)


def test_another_span_of_the_same_utterance_is_a_clause_of_its_own() -> None:
    queue = SpeechQueue()
    chunk = AudioChunk(second(), RATE_HZ)
    queue.put(TargetAudio(0, "spa", chunk, 0.0, 1.0), 1.0, 2.0)
    queue.put(TargetAudio(0, "spa", chunk, 1.0, 2.0), 2.0, 2.5)
    queue.end_utterance()
    clauses = {id(piece.clause): piece.clause for piece in pulled(queue, 2.6)}
    assert [(c.start_s, c.source_end_at_s, c.made_at_s) for c in clauses.values()] == [
        (0.0, 1.0, 2.0),
        (1.0, 2.0, 2.5),
    ]


@pytest.mark.parametrize(
    ("heard_at_s", "spoken", "dropped"),
    [
        # Source clauses ended at 0, 2 and 4 s; at most 3 s may pass.
        (3.0, [0, 1, 2], []),
        (3.001, [1, 2], [0]),
        (5.1, [2], [0, 1]),
        (7.1, [], [0, 1, 2]),
    ],
)
def test_what_would_start_too_late_is_dropped_and_its_neighbours_are_spoken(
    heard_at_s: float, spoken: list[int], dropped: list[int]
) -> None:
    queue = SpeechQueue(LagConfig(max_lag_s=3.0))
    for number in range(3):
        queue.put(speech(number, second(number)), 2.0 * number, 2.0 * number)
    queue.end_utterance()
    found = {piece.clause.utterance for piece in pulled(queue, heard_at_s)}
    told = queue.dropped()
    assert sorted(found) == spoken
    assert spans(told) == dropped
    assert all("late, more than 3 s" in event.reason for event in told)
    assert queue.dropped() == [], "each is told once"


def test_a_clause_that_was_begun_is_spoken_to_its_end() -> None:
    queue = full(second(), config=LagConfig(max_lag_s=1.0))
    first = queue.pull(0.0, 0.5)
    assert first is not None
    assert first.begins
    assert len(clause(queue, 99.0)) + len(first.samples) == RATE_HZ
    assert queue.dropped() == []


def test_a_clause_that_begins_with_silence_and_comes_too_late_is_not_spoken() -> None:
    queue = SpeechQueue(LagConfig(max_lag_s=3.0))
    queue.put(speech(0, silence(1_600)), 0.0, 0.0)
    assert queue.pull(0.1, 0.1) is None, "silence is trimmed"
    queue.put(speech(0, second()), 0.0, 20.0)
    queue.end_utterance()
    assert [piece.samples for piece in pulled(queue, 20.0)] == []
    assert spans(queue.dropped()) == [0]


def test_a_clause_dropped_while_more_of_it_comes_is_told_once() -> None:
    queue = SpeechQueue(LagConfig(max_lag_s=3.0))
    for number in range(5):
        queue.put(speech(0, second(number, 0.2)), 0.0, 10.0)
        assert queue.pull(10.0, 10.0) is None
    queue.end_utterance()
    assert spans(queue.dropped()) == [0]


def test_too_much_speech_drops_the_oldest() -> None:
    queue = full(*[second(n) for n in range(5)], config=LagConfig(room_ms=3_000))
    told = queue.dropped()
    assert spans(told) == [0, 1]
    assert {event.reason for event in told} == {"too much speech waited"}
    assert {piece.clause.utterance for piece in pulled(queue)} == {2, 3, 4}


def test_dropping_all_tells_the_one_that_is_spoken_too() -> None:
    queue = full(second(1), second(2), second(3))
    queue.pull(0.0, 0.0)
    queue.drop_all("enough")
    assert [(event.utterance, event.reason) for event in queue.dropped()] == [
        (0, "enough"),
        (1, "enough"),
        (2, "enough"),
    ]
    assert queue.is_empty
    assert queue.pull(0.0, 0.0) is None
    queue.put(speech(3, second(4)), 0.0, 0.0)
    queue.end_utterance()
    assert len(clause(queue)) == RATE_HZ


@needs_libsonic
@pytest.mark.parametrize(
    ("waiting_s", "speed"),
    [(0.0, 1.0), (0.2, 1.0), (0.5, 1.05), (1.5, 1.15), (2.0, 1.2), (3.0, 1.3), (30.0, 1.3)],
)
def test_a_clause_starts_as_fast_as_what_waits_behind_it_asks(
    waiting_s: float, speed: float
) -> None:
    queue = full(second(), second(2, waiting_s)) if waiting_s else full(second())
    queue.pull(0.0, 0.0)
    assert queue.speed == pytest.approx(speed)


def speeds_of(queue: SpeechQueue) -> list[tuple[float, float]]:
    """While one clause is handed out: how much of it was made by then, in ms, and the speed."""
    seen: list[tuple[float, float]] = []
    for piece in pulled(queue):
        if piece.clause.utterance == 0:
            seen.append((1000 * piece.clause.made_samples / RATE_HZ, queue.speed))
        if piece.ends:
            break
    return seen


@needs_libsonic
def test_within_a_clause_the_speed_goes_up_in_small_steps_that_hold() -> None:
    queue = full(second(1, 8.0))
    queue.pull(0.0, 0.0)
    assert queue.speed == 1.0
    queue.put(speech(1, second(2, 5.0)), 0.0, 0.0)
    seen = speeds_of(queue)[:-1]
    speeds = [speed for _, speed in seen]
    assert speeds == sorted(speeds)
    assert speeds[-1] == pytest.approx(1.3)
    changes = [
        (at_ms, after - before) for (_, before), (at_ms, after) in pairwise(seen) if after != before
    ]
    assert [step for _, step in changes] == pytest.approx([0.05] * 6)
    times = [at_ms for at_ms, _ in changes]
    assert all(b - a >= 500 - 40 for a, b in pairwise(times)), "seen a piece of 40 ms later"


@needs_libsonic
@pytest.mark.parametrize("behind_s", [0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
def test_under_steady_pressure_the_speed_is_steady(behind_s: float) -> None:
    queue = full(second(1, 12.0))
    queue.pull(0.0, 0.0)
    queue.put(speech(1, second(2, behind_s)), 0.0, 0.0)
    speeds = [speed for _, speed in speeds_of(queue)[:-1]]
    assert speeds == sorted(speeds)
    assert speeds[-1] == pytest.approx(1.0 + 0.1 * behind_s)


@needs_libsonic
def test_when_nothing_waits_any_more_the_speed_goes_down_again() -> None:
    queue = full(second(1, 8.0), second(2, 3.0))
    queue.pull(0.0, 0.0)
    assert queue.speed == pytest.approx(1.3)
    queue._waiting.clear()  # as when what waited was dropped for being late
    speeds = [speed for _, speed in speeds_of(queue)[:-1]]
    assert speeds == sorted(speeds, reverse=True)
    assert speeds[-1] == 1.0


@needs_libsonic
@pytest.mark.parametrize("max_speed", [1.0, 1.1, 1.3])
def test_no_speech_is_faster_than_allowed(max_speed: float) -> None:
    queue = full(second(1, 6.0), second(2, 9.0), config=LagConfig(max_speed=max_speed))
    speeds = [speed for _, speed in speeds_of(queue)[:-1]]
    assert max(speeds) == pytest.approx(max_speed)


@needs_libsonic
def test_a_faster_clause_is_shorter_by_its_speed_and_says_both_lengths() -> None:
    queue = full(second(1, 4.0), second(2, 9.0))
    pieces = [piece for piece in pulled(queue) if piece.clause.utterance == 0]
    given = sum(len(piece.samples) for piece in pieces)
    assert given == pytest.approx(4.0 * RATE_HZ / 1.3, rel=0.01)
    assert pieces[-1].clause.given_samples == given
    assert pieces[-1].clause.made_samples == 4 * RATE_HZ


@pytest.mark.parametrize(
    ("max_lag_s", "max_speed"), [(0.0, 1.3), (-1.0, 1.3), (6.0, 0.9), (6.0, 1.4)]
)
def test_settings_that_make_no_sense_are_refused(max_lag_s: float, max_speed: float) -> None:
    with pytest.raises(ValueError, match="max_"):
        LagConfig(max_lag_s, max_speed)

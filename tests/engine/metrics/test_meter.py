"""What a live session measured, on events written by hand."""

import tracemalloc

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, silence
from engine.events import (
    AudioLost,
    Event,
    SourceText,
    SpeechDropped,
    SpeechPlayed,
    Stamped,
    TargetAudio,
    TargetText,
)
from engine.metrics.meter import SILENT_DB, Lag, Meter, Percentiles, count_words
from engine.session import Heard

RATE_HZ = 16_000


def stamped(event: Event, heard_s: float = 0.0) -> Stamped:
    return Stamped(event, 0.0, 0.0, heard_s, None)


def audio(utterance: int, start_s: float, end_s: float, language: str = "spa") -> TargetAudio:
    return TargetAudio(utterance, language, AudioChunk(silence(16), RATE_HZ), start_s, end_s)


def played(
    utterance: int, start_s: float, end_s: float, times: tuple[float, float, float, float, float]
) -> SpeechPlayed:
    """The times: source ended, made, taken, started, ended."""
    return SpeechPlayed(utterance, "spa", start_s, end_s, *times, speed=1.0)


@pytest.mark.parametrize(
    ("heard_s", "times", "parts"),
    [
        # The clause lies from 1 to 3 s of the source; the clock stood at 103 when it ended.
        # heard by then; source ended, made, taken, started, ended; waiting, computing, queue,
        # playback, speech
        (3.5, (103.0, 104.0, 105.0, 105.25, 107.25), (0.5, 0.5, 1.0, 0.25, 2.0)),
        (3.0, (103.0, 103.5, 103.5, 103.75, 104.0), (0.0, 0.5, 0.0, 0.25, 0.25)),
        # A simultaneous engine speaks before the clause is heard to its end.
        (2.0, (103.0, 102.5, 102.5, 102.75, 105.0), (0.0, -0.5, 0.0, 0.25, 2.25)),
    ],
)
def test_the_parts_of_a_lag_add_up_to_it(
    heard_s: float,
    times: tuple[float, float, float, float, float],
    parts: tuple[float, float, float, float, float],
) -> None:
    meter = Meter("spa")
    meter.hear(stamped(audio(4, 1.0, 3.0), heard_s))
    meter.hear(stamped(audio(4, 1.0, 3.0), heard_s + 9.0))  # only the first piece counts
    meter.hear(stamped(played(4, 1.0, 3.0, times)))
    assert meter.lag == Lag(*parts)
    assert meter.lag is not None
    assert meter.lag.start_s == times[3] - times[0]
    assert meter.lag.end_s == times[4] - times[0]
    assert meter.tally.start_lags_s == [times[3] - times[0]]
    assert meter.tally.end_lags_s == [times[4] - times[0]]


def test_a_clause_whose_making_was_not_seen_still_adds_up() -> None:
    meter = Meter("spa")
    meter.hear(stamped(played(0, 1.0, 3.0, (3.0, 4.0, 4.5, 5.0, 6.0))))
    assert meter.lag == Lag(0.0, 1.0, 0.5, 0.5, 1.0)


def test_each_clause_has_its_own_waiting() -> None:
    meter = Meter("spa")
    meter.hear(stamped(audio(0, 0.0, 1.0), 1.5))
    meter.hear(stamped(audio(0, 1.0, 2.0), 3.0))
    meter.hear(stamped(played(0, 0.0, 1.0, (1.0, 2.0, 2.0, 2.0, 3.0))))
    assert meter.lag is not None
    assert meter.lag.waiting_s == 0.5
    meter.hear(stamped(played(0, 1.0, 2.0, (2.0, 3.5, 3.5, 3.5, 4.0))))
    assert meter.lag.waiting_s == 1.0


def test_all_that_happened_is_counted() -> None:
    meter = Meter("spa")
    words = SourceText(0, "eng", " two words", 0.0, 1.0, committed=True)
    guess = SourceText(0, "eng", " a guess", 0.0, 1.0, committed=False)
    said = TargetText(0, "spa", " dos palabras más", 0.0, 1.0, committed=True)
    maybe = TargetText(0, "spa", " quizás", 0.0, 1.0, committed=False)
    for event in (words, guess, said, maybe):
        meter.hear(stamped(event))
    meter.hear(stamped(SpeechDropped(0, "spa", 1.0, 3.5, "late")))
    meter.hear(stamped(SpeechDropped(1, "spa", 4.0, 5.0, "late")))
    meter.hear(stamped(SpeechDropped(1, "cat", 4.0, 5.0, "not spoken at all")))
    meter.hear(stamped(AudioLost(6.0, 6.25, "overrun")))
    meter.hear(stamped(AudioLost(8.0, 9.0, "overrun")))
    tally = meter.tally
    assert (tally.source_words, sum(tally.target_words.values())) == (2, 3)
    assert (tally.dropped_clauses, tally.dropped_s) == (2, 3.5)
    assert (tally.lost_count, tally.lost_s) == (2, 1.25)
    assert tally.start_lag is None
    assert tally.end_lag is None


def test_lags_have_a_median_and_a_high_end() -> None:
    meter = Meter("spa")
    for number in range(1, 101):
        meter.hear(stamped(played(number, 0.0, 1.0, (0.0, 0.0, 0.0, number / 10, number / 5))))
    assert meter.tally.start_lag == Percentiles(5.05, 9.505)
    assert str(meter.tally.end_lag) == "10.1 s median, 19.0 s p95"
    assert meter.start_lag_median_s == pytest.approx(9.05), "of the last 20: 8.1 to 10.0"


def heard(sound_s: float, busy_s: float, level: float = 0.5, late_s: float = 0.0) -> Heard:
    samples = np.full(round(sound_s * RATE_HZ), level, np.float32)
    chunk = AudioChunk(samples, RATE_HZ, captured_at_s=100.0 - late_s)
    return Heard(chunk, 100.0, 100.0 + busy_s)


@pytest.mark.parametrize(
    ("steps", "slowness"),
    [
        ([(0.1, 0.2)] * 49, None),  # less than 5 s says nothing
        ([(0.1, 0.2)] * 51, 2.0),
        ([(0.1, 0.05)] * 200, 0.5),
        ([(0.1, 5.0)] * 50 + [(0.1, 0.05)] * 100, 0.5),  # only the last 10 s count
        ([(0.1, 0.0)] * 90 + [(0.1, 10.0)], 10 / 9.1),
        ([], None),
    ],
)
def test_slowness(steps: list[tuple[float, float]], slowness: float | None) -> None:
    meter = Meter(None)
    for sound_s, busy_s in steps:
        meter.progress(heard(sound_s, busy_s))
    assert meter.slowness == (None if slowness is None else pytest.approx(slowness, rel=0.02))


def test_a_chunk_without_sound_changes_nothing() -> None:
    meter = Meter(None)
    meter.progress(heard(1.0, 0.5))
    level_db = meter.level_db
    meter.progress(Heard(AudioChunk(silence(0), RATE_HZ, captured_at_s=1.0), 100.0, 105.0))
    assert (meter.level_db, meter.waiting_s) == (level_db, 0.0)


@pytest.mark.parametrize(
    ("level", "level_db"), [(1.0, 0.0), (0.5, -6.02), (0.001, -60.0), (0.0, SILENT_DB)]
)
def test_the_level_is_that_of_the_last_chunk(level: float, level_db: float) -> None:
    meter = Meter(None)
    assert meter.level_db == SILENT_DB
    meter.progress(heard(0.1, 0.0, level))
    assert meter.level_db == pytest.approx(level_db, abs=0.01)


def test_how_old_the_sound_is_when_the_engine_gets_it() -> None:
    meter = Meter(None)
    meter.progress(heard(0.1, 0.0, late_s=2.5))
    assert meter.waiting_s == 2.5
    meter.progress(heard(0.1, 0.0, late_s=-0.1))  # a clock that is a little ahead
    assert meter.waiting_s == 0.0


def test_speech_that_is_never_played_does_not_gather() -> None:
    meter = Meter("spa")

    def speak(first: int, last: int) -> int:
        for number in range(first, last):
            meter.hear(stamped(audio(number, number, number + 1.0)))
            meter.progress(heard(0.1, 0.05))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = speak(0, 1_000)
        after = speak(1_000, 5_000)
    finally:
        tracemalloc.stop()
    assert after - before < 20_000


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("We have [unclear] dogs.", "eng", 3),
        ("[unclear].", "eng", 0),
        ("They [sic] have dogs", "eng", 4),
        ("今日[unclear]は", "jpn", 3),
        ("[unclear]今日は", "jpn", 3),
    ],
)
def test_marks_for_unclear_words_are_not_counted(text: str, language: str, words: int) -> None:
    assert count_words(text, language) == words

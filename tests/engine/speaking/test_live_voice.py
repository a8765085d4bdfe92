"""Speech through a speaker that plays on a clock moved by hand; once with the real thread."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, Samples, silence
from audio_io.clock import Clock, WallClock
from audio_io.stretch import stretch_available
from engine.events import Event, SpeechDropped, SpeechPlayed, TargetAudio
from engine.speaking.live_voice import PAUSE_MS, LiveVoice
from engine.speaking.speech_queue import LagConfig
from tests.live_fakes import HandClock, joined, noise, until

RATE_HZ = 16_000
DEVICE_S = 0.05
"""How long the card of these tests takes to play what it was given."""

needs_libsonic = pytest.mark.skipif(not stretch_available(), reason="libsonic is not installed")


class PlayingSink:
    """A `LiveSink` that plays as time goes by: what is written waits, and when nothing waits the
    card plays silence."""

    def __init__(self, clock: Clock) -> None:
        self.sample_rate_hz = RATE_HZ
        self.ready = True
        self.written: list[Samples] = []
        self._clock = clock
        self._starts: list[tuple[int, int, float]] = []
        """First and last position of each piece, and when its first sample leaves for the card."""
        self._free_at_s = 0.0
        """When all that was written has left."""
        self._position = 0

    def write(self, chunk: AudioChunk) -> None:
        if not self.ready:
            return
        begins_s = max(self._clock.now_s(), self._free_at_s)
        count = len(chunk.samples)
        self._starts.append((self._position, self._position + count, begins_s))
        self._free_at_s = begins_s + count / RATE_HZ
        self._position += count
        self.written.append(chunk.samples)

    def close(self) -> None:
        pass

    def check(self) -> None:
        pass

    def begin(self, latest_s: float) -> None:
        pass

    def has_refused(self, position: int) -> bool:
        return False

    @property
    def queued_ms(self) -> float:
        return 1000 * max(0.0, self._free_at_s - self._clock.now_s())

    @property
    def ahead_s(self) -> float:
        return self.queued_ms / 1000 + DEVICE_S

    @property
    def position(self) -> int:
        return self._position

    @property
    def played_samples(self) -> int:
        return self._position

    def heard_at_s(self, position: int) -> float | None:
        for first, end, begins_s in self._starts:
            if first <= position < end:
                left_s = begins_s + (position - first) / RATE_HZ
                return left_s + DEVICE_S if left_s < self._clock.now_s() else None
        return None

    def drop_unplayed(self) -> int:
        now_s = self._clock.now_s()
        dropped = round(max(0.0, self._free_at_s - now_s) * RATE_HZ)
        kept = [piece for piece in self._starts if piece[2] < now_s]
        if kept:
            first, end, begins_s = kept[-1]
            kept[-1] = (first, min(end, first + round((now_s - begins_s) * RATE_HZ)), begins_s)
        self._starts = kept
        self._free_at_s = min(self._free_at_s, now_s)
        return dropped

    def lose(self) -> None:
        """The device goes; what was on its way is never heard."""
        self.drop_unplayed()
        self.ready = False

    def come_back(self) -> None:
        """Opened anew it counts from 0, as `Speaker` does, and knows nothing of before."""
        self._starts, self._position, self.ready = [], 0, True


@dataclass
class Stage:
    """A voice and its speaker, moved on by hand."""

    config: LagConfig | None = None
    events: list[Event] = field(default_factory=list)
    kept: list[tuple[Samples, float, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = HandClock(100.0)
        self.sink = PlayingSink(self.clock)
        self.voice = LiveVoice(
            self.sink, self.config, self.clock, lambda *played: self.kept.append(played)
        )

    def say(self, utterance: int, samples: Samples, source_end_at_s: float | None = None) -> None:
        chunk = AudioChunk(samples, RATE_HZ)
        event = TargetAudio(utterance, "spa", chunk, utterance, utterance + 1)
        self.voice.take(event, source_end_at_s)

    def end(self, utterance: int) -> None:
        self.voice.end_utterance(utterance)

    def go_on(self, seconds: float) -> None:
        end_s = self.clock.now_s() + seconds
        turns = 0
        while self.clock.now_s() < end_s:
            self.clock.advance(min(0.02, self.voice.turn()))
            turns += 1
            assert turns < 200 * seconds + 1000, "it spins"
        self.events += self.voice.news()

    @property
    def played(self) -> dict[int, SpeechPlayed]:
        return {event.utterance: event for event in self.events if isinstance(event, SpeechPlayed)}

    @property
    def dropped(self) -> dict[int, str]:
        return {
            event.utterance: event.reason
            for event in self.events
            if isinstance(event, SpeechDropped)
        }


def second(seed: int = 1, seconds: float = 1.0) -> Samples:
    return noise(round(seconds * RATE_HZ), 0.1, seed)


def test_a_clause_is_heard_as_it_was_made_and_its_times_are_told() -> None:
    stage = Stage()
    sound = second()
    stage.say(0, sound, source_end_at_s=98.5)
    stage.end(0)
    stage.go_on(3.0)
    pause = silence(RATE_HZ * PAUSE_MS // 1000)
    np.testing.assert_array_equal(joined(stage.sink.written), joined([sound, pause]))
    (played,) = stage.events
    assert isinstance(played, SpeechPlayed)
    assert (played.utterance, played.language, played.speed) == (0, "spa", 1.0)
    assert (played.start_s, played.end_s) == (0, 1)
    assert (played.source_end_at_s, played.made_at_s, played.taken_at_s) == (98.5, 100.0, 100.0)
    assert played.started_at_s == pytest.approx(100.0 + DEVICE_S)
    assert played.ended_at_s == pytest.approx(101.0 + DEVICE_S, abs=0.001)


def test_clauses_follow_each_other_after_a_pause() -> None:
    stage = Stage(LagConfig(max_speed=1.0))
    for number in range(3):
        stage.say(number, second(number), 100.0)
        stage.end(number)
    stage.go_on(5.0)
    starts = [stage.played[number].started_at_s for number in range(3)]
    assert starts == pytest.approx([100.05, 101.2, 102.35], abs=0.001)
    assert [stage.played[number].taken_at_s for number in range(3)] == pytest.approx(
        [100.0, 101.1, 102.25], abs=0.05
    ), "each is chosen less than 60 ms and a turn before it is heard"


def test_speech_of_a_file_counts_from_when_it_was_made() -> None:
    stage = Stage()
    stage.say(0, second(), None)
    stage.end(0)
    stage.go_on(2.0)
    assert stage.played[0].source_end_at_s == 100.0


@pytest.mark.parametrize("max_lag_s", [1.5, 3.0, 6.0])
@pytest.mark.parametrize("length_s", [0.5, 1.5, 2.5])
def test_no_clause_starts_later_than_allowed_and_each_is_played_or_told(
    max_lag_s: float, length_s: float
) -> None:
    stage = Stage(LagConfig(max_lag_s=max_lag_s))
    count = 40
    for number in range(count):  # a second of source makes length_s of speech
        stage.say(number, second(number, length_s), stage.clock.now_s())
        stage.end(number)
        stage.go_on(1.0)
    stage.go_on(max_lag_s + 4 * length_s)
    assert sorted([*stage.played, *stage.dropped]) == list(range(count))
    lags = [event.started_at_s - event.source_end_at_s for event in stage.played.values()]
    assert max(lags) <= max_lag_s + 0.001
    starts = [event.started_at_s for event in stage.played.values()]
    ends = [event.ended_at_s for event in stage.played.values()]
    assert list(stage.played) == sorted(stage.played)
    assert all(start > end for start, end in zip(starts[1:], ends, strict=False))
    if length_s < 1.0:
        assert stage.dropped == {}
        assert {event.speed for event in stage.played.values()} == {1.0}
    if length_s > 1.3:
        assert stage.dropped
        assert all("late" in reason for reason in stage.dropped.values())
        spoken_s = sum(event.ended_at_s - event.started_at_s for event in stage.played.values())
        assert spoken_s > 0.75 * (stage.clock.now_s() - 100 - max_lag_s - 4 * length_s), "busy"


@needs_libsonic
def test_speech_gets_faster_while_more_waits_and_that_is_told() -> None:
    stage = Stage(LagConfig(max_lag_s=20.0))
    for number in range(6):
        stage.say(number, second(number, 2.0), 100.0)
        stage.end(number)
    stage.go_on(0.1)
    assert stage.voice.speed == pytest.approx(1.3)
    assert stage.voice.queued_ms > 10_000
    stage.go_on(15.0)
    speeds = [stage.played[number].speed for number in range(6)]
    assert speeds[:4] == pytest.approx([1.3] * 4, abs=0.02)
    assert speeds[-1] == 1.0
    assert all(after < before + 0.01 for before, after in pairwise(speeds))
    for event in stage.played.values():
        assert event.ended_at_s - event.started_at_s == pytest.approx(2.0 / event.speed, rel=0.01)


def test_pieces_that_come_slowly_are_spoken_as_they_come() -> None:
    stage = Stage()
    sound = second(1, 1.0)
    last_at_s = 0.0
    for at in range(0, len(sound), 1_600):  # 100 ms of speech every 300 ms
        last_at_s = stage.clock.now_s()
        stage.say(0, sound[at : at + 1_600], 100.0)
        stage.go_on(0.3)
    stage.end(0)
    stage.go_on(1.0)
    (played,) = stage.events
    assert isinstance(played, SpeechPlayed)
    assert played.started_at_s == pytest.approx(100.05)
    assert played.ended_at_s == pytest.approx(last_at_s + 0.1 + DEVICE_S, abs=0.001)
    np.testing.assert_array_equal(joined(stage.sink.written)[: len(sound)], sound)


def test_while_the_speaker_is_away_late_clauses_are_dropped_and_others_wait() -> None:
    stage = Stage(LagConfig(max_lag_s=3.0))
    stage.sink.ready = False
    stage.say(0, second(0), 99.0)
    stage.end(0)
    stage.go_on(2.5)
    assert list(stage.dropped) == [0]
    stage.say(1, second(1), stage.clock.now_s())
    stage.end(1)
    stage.go_on(1.0)
    stage.sink.ready = True
    stage.go_on(3.0)
    assert list(stage.dropped) == [0]
    assert stage.played[1].started_at_s == pytest.approx(103.6, abs=0.15)


def test_a_clause_whose_end_was_lost_with_the_speaker_is_told_as_cut_short() -> None:
    stage = Stage()
    stage.say(0, second(0, 0.05), 100.0)
    stage.end(0)
    stage.voice.turn()
    stage.voice.turn()
    stage.sink.lose()
    stage.go_on(3.0)
    assert stage.dropped == {0: "it was cut short"}
    assert stage.played == {}


def test_a_speaker_that_goes_in_mid_word_and_never_returns_leaves_nothing_waiting() -> None:
    stage = Stage(LagConfig(max_lag_s=3.0))
    stage.say(0, second(0, 3.0), 100.0)
    stage.end(0)
    stage.go_on(1.0)
    stage.sink.lose()
    stage.go_on(30.0)
    assert list(stage.dropped) == [0]
    assert stage.voice.queued_ms == 0


def test_a_clause_around_a_lost_speaker_is_not_given_the_times_of_another() -> None:
    stage = Stage()
    stage.say(0, second(0, 0.5), 100.0)
    stage.end(0)
    stage.go_on(1.0)
    stage.say(1, second(1, 3.0), 101.0)
    stage.end(1)
    stage.go_on(1.0)
    stage.sink.lose()
    stage.go_on(1.0)
    stage.sink.come_back()
    stage.go_on(6.0)
    assert sorted([*stage.played, *stage.dropped]) == [0, 1]
    if 1 in stage.played:
        assert stage.played[1].started_at_s == pytest.approx(101.07, abs=0.05)


def test_dropping_is_silence_at_once_and_for_good() -> None:
    stage = Stage()
    for number in range(3):
        stage.say(number, second(number), 100.0)
        stage.end(number)
    stage.go_on(0.5)
    written = len(stage.sink.written)
    stage.voice.drop("the session was ended")
    assert stage.sink.queued_ms == 0
    stage.say(3, second(3), 100.5)
    stage.end(3)
    stage.go_on(3.0)
    assert len(stage.sink.written) == written
    assert list(stage.dropped) == [0, 1, 2, 3]
    assert set(stage.dropped.values()) == {"the session was ended"}
    assert stage.played == {}
    stage.voice.finish()
    assert list(stage.voice.news()) == []


def test_everything_played_is_kept_with_when_it_will_be_heard() -> None:
    stage = Stage()
    sounds = [second(number, 0.5) for number in range(2)]
    stage.say(0, sounds[0], 100.0)
    stage.end(0)
    stage.go_on(2.0)
    stage.say(1, sounds[1], 102.0)
    stage.end(1)
    stage.go_on(2.0)
    kept = [samples for samples, _, _ in stage.kept]
    np.testing.assert_array_equal(joined(kept), joined(stage.sink.written))
    begun = [at_s for _, at_s, begins in stage.kept if begins]
    assert begun == pytest.approx([stage.played[number].started_at_s for number in range(2)])
    ends = [at_s + len(samples) / RATE_HZ for samples, at_s, _ in stage.kept]
    starts = [at_s for _, at_s, _ in stage.kept]
    assert all(
        start == pytest.approx(end) or start in begun
        for end, start in zip(ends, starts[1:], strict=False)
    )
    assert all(after >= before for before, after in pairwise(starts))


@pytest.mark.parametrize(
    "before",
    [
        0,
        1,
    ],
)
def test_a_clause_of_silence_is_told_once_and_does_not_end_before_it_starts(before: int) -> None:
    stage = Stage()
    for number in range(before):
        stage.say(number, second(), 100.0)
        stage.end(number)
    stage.say(before, silence(RATE_HZ), 100.0)
    stage.end(before)
    stage.go_on(5.0)
    assert [event.utterance for event in stage.events] == list(range(before + 1))  # type: ignore[union-attr]
    for event in stage.played.values():
        assert event.ended_at_s >= event.started_at_s


def waiting(voice: LiveVoice) -> Iterator[Event]:
    """What finishing tells; fails when it takes too long."""
    thread = threading.Thread(target=voice.finish, daemon=True)
    thread.start()
    thread.join(10.0)
    assert not thread.is_alive(), "it never finishes"
    return voice.news()


def test_a_real_thread_plays_all_and_finishes() -> None:
    clock = WallClock()
    sink = PlayingSink(clock)
    voice = LiveVoice(sink, LagConfig(max_speed=1.0))
    voice.start()
    sounds = [second(number, 0.15) for number in range(3)]
    began_s = time.monotonic()
    for number, sound in enumerate(sounds):
        chunk = AudioChunk(sound, RATE_HZ)
        voice.take(TargetAudio(number, "spa", chunk, number, number + 1), began_s)
        voice.end_utterance(number)
    events = list(waiting(voice))
    assert [type(event) for event in events] == [SpeechPlayed] * 3
    assert time.monotonic() - began_s >= 0.7, "it waited until the last was heard"
    pause = silence(RATE_HZ * PAUSE_MS // 1000)
    parts = [part for sound in sounds for part in (sound, pause)]
    np.testing.assert_array_equal(joined(sink.written), joined(parts))


def test_a_real_thread_with_nothing_to_say_finishes_at_once() -> None:
    voice = LiveVoice(PlayingSink(WallClock()))
    voice.start()
    assert list(waiting(voice)) == []


def test_dropping_ends_the_waiting_of_one_that_finishes() -> None:
    voice = LiveVoice(PlayingSink(WallClock()))
    voice.start()
    chunk = AudioChunk(second(0, 8.0), RATE_HZ)
    voice.take(TargetAudio(0, "spa", chunk, 0, 1), time.monotonic())
    assert until(lambda: voice.queued_ms > 0)
    threading.Timer(0.2, voice.drop, ["enough"]).start()
    (event,) = waiting(voice)
    assert isinstance(event, SpeechDropped)
    assert event.reason == "enough"


class BrokenSink(PlayingSink):
    def check(self) -> None:
        raise OSError("the card is on fire")


def test_an_error_of_the_thread_is_raised_where_the_session_asks_and_ends_the_waiting() -> None:
    voice = LiveVoice(BrokenSink(WallClock()))
    voice.start()
    with pytest.raises(OSError, match="on fire"):
        while True:
            list(voice.news())
            assert until(lambda: True)
    assert list(waiting(voice)) == []

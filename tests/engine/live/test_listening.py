"""What is said while nobody listens is heard by nobody, and kept by none."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_io.chunk import AudioChunk, Samples
from audio_io.clock import ClockedSource
from audio_io.cut import CutSource
from audio_io.ports import AudioSource
from audio_io.tee import RecordedSource
from cli.live.ends import SpeakerLoudness
from engine.agent import StreamRequest
from engine.events import Event
from engine.live.conversation import Conversation, Ends
from engine.live.happenings import HappeningQueue
from engine.live.listening import HeardSource, Listening
from engine.live.recorder import Recorder
from engine.stepper import DirectStepper
from tests.fakes import RATE_HZ, ListSource, ParrotAgent, ParrotState, chunks
from tests.live_fakes import HandClock, joined, noise

SOUND = noise(3 * RATE_HZ)


class ListeningAgent(ParrotAgent):
    """A parrot that remembers all it heard."""

    def __init__(self) -> None:
        self.heard: list[Samples] = []

    def step(self, chunk: AudioChunk, state: ParrotState) -> Iterator[Event]:
        self.heard.append(chunk.samples)
        yield from super().step(chunk, state)


class Pressing:
    """A source during whose chunks somebody presses a key."""

    sample_rate_hz = RATE_HZ
    duration_s = None

    def __init__(self, source: AudioSource, press: Callable[[int], None]) -> None:
        self._source = source
        self._press = press

    def __iter__(self) -> Iterator[AudioChunk]:
        for number, chunk in enumerate(self._source):
            self._press(number)
            yield chunk

    def close(self) -> None:
        self._source.close()


class Talk:
    """3 s of sound in a conversation that is recorded; the engine is half a second behind."""

    def __init__(self, folder: Path, keys: dict[int, str], **how: bool) -> None:
        self.clock = HandClock(100.0)
        queue = HappeningQueue(clock=self.clock)
        by_hand, keeps_all = how.get("by_hand", False), how.get("keeps_all", False)
        listening = Listening(not by_hand)
        self.recorder = Recorder(folder, (), lambda text: None, queue.stream, keeps_all=keeps_all)
        sink = self.recorder.source_sink(RATE_HZ)
        listed = [replace(c, captured_at_s=100.0 + c.end_s) for c in chunks(SOUND)]
        source: AudioSource = ClockedSource(ListSource(listed), queue.stream)
        if keeps_all:
            source = RecordedSource(source, sink)
        source = HeardSource(source, listening)
        if not keeps_all:
            source = RecordedSource(source, sink)

        def press(number: int) -> None:
            self.clock.time_s = 100.5 + number / 10
            match keys.get(number):
                case "pause":
                    self.conversation.toggle_pause()
                case "talk":
                    self.conversation.toggle_talk()

        ends = Ends(CutSource(Pressing(source, press)), lambda: None, None, SpeakerLoudness(None))
        self.agent = ListeningAgent()
        self.conversation = Conversation(
            StreamRequest("eng", ("spa",)),
            ends,
            DirectStepper(self.agent),
            queue,
            push_to_talk=by_hand,
            recorder=self.recorder,
            listening=listening,
        )
        self.conversation.start()
        assert self.conversation.over.wait(10)
        assert self.conversation.error is None
        self.recorder.close()

    @property
    def kept(self) -> Samples:
        samples: Samples = soundfile.read(self.recorder.folder / "source.wav", dtype="float32")[0]
        return samples

    def lines(self) -> list[dict[str, object]]:
        text = (self.recorder.folder / "transcript.jsonl").read_text()
        records = [json.loads(line) for line in text.splitlines()]
        return [record for record in records if record["type"] in ("paused", "resumed")]


def silent(*spans: tuple[float, float]) -> Samples:
    """The sound, silent there."""
    sound = SOUND.copy()
    for start_s, end_s in spans:
        sound[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)] = 0.0
    return sound


def test_what_is_said_while_paused_is_silence_in_the_recording_and_a_line_tells(
    tmp_path: Path,
) -> None:
    # The keys are pressed at 1.05 and 2.0 s, when the engine is at 0.5 and 1.5 s.
    talk = Talk(tmp_path / "kept", {5: "pause", 15: "pause"})
    np.testing.assert_allclose(talk.kept, silent((1.0, 2.0)), atol=1 / 32768)
    assert talk.lines() == [
        {"type": "paused", "start_s": 1.0, "recorded": False, "at_s": 1.0},
        {"type": "resumed", "start_s": 2.0, "recorded": True, "at_s": 2.0},
    ]
    heard = joined(talk.agent.heard)
    np.testing.assert_array_equal(heard, np.concatenate([SOUND[:RATE_HZ], SOUND[2 * RATE_HZ :]]))


def test_before_and_after_somebody_talks_by_hand_nothing_is_kept(tmp_path: Path) -> None:
    talk = Talk(tmp_path / "kept", {5: "talk", 15: "talk"}, by_hand=True)
    np.testing.assert_allclose(talk.kept, silent((0.0, 1.0), (2.0, 3.0)), atol=1 / 32768)
    assert [(line["type"], line["start_s"]) for line in talk.lines()] == [
        ("paused", 0.0),
        ("resumed", 1.0),
        ("paused", 2.0),
    ]
    np.testing.assert_array_equal(joined(talk.agent.heard), SOUND[RATE_HZ : 2 * RATE_HZ])


def test_who_asked_for_all_gets_all_and_the_engine_hears_no_more_than_before(
    tmp_path: Path,
) -> None:
    talk = Talk(tmp_path / "kept", {5: "pause", 15: "pause"}, keeps_all=True)
    np.testing.assert_allclose(talk.kept, SOUND, atol=1 / 32768)
    assert [line["recorded"] for line in talk.lines()] == [True, True]
    assert len(joined(talk.agent.heard)) == 2 * RATE_HZ


@pytest.mark.parametrize(
    ("start_s", "end_s", "expected"),
    [(0.0, 1.0, (1.0, 1.0)), (0.9, 1.1, (1.0, 1.1)), (1.2, 1.4, (1.2, 1.4)), (0.5, 2.5, (1.0, 2.0)),
     (1.9, 2.1, (1.9, 2.0)), (2.0, 2.2, (2.0, 2.0))],
)  # fmt: skip
def test_a_chunk_is_silent_to_the_sample(
    start_s: float, end_s: float, expected: tuple[float, float]
) -> None:
    listening = Listening()
    listening.switch(1.0, False)
    listening.switch(2.0, True)
    first, end = round(start_s * RATE_HZ), round(end_s * RATE_HZ)
    chunk = AudioChunk(SOUND[first:end], RATE_HZ, first)
    np.testing.assert_array_equal(listening.heard(chunk).samples, silent(expected)[first:end])

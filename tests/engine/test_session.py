"""The session: routing, stamps, lost sound, controls, and the end."""

from collections.abc import Iterator

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, Boundary, silence
from engine.agent import StreamControls, StreamRequest
from engine.events import (
    AudioLost,
    Event,
    SpeechDropped,
    Stamped,
    TargetAudio,
    TargetText,
    UtteranceEnded,
)
from engine.session import Session
from engine.speaking.pacing import OneAfterAnother
from engine.speaking.written import WrittenVoice
from engine.stepper import DirectStepper
from tests.fakes import FakeClock, ListSink, ListSource, ParrotAgent, ParrotState, chunks

REQUEST = StreamRequest("eng", ("spa", "cat"))


def test_speech_goes_to_the_sink_of_its_language_and_events_to_every_listener() -> None:
    sinks = {"spa": ListSink(), "cat": ListSink()}
    heard: list[Stamped] = []
    also: list[Stamped] = []
    sound = np.linspace(-1, 1, 3000, dtype=np.float32)
    Session(
        ListSource(chunks(sound)),
        DirectStepper(ParrotAgent()),
        REQUEST,
        voices={code: WrittenVoice(OneAfterAnother(), sink) for code, sink in sinks.items()},
        listeners=[heard.append, also.append],
        clock=FakeClock(),
    ).run()
    for sink in sinks.values():
        assert [chunk.samples.tobytes() for chunk in sink.written] == [sound.tobytes()]
    assert [type(stamped.event) for stamped in heard] == [
        *(TargetText, TargetAudio, TargetText, TargetAudio, UtteranceEnded),
    ]
    assert also == heard
    # The clock is read when each of the three steps begins, and for each event of the last.
    assert [stamped.emitted_at_s for stamped in heard] == [4.0, 5.0, 6.0, 7.0, 8.0]
    assert {stamped.stepped_at_s for stamped in heard} == {3.0}
    assert {stamped.heard_s for stamped in heard} == {3000 / 16000}
    assert {stamped.captured_at_s for stamped in heard} == {None}


def test_a_jump_in_the_source_is_told_as_lost_sound_before_what_follows() -> None:
    first = AudioChunk(silence(1600), 16000)
    last = AudioChunk(
        silence(1600), 16000, 8000, boundary=Boundary.STREAM, lost_reason="the laptop slept"
    )
    heard: list[Event] = []
    Session(
        ListSource([first, last]),
        DirectStepper(ParrotAgent()),
        REQUEST,
        listeners=[lambda stamped: heard.append(stamped.event)],
    ).run()
    assert heard[0] == AudioLost(0.1, 0.5, "the laptop slept")
    assert not any(isinstance(event, AudioLost) for event in heard[1:])


def test_the_agent_is_told_how_much_speech_waits() -> None:
    agent = ParrotAgent()
    states: list[ParrotState] = []

    class Stepper(DirectStepper):
        def open(self, request: StreamRequest) -> ParrotState:
            states.append(agent.new_state(request))
            return states[-1]

    class Waiting(WrittenVoice):
        queued_ms = 1234.0

    voices = {"spa": Waiting(OneAfterAnother(), ListSink())}
    Session(ListSource(chunks(silence(10))), Stepper(agent), REQUEST, voices=voices).run()
    assert all(told.queued_ms == {"spa": 1234.0} for told in states[0].controls)
    assert states[0].released == 1


def test_the_state_is_released_when_the_source_fails() -> None:
    agent = ParrotAgent()
    states: list[ParrotState] = []

    class Stepper(DirectStepper):
        def open(self, request: StreamRequest) -> ParrotState:
            states.append(agent.new_state(request))
            return states[-1]

    class Broken(ListSource):
        def __iter__(self) -> Iterator[AudioChunk]:
            yield self.items[0]
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        Session(Broken(chunks(silence(10))), Stepper(agent), REQUEST).run()
    assert states[0].released == 1


def test_progress_is_told_in_stream_time() -> None:
    told: list[float] = []
    source = ListSource(chunks(silence(4000), (1600,)))
    session = Session(
        source,
        DirectStepper(ParrotAgent()),
        REQUEST,
        progress=lambda heard: told.append(heard.chunk.end_s),
    )
    session.run()
    assert told == [0.1, 0.2, 0.25, 0.25]
    assert session.heard_s == 0.25


def test_what_is_said_in_a_pause_is_not_translated_and_what_was_open_ends() -> None:
    paused = iter([False, True, True, False, False])
    heard: list[Event] = []
    source = ListSource(chunks(np.arange(400, dtype=np.float32), (100,)))
    Session(
        source,
        DirectStepper(ParrotAgent()),
        REQUEST,
        listeners=[lambda stamped: heard.append(stamped.event)],
        controls=lambda: StreamControls(paused=next(paused)),
    ).run()
    said = [e.chunk.samples for e in heard if isinstance(e, TargetAudio) and e.language == "spa"]
    assert [(sound[0], sound[-1]) for sound in said] == [(0.0, 99.0), (300.0, 399.0)]
    assert not any(isinstance(event, AudioLost) for event in heard)


def test_speech_a_pacer_holds_back_is_written_when_the_utterance_ends() -> None:
    class Holding(OneAfterAnother):
        def end_utterance(self) -> Iterator[AudioChunk]:
            yield AudioChunk(silence(5), 16000)

    sink = ListSink()
    voices = {"spa": WrittenVoice(Holding(), sink)}
    Session(
        ListSource(chunks(silence(10))), DirectStepper(ParrotAgent()), REQUEST, voices=voices
    ).run()
    assert [len(chunk.samples) for chunk in sink.written] == [10, 5]


def test_the_news_of_a_voice_are_told_after_each_chunk_and_when_it_finishes() -> None:
    class Dropping(WrittenVoice):
        said: list[Event]

        def end_utterance(self, utterance: int) -> None:
            self.said = [SpeechDropped(0, "spa", 0.0, 0.1, "too late")]

        def finish(self) -> None:
            self.said = [SpeechDropped(1, "spa", 0.1, 0.2, "it is over")]

        def news(self) -> Iterator[Event]:
            while self.said:
                yield self.said.pop()

    heard: list[Event] = []
    voice = Dropping(OneAfterAnother(), ListSink())
    voice.said = []
    session = Session(
        ListSource(chunks(silence(10))),
        DirectStepper(ParrotAgent()),
        StreamRequest("eng", ("spa",)),
        voices={"spa": voice},
        listeners=[lambda stamped: heard.append(stamped.event)],
    )
    session.run()
    kinds = [TargetText, TargetAudio, UtteranceEnded, SpeechDropped]
    assert [type(event) for event in heard] == kinds
    session.finish_voices()
    assert [type(event) for event in heard] == [*kinds, SpeechDropped]

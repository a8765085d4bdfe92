"""Our engines as SimulEval agents, so that SimulEval's own classes drive them.

    simuleval --agent-class engine.simuleval_bridge.SpeechToText --engine cascade --src eng \
        --tgt spa --source list.txt --target references.txt --source-segment-size 320

The other way, any SimulEval agent as an engine of ours, is `foreign_agent.py`.

SimulEval: an evaluation toolkit for simultaneous translation (https://aclanthology.org/2020.emnlp-demos.19).
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from simuleval.agents import AgentStates, GenericAgent
from simuleval.agents.actions import Action, ReadAction, WriteAction
from simuleval.data.segments import (
    EmptySegment,
    Segment,
    SpeechSegment,
    SpeechTextSegment,
    TextSegment,
)

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from audio_io.resample import StreamResampler
from engine.agent import Agent, StreamRequest, Task
from engine.events import Event, SourceText, TargetAudio, TargetText
from engine.languages import resolve_language
from engine.metrics.flicker import Flicker
from engine.registry import LoadOptions, choose_engine
from engine.text.unclear import without_unclear

_SPACE_MARK = "▁"


class EngineStates(AgentStates):  # type: ignore[misc]  # SimulEval has no types
    """One stream's memory: the engine's own state, and what it said that was not fetched yet."""

    def __init__(self, open_stream: Callable[[], Any], close_stream: Callable[[Any], None]) -> None:
        self._open_stream = open_stream
        self._close_stream = close_stream
        self.stream: Any = None
        self._is_open = False
        super().__init__()

    def reset(self) -> None:
        """Forget the stream; the next one opens with its first sound."""
        self.close()
        super().reset()
        self.next_sample = 0
        """Counted at the engine's rate."""
        self.resampler: StreamResampler | None = None
        self.text: list[str] = []
        self.speech: list[Samples] = []
        self.speech_rate_hz = 0
        self.flicker: Flicker | None = None
        self.unclear = 0
        """Marks for words the engine was not sure of: no words, and so not written."""

    def open(self) -> None:
        if not self._is_open:
            self.stream, self._is_open = self._open_stream(), True

    def close(self) -> None:
        """Give back what the engine lent. May be called twice."""
        if self._is_open:
            self._is_open = False
            self._close_stream(self.stream)


class EngineAgent(GenericAgent):  # type: ignore[misc]
    """An engine that SimulEval may drive. Each `states` is a stream of its own; without one, the
    agent's own is meant, as everywhere in SimulEval."""

    source_type = "speech"
    target_type = "speech_text"

    def __init__(
        self,
        engine: Agent[AudioChunk, Event, Any],
        request: StreamRequest,
        input_rate_hz: int,
        to_units: Callable[[str], str] | None = None,
    ) -> None:
        """The request names one target. `to_units` turns committed text into what SimulEval
        counts, such as pieces with spaces in between."""
        self.engine = engine
        self.request = request
        self.input_rate_hz = input_rate_hz
        self._to_units = to_units
        self._language = request.targets[0] if request.task is not Task.ASR else None
        super().__init__()

    def build_states(self) -> EngineStates:
        return EngineStates(lambda: self.engine.new_state(self.request), self.engine.release)

    def push(
        self,
        source_segment: Segment,
        states: EngineStates | None = None,
        upstream_states: list[AgentStates] | None = None,
    ) -> None:
        """Take a segment at any rate; the engine hears its own."""
        states = states or self.states
        states.source_finished = source_segment.finished
        if source_segment.is_empty and not source_segment.finished:
            return
        states.open()
        samples: Samples = silence(0)
        if not source_segment.is_empty:
            samples = np.asarray(source_segment.content, dtype=np.float32)
            if states.resampler is None and source_segment.sample_rate != self.input_rate_hz:
                states.resampler = StreamResampler(source_segment.sample_rate, self.input_rate_hz)
        if states.resampler is not None:
            samples = states.resampler.process(samples, last=source_segment.finished)
        boundary = Boundary.STREAM if source_segment.finished else Boundary.NONE
        chunk = AudioChunk(samples, self.input_rate_hz, states.next_sample, boundary=boundary)
        states.next_sample = chunk.end_sample
        for event in self.engine.step(chunk, states.stream):
            self._note(event, states)
        if states.flicker is not None:
            states.flicker.end_step()
        if source_segment.finished:
            states.close()

    def pop(self, states: EngineStates | None = None) -> Any:
        action = self.policy(states)
        return EmptySegment() if action.is_read() else action.content

    def policy(self, states: EngineStates | None = None) -> Action:
        states = states or self.states
        text, states.text = "".join(states.text), []
        speech, states.speech = states.speech, []
        finished = states.source_finished
        segment = self._segment(text, speech, states.speech_rate_hz, finished)
        return ReadAction() if segment is None else WriteAction(segment, finished)

    def _segment(
        self, text: str, speech: list[Samples], rate_hz: int, finished: bool
    ) -> Segment | None:
        """What is written, or None to read on."""
        parts = (_text_segment(text, finished), _speech_segment(speech, rate_hz, finished))
        if self.target_type == "text":
            return None if parts[0].is_empty and not finished else parts[0]
        if self.target_type == "speech":
            return None if parts[1].is_empty and not finished else parts[1]
        if all(part.is_empty for part in parts) and not finished:
            return None
        return SpeechTextSegment(text_segment=parts[0], speech_segment=parts[1])

    def _note(self, event: Event, states: EngineStates) -> None:
        if isinstance(event, TargetAudio) and event.language == self._language:
            states.speech.append(event.chunk.samples)
            states.speech_rate_hz = event.chunk.sample_rate_hz
        elif self._is_wanted(event):
            assert isinstance(event, SourceText | TargetText)
            text, marks = without_unclear(event.text)
            if self.request.partials:
                states.flicker = states.flicker or Flicker(event.language)
                states.flicker.write(text, committed=event.committed)
            if event.committed:
                states.unclear += marks
                states.text.append(text if self._to_units is None else self._to_units(text))

    def _is_wanted(self, event: Event) -> bool:
        if self._language is None:
            return isinstance(event, SourceText)
        return isinstance(event, TargetText) and event.language == self._language

    @staticmethod
    def add_args(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--engine", default="auto", help="Engine of s2st.")
        parser.add_argument("--src", default=None, help="Language that is spoken.")
        parser.add_argument("--tgt", default=None, help="Language to translate to.")
        parser.add_argument("--transcribe", action="store_true", help="Write what is said.")
        parser.add_argument(
            "--min-confidence", type=float, default=0.0, help="Leave out words less sure than this."
        )

    @classmethod
    def from_args(cls, args: argparse.Namespace) -> "EngineAgent":
        source = resolve_language(args.src or "eng").code
        target = source if args.transcribe else resolve_language(args.tgt or "spa").code
        task = Task.S2TT if cls.target_type == "text" else Task.S2ST
        request = StreamRequest(
            source=source,
            targets=(target,),
            task=Task.ASR if args.transcribe else task,
            partials=False,
            live=True,
            min_confidence=args.min_confidence,
        )
        spec = choose_engine(args.engine, request).spec
        assert spec.input_rate_hz is not None
        return cls(spec.load(LoadOptions()), request, spec.input_rate_hz)


class SpeechToText(EngineAgent):
    """An engine as SimulEval's speech-to-text agent."""

    target_type = "text"


class SpeechToSpeech(EngineAgent):
    """An engine as SimulEval's speech-to-speech agent."""

    target_type = "speech"


def pieces(model: Any, text: str) -> str:
    """Text as the pieces of a SentencePiece model with spaces in between. The space that text
    brings along is part of its first piece."""
    encoded: list[str] = model.encode(text.strip(), out_type=str)
    if encoded and not text.startswith(" ") and encoded[0].startswith(_SPACE_MARK):
        encoded[0] = encoded[0].removeprefix(_SPACE_MARK)
    return " ".join(piece for piece in encoded if piece)


def _text_segment(text: str, finished: bool) -> Segment:
    if not text:
        return EmptySegment(finished=finished)
    return TextSegment(content=text, finished=finished)


def _speech_segment(speech: list[Samples], rate_hz: int, finished: bool) -> Segment:
    samples = np.concatenate(speech) if speech else silence(0)
    if not len(samples):
        return EmptySegment(finished=finished)
    return SpeechSegment(content=samples.tolist(), sample_rate=rate_hz, finished=finished)

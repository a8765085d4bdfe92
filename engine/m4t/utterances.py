"""Utterances as they arrive: where one begins, where sound was lost, where one ends."""

import sys
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from audio_io.chunk import AudioChunk, Boundary, Samples
from engine.agent import Agent, StreamControls, StreamRequest
from engine.errors import EngineError
from engine.events import Event, UtteranceEnded
from engine.layers.drive import Steps, drive, drive_one
from engine.layers.features import RATE_HZ
from engine.m4t.loading import M4tModel
from engine.m4t.translating import Stretch, Translation, translate
from engine.text.output import Output, Span, open_output


@dataclass(slots=True)
class UtteranceState:
    """What every mode remembers of a stream."""

    output: Output
    utterance: int = 0
    """Number of the open utterance, or of the next one."""
    start_sample: int | None = None
    """Where the open utterance starts; None when none is open."""
    next_sample: int = 0
    """Where the next chunk must start if nothing was lost."""

    def span_to(self, sample: int) -> Span:
        """The open utterance up to a sample of the stream."""
        assert self.start_sample is not None
        return Span(self.utterance, self.start_sample / RATE_HZ, sample / RATE_HZ)


State = TypeVar("State", bound=UtteranceState)
TranslationSteps: TypeAlias = Steps[Stretch, dict[str, Translation]]
"""What a stream says, and the stretches that it wants translated, to be answered by language."""


class UtteranceAgent(Agent[AudioChunk, Event, State], Generic[State]):
    """Takes the sound of utterances. Each mode translates them its own way, in the three methods
    at the end."""

    most_samples: int = sys.maxsize
    """An utterance that gets this long is ended, and the next one goes on."""

    def __init__(self, model: M4tModel) -> None:
        self._model = model

    def _output(self, request: StreamRequest) -> Output:
        """The output of a new stream. Raises `LanguageError`."""
        voices = range(self._model.speakers)
        known = dict.fromkeys(self._model.voices, voices)
        return open_output(request, self._model.languages, known, RATE_HZ)

    def control(self, controls: StreamControls, state: State) -> None:
        state.output.controls = controls

    def step(self, chunk: AudioChunk, state: State) -> Iterator[Event]:
        return drive_one(self._take(chunk, state), self._compute)

    def step_many(self, batch: Sequence[tuple[AudioChunk, State]]) -> list[list[Event] | Exception]:
        """What several streams have ready is translated together."""
        return drive([self._take(*each) for each in batch], self._compute)

    def _compute(self, stretches: Sequence[Stretch]) -> list[dict[str, Translation] | EngineError]:
        return translate(self._model, stretches)

    def _take(self, chunk: AudioChunk, state: State) -> TranslationSteps:
        if chunk.sample_rate_hz != RATE_HZ:
            raise ValueError(f"m4t hears {RATE_HZ} Hz only")
        if state.start_sample is not None and chunk.start_sample != state.next_sample:
            yield from self._end(state)  # sound was lost: what was heard stands alone
        state.next_sample = chunk.start_sample
        samples = chunk.samples
        while len(samples):
            if state.start_sample is None:
                state.start_sample = state.next_sample
                self._begin(state)
            piece = samples[: self.most_samples - (state.next_sample - state.start_sample)]
            samples = samples[len(piece) :]
            state.next_sample += len(piece)
            yield from self._hear(piece, state)
            if state.next_sample - state.start_sample == self.most_samples:
                yield from self._end(state)
        if chunk.boundary is not Boundary.NONE:
            yield from self._end(state)

    def _end(self, state: State) -> TranslationSteps:
        if state.start_sample is None:
            return
        end_sample = state.next_sample
        yield from self._finish(state)
        span = state.span_to(end_sample)
        state.start_sample, state.utterance = None, state.utterance + 1
        yield UtteranceEnded(span.utterance, span.start_s, span.end_s)

    @abstractmethod
    def _begin(self, state: State) -> None:
        """An utterance begins at `state.start_sample`."""

    @abstractmethod
    def _hear(self, samples: Samples, state: State) -> TranslationSteps:
        """More of the open utterance; `state.next_sample` is where these samples end."""

    @abstractmethod
    def _finish(self, state: State) -> TranslationSteps:
        """The open utterance is over: say the rest."""

"""SeamlessStreaming as an agent: utterances in, words and speech out while they are heard."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from engine.agent import Agent, StreamControls, StreamRequest
from engine.errors import EngineError
from engine.events import (
    EngineTrace,
    Event,
    UtteranceEnded,
)
from engine.layers.drive import Asked, Steps, drive, drive_one
from engine.layers.features import RATE_HZ
from engine.seamless.config import DEFAULT_POLICY, StreamingPolicy
from engine.seamless.loading import SeamlessModel
from engine.seamless.policy import Turn
from engine.seamless.utterance import (
    Said,
    Segment,
    TargetState,
    UtteranceState,
    step_utterances,
)
from engine.seamless.words import WordSpeller
from engine.text.output import Output, Span, SpelledWord, open_output

RELAXED_MS = 1000.0
"""Speech that may wait before the next is made faster."""
MEASURED_AT_S = 3
"""How far into an utterance the speed is tried: the further, the slower."""
FASTEST = 1 / 1.3
"""Smallest factor of durations: as much faster as the queue itself ever plays."""


@dataclass(slots=True)
class _Open:
    """The open utterance."""

    start_sample: int
    state: UtteranceState
    spellers: dict[str, WordSpeller]
    committed_s: dict[str, float]
    """By language: source time up to which words were written."""


@dataclass(slots=True)
class SeamlessState:
    output: Output
    policy: StreamingPolicy
    utterance: int = 0
    open: _Open | None = None
    unheard: Samples = field(default_factory=lambda: silence(0))
    """Samples that do not fill a segment yet."""
    next_sample: int = 0


_Steps: TypeAlias = Steps[Segment, dict[str, Said]]


class SeamlessAgent(Agent[AudioChunk, Event, SeamlessState]):
    """The weights are shared by all streams; nothing of a stream is kept here."""

    def __init__(self, model: SeamlessModel) -> None:
        self._model = model

    def new_state(self, request: StreamRequest) -> SeamlessState:
        policy = request.policy or DEFAULT_POLICY
        if not isinstance(policy, StreamingPolicy):
            raise TypeError(f"seamless takes a StreamingPolicy, not {type(policy).__name__}")
        config = self._model.config
        output = open_output(request, config.text_languages, config.vocoder_speaker_index, RATE_HZ)
        return SeamlessState(output, policy)

    def measure(self, request: StreamRequest) -> float | None:
        """On a second of noise, some seconds into an utterance."""
        state = self.new_state(request)
        utterance = UtteranceState({language: TargetState() for language in state.output.languages})
        chance = np.random.default_rng(0)
        size = RATE_HZ * state.policy.segment_ms // 1000
        steps = max(1, round(RATE_HZ / size))
        before = MEASURED_AT_S * RATE_HZ
        sound = (0.1 * chance.standard_normal(max(before, size))).astype(np.float32)
        utterance.hear(sound[:before])
        taken_s = []
        for number in range(steps + 1):
            begun_s = time.perf_counter()
            segment = Segment(utterance, sound[:size], state.policy, False, state.output.speakers)
            [said] = step_utterances(self._model, [segment])
            if isinstance(said, EngineError):
                raise said
            if number:  # the first one makes room
                taken_s.append(time.perf_counter() - begun_s)
        return sum(taken_s) / (steps * size / RATE_HZ)

    def control(self, controls: StreamControls, state: SeamlessState) -> None:
        state.output.controls = controls

    def step(self, chunk: AudioChunk, state: SeamlessState) -> Iterator[Event]:
        return drive_one(self._take(chunk, state), self._compute)

    def step_many(
        self, batch: Sequence[tuple[AudioChunk, SeamlessState]]
    ) -> list[list[Event] | Exception]:
        """The segments that several streams have ready are computed together."""
        return drive([self._take(*each) for each in batch], self._compute)

    def _compute(self, segments: Sequence[Segment]) -> list[dict[str, Said] | EngineError]:
        return step_utterances(self._model, segments)

    def _take(self, chunk: AudioChunk, state: SeamlessState) -> _Steps:
        if chunk.sample_rate_hz != RATE_HZ:
            raise ValueError(f"seamless hears {RATE_HZ} Hz only")
        if state.open is not None and chunk.start_sample != state.next_sample:
            yield from self._finish(state)  # sound was lost: what was heard stands alone
        state.next_sample = chunk.end_sample
        if len(chunk.samples):
            if state.open is None:
                self._begin(chunk.start_sample, state)
            state.unheard = np.concatenate([state.unheard, chunk.samples])
        segment = RATE_HZ * state.policy.segment_ms // 1000
        # The last segment must be able to say that it is the last.
        while len(state.unheard) > segment:
            ready, state.unheard = state.unheard[:segment], state.unheard[segment:]
            yield from self._hear(ready, state, finished=False)
        if chunk.boundary is not Boundary.NONE:
            yield from self._finish(state)

    def _begin(self, sample: int, state: SeamlessState) -> None:
        languages = state.output.wanted()
        state.open = _Open(
            sample,
            UtteranceState({language: TargetState() for language in languages}),
            {language: WordSpeller(self._model.pieces, language) for language in languages},
            dict.fromkeys(languages, sample / RATE_HZ),
        )

    def _finish(self, state: SeamlessState) -> _Steps:
        """The utterance is over: hear the rest of it."""
        if state.open is None:
            return
        rest, state.unheard = state.unheard, silence(0)
        yield from self._hear(rest, state, finished=True)
        start_s = state.open.start_sample / RATE_HZ
        end_s = start_s + state.open.state.heard_samples / RATE_HZ
        utterance, state.utterance, state.open = state.utterance, state.utterance + 1, None
        yield UtteranceEnded(utterance, start_s, end_s)

    def _hear(self, samples: Samples, state: SeamlessState, *, finished: bool) -> _Steps:
        opened = state.open
        assert opened is not None
        speakers = state.output.speakers
        hurry = {each: _hurry(each, state.output.controls) for each in speakers}
        segment = Segment(opened.state, samples, state.policy, finished, speakers, hurry)
        said = yield Asked(segment)
        heard_s = (opened.start_sample + opened.state.heard_samples) / RATE_HZ
        for language, each in said.items():
            committed_s = opened.committed_s[language]
            span = Span(state.utterance, committed_s, heard_s)
            yield from self._write(language, each, state, span, finished)
            if each.samples is not None and len(each.samples):
                yield state.output.speech(span, language, each.samples)
            if each.trace is not None:
                yield EngineTrace(state.utterance, language, committed_s, heard_s, each.trace)
            if each.turn is not None and each.turn.written:
                opened.committed_s[language] = heard_s

    def _write(
        self,
        language: str,
        said: Said,
        state: SeamlessState,
        span: Span,
        finished: bool,
    ) -> Iterator[Event]:
        assert state.open is not None
        speller = state.open.spellers[language]
        before = speller.partial
        words: list[SpelledWord] = []
        if said.turn is not None:
            words = speller.take(said.turn.written, _sureness(said.turn, finished))
        if finished:
            words += speller.finish()
        output = state.output
        if text := output.text(span, language, words):
            yield text
        if output.request.partials and speller.partial and (words or speller.partial != before):
            yield output.partial(span, language, speller.partial)


def _sureness(turn: Turn, finished: bool) -> list[float]:
    """Of each written token: how likely it was, and how sure that enough had been heard."""
    sure = []
    for (_, p_choose), probability in zip(turn.decisions, turn.probabilities, strict=False):
        sure.append(probability if finished else (probability * p_choose) ** 0.5)
    return sure


def _hurry(language: str, controls: StreamControls) -> float:
    """The factor of durations that lets speech catch up with what of it waits to be played."""
    queued_ms = controls.queued_ms.get(language, 0.0)
    behind_s = max(0.0, queued_ms - RELAXED_MS) / 1000
    return max(FASTEST, 1.0 - 0.1 * behind_s)

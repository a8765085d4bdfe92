"""SeamlessStreaming as an agent: utterances in, words and speech out while they are heard."""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from engine.agent import Agent, StreamControls, StreamRequest, Task
from engine.errors import EngineError, LanguageError
from engine.events import (
    EngineTrace,
    Event,
    SourceText,
    TargetAudio,
    TargetText,
    UtteranceEnded,
    Word,
)
from engine.languages import language_name, written_without_spaces
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
from engine.seamless.words import SpelledWord, WordSpeller
from engine.text.unclear import mark_unclear

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
    request: StreamRequest
    policy: StreamingPolicy
    languages: tuple[str, ...]
    """What is written: the targets, or the source where it is transcribed."""
    speakers: Mapping[str, int]
    controls: StreamControls = field(default_factory=StreamControls)
    utterance: int = 0
    open: _Open | None = None
    unheard: Samples = field(default_factory=lambda: silence(0))
    """Samples that do not fill a segment yet."""
    next_sample: int = 0
    written: set[str] = field(default_factory=set)
    """Languages in which something was committed."""
    spoken_samples: dict[str, int] = field(default_factory=dict)


_Steps: TypeAlias = Generator[Event | Segment, dict[str, Said] | None, None]
"""What a stream says, and the segments it wants computed: each is answered by what came of it."""


class SeamlessAgent(Agent[AudioChunk, Event, SeamlessState]):
    """The weights are shared by all streams; nothing of a stream is kept here."""

    def __init__(self, model: SeamlessModel) -> None:
        self._model = model

    def new_state(self, request: StreamRequest) -> SeamlessState:
        policy = request.policy or DEFAULT_POLICY
        if not isinstance(policy, StreamingPolicy):
            raise TypeError(f"seamless takes a StreamingPolicy, not {type(policy).__name__}")
        languages = request.targets
        if request.task is Task.ASR:
            languages = (request.source or request.targets[0],)
        known = self._model.config.text_languages
        for language in languages:
            if language not in known:
                raise LanguageError(f"This model does not write {language_name(language)}.")
        return SeamlessState(request, policy, languages, self._speakers(request))

    def _speakers(self, request: StreamRequest) -> dict[str, int]:
        """The voice of each target that is spoken."""
        voices = self._model.config.vocoder_speaker_index
        speakers = {}
        for target in request.targets:
            if not request.speaks(target):
                continue
            if target not in voices:
                raise LanguageError(
                    f"This model does not speak {language_name(target)}; it only writes it.",
                    hint="Ask for text only: --format srt,txt, or --speak none live.",
                )
            speakers[target] = _voice(request.speakers.get(target), voices[target])
        return speakers

    def measure(self, request: StreamRequest) -> float | None:
        """On a second of noise, some seconds into an utterance."""
        state = self.new_state(request)
        utterance = UtteranceState({language: TargetState() for language in state.languages})
        chance = np.random.default_rng(0)
        size = RATE_HZ * state.policy.segment_ms // 1000
        steps = max(1, round(RATE_HZ / size))
        before = MEASURED_AT_S * RATE_HZ
        sound = (0.1 * chance.standard_normal(max(before, size))).astype(np.float32)
        utterance.hear(sound[:before])
        taken_s = []
        for number in range(steps + 1):
            begun_s = time.perf_counter()
            segment = Segment(utterance, sound[:size], state.policy, False, state.speakers)
            [said] = step_utterances(self._model, [segment])
            if isinstance(said, EngineError):
                raise said
            if number:  # the first one makes room
                taken_s.append(time.perf_counter() - begun_s)
        return sum(taken_s) / (steps * size / RATE_HZ)

    def control(self, controls: StreamControls, state: SeamlessState) -> None:
        state.controls = controls

    def step(self, chunk: AudioChunk, state: SeamlessState) -> Iterator[Event]:
        steps = self._take(chunk, state)
        made = next(steps, None)
        while made is not None:
            if isinstance(made, Segment):
                [said] = step_utterances(self._model, [made])
                made = _after(steps, said)
            else:
                yield made
                made = next(steps, None)

    def step_many(
        self, batch: Sequence[tuple[AudioChunk, SeamlessState]]
    ) -> list[list[Event] | Exception]:
        """The segments that several streams have ready are computed together."""
        streams = [self._take(chunk, state) for chunk, state in batch]
        events: list[list[Event]] = [[] for _ in batch]
        failed: dict[int, Exception] = {}
        answers: dict[int, dict[str, Said] | EngineError | None]
        answers = dict.fromkeys(range(len(batch)))
        while answers:
            waiting: dict[int, Segment] = {}
            for number, answer in answers.items():
                try:
                    made = _after(streams[number], answer)
                    while made is not None and not isinstance(made, Segment):
                        events[number].append(made)
                        made = next(streams[number], None)
                except Exception as error:  # this stream's own
                    failed[number] = error
                    continue
                if made is not None:
                    waiting[number] = made
            said = step_utterances(self._model, list(waiting.values())) if waiting else []
            answers = dict(zip(waiting, said, strict=True))
        return [failed.get(number, made) for number, made in enumerate(events)]

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
        wanted = state.controls.targets
        languages = [
            language
            for language in state.languages
            if wanted is None or language in wanted or state.request.task is Task.ASR
        ]
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
        said = yield Segment(
            opened.state,
            samples,
            state.policy,
            finished,
            state.speakers,
            {language: _hurry(language, state.controls) for language in state.speakers},
        )
        assert said is not None
        heard_s = (opened.start_sample + opened.state.heard_samples) / RATE_HZ
        for language, each in said.items():
            committed_s = opened.committed_s[language]
            yield from self._write(language, each, state, committed_s, heard_s, finished)
            if each.samples is not None and len(each.samples):
                first = state.spoken_samples.get(language, 0)
                state.spoken_samples[language] = first + len(each.samples)
                sound = AudioChunk(each.samples, RATE_HZ, first)
                yield TargetAudio(state.utterance, language, sound, committed_s, heard_s)
            if each.trace is not None:
                yield EngineTrace(state.utterance, language, committed_s, heard_s, each.trace)
            if each.turn is not None and each.turn.written:
                opened.committed_s[language] = heard_s

    def _write(
        self,
        language: str,
        said: Said,
        state: SeamlessState,
        start_s: float,
        end_s: float,
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
        kind = SourceText if state.request.task is Task.ASR else TargetText
        if words:
            timed = [Word(word.text, start_s, end_s, word.confidence) for word in words]
            shown = mark_unclear(timed, state.request.min_confidence or 0.0)
            space = "" if written_without_spaces(language) else " "
            text = _joined(space.join(word.text for word in shown), language, state)
            state.written.add(language)
            sure = sum(word.confidence for word in words) / len(words)
            yield kind(state.utterance, language, text, start_s, end_s, True, sure, shown)
        if state.request.partials and speller.partial and (words or speller.partial != before):
            text = _joined(speller.partial, language, state)
            yield kind(state.utterance, language, text, start_s, end_s, False)


def _sureness(turn: Turn, finished: bool) -> list[float]:
    """Of each written token: how likely it was, and how sure that enough had been heard."""
    sure = []
    for (_, p_choose), probability in zip(turn.decisions, turn.probabilities, strict=False):
        sure.append(probability if finished else (probability * p_choose) ** 0.5)
    return sure


def _after(steps: _Steps, said: dict[str, Said] | EngineError | None) -> Event | Segment | None:
    """What a stream says or wants next, once its segment is answered; None when it is through.
    Raises what came of the segment, if that is an error."""
    try:
        return steps.throw(said) if isinstance(said, EngineError) else steps.send(said)
    except StopIteration:
        return None


def _hurry(language: str, controls: StreamControls) -> float:
    """The factor of durations that lets speech catch up with what of it waits to be played."""
    queued_ms = controls.queued_ms.get(language, 0.0)
    behind_s = max(0.0, queued_ms - RELAXED_MS) / 1000
    return max(FASTEST, 1.0 - 0.1 * behind_s)


def _joined(text: str, language: str, state: SeamlessState) -> str:
    """`text` with the space that joins it to what was committed before."""
    if not text or language not in state.written or written_without_spaces(language):
        return text
    return f" {text}"


def _voice(asked: str | None, voices: tuple[int, ...]) -> int:
    """A voice by its number in the model; the language's first one where none is asked for."""
    if asked is None:
        return voices[0]
    if asked not in map(str, voices):
        known = ", ".join(map(str, voices))
        raise LanguageError(f"No speaker is called '{asked}'.", hint=f"There is: {known}.")
    return int(asked)

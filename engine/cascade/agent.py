"""The cascade: words are recognised, translated and spoken, one utterance after the other.

Utterances come from a segmenter. One that lasts too long is cut at a word boundary, so that
speech comes out while somebody talks without a pause.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from engine.agent import Agent, StreamControls, StreamRequest, Task
from engine.cascade.casing import settled
from engine.cascade.config import DEFAULT_MIN_CONFIDENCE, FILE_POLICY, LIVE_POLICY, CascadePolicy
from engine.cascade.recognizer import Recognizer
from engine.cascade.synthesizer import Synthesizer
from engine.cascade.text import as_sentence, cut_point, speakable
from engine.cascade.translator import Translator
from engine.errors import LanguageError
from engine.events import (
    Event,
    SourceText,
    TargetText,
    UtteranceEnded,
    Word,
)
from engine.text.output import Output, Span
from engine.text.unclear import without_marks

HOP_MS = 100
"""Partial text is looked at this often."""


@dataclass(slots=True)
class CascadeState:
    output: Output
    policy: CascadePolicy
    source: str
    recognizer: Any
    """The recogniser's own memory."""
    utterance: int = 0
    """Number of the open utterance, or of the next one."""
    start_sample: int | None = None
    """Stream time at which the open utterance starts; None when none is open."""
    sound: Samples = field(default_factory=lambda: silence(0))
    """The open utterance, no longer than the policy allows and one hop."""
    unheard: Samples = field(default_factory=lambda: silence(0))
    """Samples that do not fill a hop yet."""
    continues: bool = False
    """Whether the open utterance goes on with the sentence before, which was cut."""
    partial: str = ""
    """The partial text shown last."""


class CascadeAgent(Agent[AudioChunk, Event, CascadeState]):
    """Takes utterances, gives text and speech."""

    def __init__(
        self,
        recognizer: Recognizer[Any],
        translator: Translator | None,
        synthesizer: Synthesizer | None,
    ) -> None:
        self._recognizer = recognizer
        self._translator = translator
        self._synthesizer = synthesizer
        self._hop_samples = recognizer.sample_rate_hz * HOP_MS // 1000

    def new_state(self, request: StreamRequest) -> CascadeState:
        policy = request.policy or (LIVE_POLICY if request.live else FILE_POLICY)
        if not isinstance(policy, CascadePolicy):
            raise TypeError(f"the cascade takes a CascadePolicy, not {type(policy).__name__}")
        source = request.source or min(self._recognizer.sources)
        if request.task is not Task.ASR:
            for target in request.targets:
                if self._translator is None or target not in self._translator.targets:
                    raise LanguageError(f"The cascade does not translate to '{target}'.")
                if request.speaks(target) and (
                    self._synthesizer is None or target not in self._synthesizer.targets
                ):
                    raise LanguageError(f"The cascade has no voice for '{target}'.")
                self._translator.start(target)  # loads while the recogniser does
        rate_hz = 0 if self._synthesizer is None else self._synthesizer.sample_rate_hz
        asked = request.min_confidence
        least = DEFAULT_MIN_CONFIDENCE if asked is None else asked
        output = Output(request, rate_hz, request.targets, min_confidence=least)
        return CascadeState(output, policy, source, self._recognizer.new_state(source))

    def control(self, controls: StreamControls, state: CascadeState) -> None:
        state.output.controls = controls

    def release(self, state: CascadeState) -> None:
        self._recognizer.release(state.recognizer)

    def close(self) -> None:
        if self._translator is not None:
            self._translator.close()

    def step(self, chunk: AudioChunk, state: CascadeState) -> Iterator[Event]:
        if state.start_sample is not None and chunk.start_sample != _end_sample(state):
            yield from self._finish(state)  # sound was lost: what was heard before it stands alone
        if len(chunk.samples):
            if state.start_sample is None:
                state.start_sample = chunk.start_sample
            yield from self._take(chunk.samples, state)
        if chunk.boundary is not Boundary.NONE:
            yield from self._finish(state)

    def _take(self, samples: Samples, state: CascadeState) -> Iterator[Event]:
        """Hear whole hops, so that the size of the chunks changes nothing."""
        state.unheard = np.concatenate([state.unheard, samples])
        while len(state.unheard) >= self._hop_samples:
            hop = state.unheard[: self._hop_samples]
            state.unheard = state.unheard[self._hop_samples :]
            state.sound = np.concatenate([state.sound, hop])
            yield from self._listen(hop, state)
            if 1000 * len(state.sound) >= state.policy.max_utterance_ms * self._rate:
                yield from self._cut(state)

    def _listen(self, samples: Samples, state: CascadeState) -> Iterator[Event]:
        """The streaming pass, if anybody wants what comes of it."""
        if not state.output.request.partials and state.policy.whole_pass:
            return
        words = self._recognizer.hear(samples, state.recognizer)
        if state.output.request.partials:
            yield from self._show_partial(words, state)

    def _recognize(self, state: CascadeState) -> Sequence[Word]:
        """The words to commit of the open utterance. Ends the streaming pass."""
        if state.policy.whole_pass:
            return self._recognizer.recognize(state.sound, state.recognizer)
        return self._recognizer.end(state.recognizer)

    def _show_partial(self, words: Sequence[Word], state: CascadeState) -> Iterator[Event]:
        _, text = as_sentence(words, begins=not state.continues, ends=False)
        if text == state.partial:
            return
        state.partial = text
        start_s, end_s = self._seconds(state, 0), self._seconds(state, len(state.sound))
        output = state.output
        text_so_far = output.spaced(text, state.source)
        yield SourceText(state.utterance, state.source, text_so_far, start_s, end_s, False)
        for target in self._targets(state):
            translation = self._translated(text, target) if text else ""
            yield output.partial(Span(state.utterance, start_s, end_s), target, translation)

    def _cut(self, state: CascadeState) -> Iterator[Event]:
        """Commit the beginning of an utterance that goes on; its tail opens the next one."""
        words = self._recognize(state)
        cut_s = cut_point(words, len(state.sound) / self._rate)
        cut_sample = min(len(state.sound), round(cut_s * self._rate))
        tail = state.sound[cut_sample:]
        assert state.start_sample is not None
        next_start_sample = state.start_sample + cut_sample
        kept = [word for word in words if word.start_s < cut_s]
        yield from self._commit(kept, cut_sample, state, ends=False)
        state.start_sample, state.sound = next_start_sample, tail
        state.continues = bool(kept)
        if len(tail):
            yield from self._listen(tail, state)

    def _finish(self, state: CascadeState) -> Iterator[Event]:
        """The utterance is over: commit all of it."""
        if state.start_sample is None:
            return
        state.sound = np.concatenate([state.sound, state.unheard])
        if len(state.unheard) and not state.policy.whole_pass:
            self._recognizer.hear(state.unheard, state.recognizer)
        state.unheard = silence(0)
        if len(state.sound):  # nothing is left where a cut took it all
            words = self._recognize(state)
            yield from self._commit(words, len(state.sound), state, ends=True)
        state.start_sample, state.sound, state.continues = None, silence(0), False

    def _commit(
        self, words: Sequence[Word], samples: int, state: CascadeState, *, ends: bool
    ) -> Iterator[Event]:
        """Text, translation and speech of one utterance, of which `words` were recognised."""
        utterance, state.utterance, state.partial = state.utterance, state.utterance + 1, ""
        start_s, end_s = self._seconds(state, 0), self._seconds(state, samples)
        if not words:
            yield UtteranceEnded(utterance, start_s, end_s)
            return
        output = state.output
        timed = [Word(w.text, start_s + w.start_s, start_s + w.end_s, w.confidence) for w in words]
        shown, text = as_sentence(output.marked(timed), begins=not state.continues, ends=ends)
        measured = [word.confidence for word in words if word.confidence is not None]
        confidence = sum(measured) / len(measured) if measured else None
        start_s, end_s = shown[0].start_s, shown[-1].end_s
        if heard := output.written_of(text):
            heard = output.committed(heard, state.source)
            told = shown if heard.endswith(text) else without_marks(shown)
            yield SourceText(
                utterance, state.source, heard, start_s, end_s, True, confidence, words=told
            )
        translations: dict[str, str] = {}
        for target in self._targets(state):
            translations[target] = self._translated(text, target)
            if written := output.written_of(translations[target]):
                joined = output.committed(written, target)
                yield TargetText(utterance, target, joined, start_s, end_s, True)
        span = Span(utterance, start_s, end_s)
        for target, translation in translations.items():
            if not output.request.speaks(target):
                continue
            dropped = output.unspeakable(span, target, words)
            if dropped is not None:
                yield dropped
            else:
                yield from self._speak(translation, target, span, output)
        yield UtteranceEnded(utterance, start_s, end_s)

    def _translated(self, text: str, target: str) -> str:
        assert self._translator is not None  # `new_state` asked for it
        return settled(text, self._translator.translate(text, target))

    def _speak(self, text: str, target: str, span: Span, output: Output) -> Iterator[Event]:
        assert self._synthesizer is not None  # `new_state` asked for it
        spoken = speakable(text)
        if not spoken:
            return
        for samples in self._synthesizer.speak(spoken, target, output.request.speakers.get(target)):
            yield output.speech(span, target, samples)

    @property
    def _rate(self) -> int:
        return self._recognizer.sample_rate_hz

    def _targets(self, state: CascadeState) -> tuple[str, ...]:
        return () if state.output.request.task is Task.ASR else state.output.wanted()

    def _seconds(self, state: CascadeState, sample: int) -> float:
        """Source time of a sample of the open utterance."""
        assert state.start_sample is not None
        return (state.start_sample + sample) / self._rate


def _end_sample(state: CascadeState) -> int:
    assert state.start_sample is not None
    return state.start_sample + len(state.sound) + len(state.unheard)

"""Overlapping windows, each translated as if it were all there is, and their words merged.

sound     |---------------------------------------------
windows   |-----------|
                    |-----------|       a hop is a window less its overlap
                              |-----------|

The plain way that many take. Words near the end of a window wait for the next one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from audio_io.chunk import Samples, silence
from engine.agent import StreamRequest
from engine.errors import EngineError
from engine.events import Event
from engine.layers.drive import Asked
from engine.layers.features import RATE_HZ
from engine.m4t.batches import told_of_memory
from engine.m4t.clauses import Clause
from engine.m4t.config import RING_S, M4tPolicy
from engine.m4t.merging import seam
from engine.m4t.speaking import speak
from engine.m4t.translating import Stretch, Translation, translate
from engine.m4t.utterances import TranslationSteps, UtteranceAgent, UtteranceState
from engine.text.output import Output, Span, SpelledWord

CONTEXT_WORDS = 8
"""Committed words that the next window is compared with."""


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word, and what it is spoken from."""

    word: SpelledWord
    tokens: list[int]
    """(T)."""
    states: Tensor
    """(T + 1, D) of the decoder: before each token, and at the last."""


@dataclass(slots=True)
class MergedWords:
    """One language of the open utterance."""

    context: list[str] = field(default_factory=list)
    """The words committed last."""
    waiting: list[HeardWord] = field(default_factory=list)
    """Words of the last window that the next one may hear better."""
    after_silence: bool = False
    """Whether the last window said nothing."""
    committed_s: float = 0.0
    """Source time up to which words were written."""
    first_state: Tensor | None = None
    """The decoder's state at the end sign, (D), with which every sentence begins."""


@dataclass(slots=True)
class ChunkedState(UtteranceState):
    policy: M4tPolicy = field(default_factory=M4tPolicy)
    ring: Samples = field(default_factory=lambda: silence(0))
    """The newest sound, never longer than the ring."""
    fresh: int = 0
    """Samples at its end that no window held yet."""
    windows: int = 0
    """How many there were."""
    languages: dict[str, MergedWords] = field(default_factory=dict)


class ChunkedAgent(UtteranceAgent[ChunkedState]):
    """A window that is nothing but noise says nothing."""

    def new_state(self, request: StreamRequest) -> ChunkedState:
        policy = request.policy
        assert isinstance(policy, M4tPolicy)
        return ChunkedState(self._output(request), policy=policy)

    def _compute(self, stretches: Sequence[Stretch]) -> list[dict[str, Translation] | EngineError]:
        """One by one: a batch rounds otherwise, and windows are compared word by word."""
        return [each for stretch in stretches for each in translate(self._model, [stretch])]

    def _begin(self, state: ChunkedState) -> None:
        assert state.start_sample is not None
        begin_s = state.start_sample / RATE_HZ
        state.ring, state.fresh, state.windows = silence(0), 0, 0
        state.languages = {
            language: MergedWords(committed_s=begin_s) for language in state.output.wanted()
        }

    def _hear(self, samples: Samples, state: ChunkedState) -> TranslationSteps:
        window = round(RATE_HZ * state.policy.window_s)
        hop = window - round(RATE_HZ * state.policy.overlap_s)
        left = samples
        while len(left):
            # The first window is a whole one; the last must be able to say that it is the last.
            due = hop if state.windows else window
            room = due + 1 - state.fresh
            piece, left = left[:room], left[room:]
            state.ring = np.concatenate([state.ring, piece])[-round(RATE_HZ * RING_S) :]
            state.fresh += len(piece)
            if state.fresh == due + 1:
                end_sample = state.next_sample - len(left) - 1
                yield from self._window(state.ring[:-1][-window:], end_sample, state, final=False)
                state.fresh, state.windows = 1, state.windows + 1

    def _finish(self, state: ChunkedState) -> TranslationSteps:
        window = round(RATE_HZ * state.policy.window_s)
        overlap = round(RATE_HZ * state.policy.overlap_s) if state.windows else 0
        last = state.ring[-min(window, state.fresh + overlap) :]
        yield from self._window(last, state.next_sample, state, final=True)

    def _window(
        self, samples: Samples, end_sample: int, state: ChunkedState, *, final: bool
    ) -> TranslationSteps:
        policy, output = state.policy, state.output
        stretch = Stretch(samples, tuple(state.languages), {}, policy, seed=state.windows)
        said = yield Asked(stretch)
        end_s = end_sample / RATE_HZ
        for language, merged in state.languages.items():
            words = _heard_words(said[language]) if language in said else []
            share = policy.overlap_s * len(words) / (len(samples) / RATE_HZ)
            # People do not speak evenly: twice as many words may lie in the overlap, and one more.
            hold = 0 if final or not policy.overlap_s else round(2 * share) + 1
            due = advance(merged, words, share if state.windows else 0.0, hold)
            span = Span(state.utterance, merged.committed_s, end_s)
            text = output.text(span, language, [each.word for each in due])
            if text is None:
                continue
            merged.committed_s = end_s
            yield text
            if language in said:
                merged.first_state = said[language].states[0]
            yield from self._speak(language, due, merged, span, output)

    def _speak(
        self,
        language: str,
        due: list[HeardWord],
        merged: MergedWords,
        span: Span,
        output: Output,
    ) -> Iterator[Event]:
        """The words that were just committed, as speech."""
        if language not in output.speakers or merged.first_state is None:
            return
        dropped = output.unspeakable(span, language, [each.word for each in due])
        if dropped is not None:
            yield dropped
            return
        clause = Clause()
        for each in due:
            clause.add(each.tokens, each.states, [each.word], span.start_s)
        with torch.inference_mode(), told_of_memory():
            states = clause.states(merged.first_state)
            samples = speak(self._model, clause.tokens, states, language, output.speakers[language])
        if len(samples):
            yield output.speech(span, language, samples)


def advance(
    merged: MergedWords, words: list[HeardWord], shared: float, hold: int
) -> list[HeardWord]:
    """The words that are due after one more window; the last `hold` of them wait for the next.

    `shared` is about how many of the window's words the one before had heard. After silence, and
    where windows share nothing, there is nothing to compare.
    """
    fixed, end, first = len(merged.context), len(merged.context) + len(merged.waiting), 0
    if words and shared and not merged.after_silence:
        end, first = seam(
            [*merged.context, *(each.word.text for each in merged.waiting)],
            [each.word.text for each in words],
            shared,
            fixed=fixed,
        )
    due = [*merged.waiting[: end - fixed], *words[first:]]
    held = min(len(due), hold) if words else 0
    due, merged.waiting = due[: len(due) - held], due[len(due) - held :]
    merged.context = [*merged.context, *(each.word.text for each in due)][-CONTEXT_WORDS:]
    merged.after_silence = not words
    return due


def _heard_words(said: Translation) -> list[HeardWord]:
    heard = []
    for word in said.words:
        last = word.place + word.count
        # The state before a token stands one place after the end sign's.
        heard.append(
            HeardWord(word, said.tokens[word.place : last], said.states[1 + word.place : last + 2])
        )
    return heard

"""A stream that commits words while they are heard, as the decoder's attention allows.

sound kept   |--------------------------------|..|   the last states are too fresh
history      the words kept as context
hypothesis                            new words  these wait
                                    ^ committed up to here

Every hop the kept sound is encoded anew and the history continued. Sound and history are bounded,
so memory and cost do not grow with the stream.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audio_io.chunk import Samples, silence
from engine.agent import StreamRequest
from engine.errors import EngineError
from engine.events import Event
from engine.languages import written_without_spaces
from engine.layers.features import BINS, RATE_HZ
from engine.layers.guards import is_noise, token_limit
from engine.m4t.batches import told_of_memory
from engine.m4t.clauses import Clause
from engine.m4t.config import FRAME_MS, M4tPolicy
from engine.m4t.encoding import encode
from engine.m4t.features import (
    PAIRS_A_SECOND,
    PAIRS_A_STATE,
    STRIDE,
    Listener,
    normalised,
)
from engine.m4t.greedy import GreedyConfig, Hypothesis, hypothesis
from engine.m4t.history import Step, take
from engine.m4t.speaking import speak
from engine.m4t.utterances import TranslationSteps, UtteranceAgent, UtteranceState
from engine.text.output import Span, joined

JUDGED = RATE_HZ // 2
"""Samples from which noise is told."""
PAUSE = 2 * RATE_HZ
"""Samples of noise that end what was being said."""
KEPT_PAIRS = PAIRS_A_SECOND // 2
"""Sound kept from such a pause, in which the next word may begin."""
LEAST_PAIRS = PAIRS_A_STATE
"""Less sound than one encoder state is not worth hearing."""


def _no_pairs() -> NDArray[np.float32]:
    return np.zeros((0, STRIDE, BINS), np.float32)


@dataclass(slots=True)
class LanguageState:
    """One language of the open utterance."""

    history: list[int] = field(default_factory=list)
    """Committed tokens kept as context."""
    first_pair: int = 0
    """Where the sound kept for it begins, in pairs of frames from the start of the utterance."""
    committed_s: float = 0.0
    """Source time up to which words were written."""
    begun: bool = False
    """Whether anything of this utterance was committed."""
    partial: str = ""
    """What waits, as it was shown last."""
    clause: Clause = field(default_factory=Clause)
    """What is committed and not spoken yet."""
    first_state: Tensor | None = None
    """The decoder's state at the end sign, (D), with which every sentence begins."""


@dataclass(slots=True)
class StreamAttState(UtteranceState):
    policy: M4tPolicy = field(default_factory=M4tPolicy)
    listener: Listener = field(default_factory=Listener)
    pairs: NDArray[np.float32] = field(default_factory=_no_pairs)
    """The sound kept, not normalised: (pairs, 2, bins)."""
    first_pair: int = 0
    """Of the utterance's, where `pairs` begins."""
    unheard: Samples = field(default_factory=lambda: silence(0))
    """Samples that do not fill a hop yet."""
    heard_sample: int = 0
    """Of the stream, up to which it was listened."""
    recent: Samples = field(default_factory=lambda: silence(0))
    """The newest sound, long enough to tell noise from speech."""
    voiced: bool = False
    """Whether there is anything but noise in the sound kept."""
    quiet_samples: int = 0
    """Noise at the end of it."""
    languages: dict[str, LanguageState] = field(default_factory=dict)


class StreamAttAgent(UtteranceAgent[StreamAttState]):
    """Text and speech of an utterance come while it is heard, and are never taken back."""

    def new_state(self, request: StreamRequest) -> StreamAttState:
        policy = request.policy
        assert isinstance(policy, M4tPolicy)
        layers = len(self._model.network.text_decoder.layers)
        if policy.attention_layer >= layers:
            raise EngineError(
                f"This model's decoder has the layers 0 to {layers - 1}; there is no "
                f"attention_layer {policy.attention_layer}."
            )
        return StreamAttState(self._output(request), policy=policy)

    def _begin(self, state: StreamAttState) -> None:
        assert state.start_sample is not None
        state.listener, state.pairs, state.first_pair = Listener(), _no_pairs(), 0
        state.unheard, state.heard_sample = silence(0), state.start_sample
        state.voiced, state.quiet_samples, state.recent = False, 0, silence(0)
        begin_s = state.start_sample / RATE_HZ
        state.languages = {
            language: LanguageState(committed_s=begin_s) for language in state.output.wanted()
        }

    def _hear(self, samples: Samples, state: StreamAttState) -> TranslationSteps:
        state.unheard = np.concatenate([state.unheard, samples])
        hop = RATE_HZ * state.policy.hop_ms // 1000
        # The last hop must be able to say that it is the last.
        while len(state.unheard) > hop:
            ready, state.unheard = state.unheard[:hop], state.unheard[hop:]
            yield from self._listen(ready, state, final=False)

    def _finish(self, state: StreamAttState) -> TranslationSteps:
        rest, state.unheard = state.unheard, silence(0)
        yield from self._listen(rest, state, final=True)

    def _listen(self, samples: Samples, state: StreamAttState, *, final: bool) -> Iterator[Event]:
        state.pairs = np.concatenate([state.pairs, state.listener.hear(samples)])
        state.heard_sample += len(samples)
        state.recent = np.concatenate([state.recent, samples])[-max(len(samples), JUDGED) :]
        gated = state.policy.gate_noise and is_noise(state.recent, RATE_HZ)
        state.quiet_samples = state.quiet_samples + len(samples) if gated else 0
        state.voiced = state.voiced or not gated
        # In a long pause a model goes on with words of its own: what was said ends here.
        pauses = state.quiet_samples >= PAUSE
        if state.voiced:
            encoded: dict[int, Tensor] = {}
            for language, each in state.languages.items():
                yield from self._continue(language, each, state, encoded, final=final or pauses)
        if pauses:
            self._start_over(state)
        self._forget(state)

    def _start_over(self, state: StreamAttState) -> None:
        """What comes next is heard without what came before."""
        state.voiced = False
        first_kept = state.first_pair + max(0, len(state.pairs) - KEPT_PAIRS)
        for each in state.languages.values():
            each.history = []
            each.first_pair = max(each.first_pair, first_kept)

    def _continue(
        self,
        language: str,
        each: LanguageState,
        state: StreamAttState,
        encoded: dict[int, Tensor],
        *,
        final: bool,
    ) -> Iterator[Event]:
        """One language after one more hop. `encoded` holds what was encoded in this hop."""
        window = state.pairs[each.first_pair - state.first_pair :]
        if len(window) >= LEAST_PAIRS:
            if each.first_pair not in encoded:
                encoded[each.first_pair] = self._encode(window)
            found = self._guess(language, each, encoded[each.first_pair], state.policy)
            step = take(
                found,
                each.history,
                len(window),
                language,
                self._model.pieces,
                state.policy,
                final=final,
            )
            yield from self._write(language, each, found, step, state)
            each.history = step.history
            each.first_pair += step.cut_pairs
        if each.clause.tokens and (
            final or each.clause.is_due(self._model.pieces, state.policy.clause_words)
        ):
            yield from self._speak(language, each, state)

    @torch.inference_mode()
    def _encode(self, window: NDArray[np.float32]) -> Tensor:
        with told_of_memory():
            return encode(self._model, [normalised(window)])[0].states

    @torch.inference_mode()
    def _guess(
        self, language: str, each: LanguageState, heard: Tensor, policy: M4tPolicy
    ) -> Hypothesis:
        seconds = len(heard) * FRAME_MS / 1000
        limit = token_limit(seconds, policy.max_length)
        config = GreedyConfig(limit, policy.attention_layer, policy.no_repeat_ngram)
        with told_of_memory():
            return hypothesis(self._model, heard, language, each.history, config)

    def _write(
        self,
        language: str,
        each: LanguageState,
        found: Hypothesis,
        step: Step,
        state: StreamAttState,
    ) -> Iterator[Event]:
        """The words that are committed, and those that wait, where they changed."""
        pieces, output = self._model.pieces, state.output
        heard_s = state.heard_sample / RATE_HZ
        span = Span(state.utterance, each.committed_s, heard_s)
        tokens = [found.tokens[k] for k in step.taken]
        words = pieces.words(tokens, [found.probabilities[k] for k in step.taken], language)
        spaceless = written_without_spaces(language)
        glued = each.begun and bool(tokens) and not (spaceless or pieces.begins_word(tokens[0]))
        text = output.text(span, language, words, glued=glued)
        if text is not None:
            each.begun, each.committed_s = True, heard_s
            yield text
        if tokens and language in output.speakers:
            rows = torch.tensor([1 + len(each.history) + k for k in step.taken])
            rows = torch.cat([rows, rows[-1:] + 1]).to(found.states.device)
            each.clause.add(tokens, found.states[rows], words, span.start_s)
            each.first_state = found.states[0]
        rest = pieces.words(
            [found.tokens[k] for k in step.waiting],
            [found.probabilities[k] for k in step.waiting],
            language,
        )
        shown = joined([word.text for word in rest], language)
        if output.request.partials and shown != each.partial:
            yield output.partial(Span(span.utterance, each.committed_s, heard_s), language, shown)
        each.partial = shown

    def _speak(self, language: str, each: LanguageState, state: StreamAttState) -> Iterator[Event]:
        """The open clause as speech."""
        clause, each.clause = each.clause, Clause()
        span = Span(state.utterance, clause.start_s, each.committed_s)
        dropped = state.output.unspeakable(span, language, clause.words)
        if dropped is not None:
            yield dropped
            return
        assert each.first_state is not None
        with torch.inference_mode(), told_of_memory():
            samples = speak(
                self._model,
                clause.tokens,
                clause.states(each.first_state),
                language,
                state.output.speakers[language],
            )
        if len(samples):
            yield state.output.speech(span, language, samples)

    def _forget(self, state: StreamAttState) -> None:
        """Let go of sound that no language needs."""
        most = round(PAIRS_A_SECOND * state.policy.max_history_s)
        end = state.first_pair + len(state.pairs)
        for each in state.languages.values():
            each.first_pair = max(each.first_pair, end - most)
        needed = min((each.first_pair for each in state.languages.values()), default=end)
        state.pairs = state.pairs[needed - state.first_pair :].copy()
        state.first_pair = needed

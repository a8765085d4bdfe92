"""Utterances at their best: each is taken to its end, then translated and spoken in one pass."""

from dataclasses import dataclass, field

import numpy as np

from audio_io.chunk import Samples
from engine.agent import StreamRequest
from engine.layers.drive import Asked
from engine.layers.features import RATE_HZ
from engine.m4t.config import M4tPolicy
from engine.m4t.translating import Stretch
from engine.m4t.utterances import TranslationSteps, UtteranceAgent, UtteranceState

MOST_S = 30
"""The model leaves out what comes later. A voice detector in front cuts sooner, and at pauses."""


@dataclass(slots=True)
class CompleteState(UtteranceState):
    policy: M4tPolicy = field(default_factory=M4tPolicy)
    sound: list[Samples] = field(default_factory=list)
    """The open utterance."""


class CompleteAgent(UtteranceAgent[CompleteState]):
    """Utterances that end in one step of several streams are computed together."""

    most_samples = MOST_S * RATE_HZ

    def new_state(self, request: StreamRequest) -> CompleteState:
        policy = request.policy
        assert isinstance(policy, M4tPolicy)
        return CompleteState(self._output(request), policy=policy)

    def _begin(self, state: CompleteState) -> None:
        state.sound.clear()

    def _hear(self, samples: Samples, state: CompleteState) -> TranslationSteps:
        state.sound.append(samples)
        yield from ()

    def _finish(self, state: CompleteState) -> TranslationSteps:
        output, span = state.output, state.span_to(state.next_sample)
        sound, speakers = np.concatenate(state.sound), output.speakers
        state.sound.clear()
        said = yield Asked(Stretch(sound, output.wanted(), speakers, state.policy, state.utterance))
        for language, each in said.items():
            text = output.text(span, language, each.words)
            if text is not None:
                yield text
        for language, each in said.items():
            if each.speech is None:
                continue
            dropped = output.unspeakable(span, language, each.words)
            if dropped is not None:
                yield dropped
            elif len(each.speech):
                yield output.speech(span, language, each.speech)

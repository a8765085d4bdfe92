"""Utterances at their best: each is heard to its end, then written and spoken in one pass."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from audio_io.chunk import AudioChunk, Samples
from engine.agent import StreamRequest
from engine.events import Event
from engine.layers.features import RATE_HZ
from engine.m4t.config import M4tPolicy
from engine.m4t.loading import M4tModel
from engine.m4t.output import Output, Span, open_output
from engine.m4t.translating import Stretch, Translation, translate
from engine.m4t.utterances import UtteranceAgent, UtteranceState

MOST_S = 30
"""The model leaves out what comes later. A voice detector in front cuts sooner, and at pauses."""


@dataclass(slots=True)
class CompleteState(UtteranceState):
    policy: M4tPolicy = field(default_factory=M4tPolicy)
    sound: list[Samples] = field(default_factory=list)
    """The open utterance."""


@dataclass(frozen=True, slots=True)
class _Due:
    """Stands among the events for what an utterance is yet to say."""

    span: Span
    stretch: Stretch
    output: Output


class CompleteAgent(UtteranceAgent[CompleteState]):
    """Utterances that end in one step of several streams are computed together."""

    most_samples = MOST_S * RATE_HZ

    def __init__(self, model: M4tModel) -> None:
        self._model = model

    def new_state(self, request: StreamRequest) -> CompleteState:
        policy = request.policy
        assert isinstance(policy, M4tPolicy)
        return CompleteState(open_output(self._model, request), policy=policy)

    def step(self, item: AudioChunk, state: CompleteState) -> Iterator[Event]:
        yield from self.step_many([(item, state)])[0]

    def step_many(self, batch: Sequence[tuple[AudioChunk, CompleteState]]) -> list[list[Event]]:
        waiting: list[list[Event | _Due]] = [
            list(super(CompleteAgent, self).step(chunk, state)) for chunk, state in batch
        ]
        due = [item for items in waiting for item in items if isinstance(item, _Due)]
        said = iter(translate(self._model, [each.stretch for each in due]))
        # In the order of `due`, so that each takes its own.
        return [
            [
                event
                for item in items
                for event in (_events(item, next(said)) if isinstance(item, _Due) else [item])
            ]
            for items in waiting
        ]

    def _begin(self, state: CompleteState) -> None:
        state.sound.clear()

    def _hear(self, samples: Samples, state: CompleteState) -> Iterator[Event]:
        state.sound.append(samples)
        return iter(())

    def _finish(self, state: CompleteState) -> Iterator[Event]:
        output, policy = state.output, state.policy
        stretch = Stretch(
            np.concatenate(state.sound), output.wanted(), output.speakers, policy, state.utterance
        )
        state.sound.clear()
        yield _Due(state.span_to(state.next_sample), stretch, output)  # type: ignore[misc]


def _events(due: _Due, said: dict[str, Translation]) -> Iterator[Event]:
    output, span = due.output, due.span
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

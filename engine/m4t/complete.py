"""Utterances at their best: each is heard to its end, then written and spoken in one pass."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from audio_io.chunk import AudioChunk, Samples
from engine.agent import StreamRequest
from engine.errors import EngineError
from engine.events import Event
from engine.layers.features import RATE_HZ
from engine.m4t.config import M4tPolicy
from engine.m4t.translating import Stretch, Translation, translate
from engine.m4t.utterances import UtteranceAgent, UtteranceState
from engine.text.output import Output, Span

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

    def new_state(self, request: StreamRequest) -> CompleteState:
        policy = request.policy
        assert isinstance(policy, M4tPolicy)
        return CompleteState(self._output(request), policy=policy)

    def step(self, item: AudioChunk, state: CompleteState) -> Iterator[Event]:
        [events] = self.step_many([(item, state)])
        if isinstance(events, Exception):
            raise events
        yield from events

    def step_many(
        self, batch: Sequence[tuple[AudioChunk, CompleteState]]
    ) -> list[list[Event] | Exception]:
        waiting = [self._waiting(chunk, state) for chunk, state in batch]
        due = [item for items in waiting for item in items if isinstance(item, _Due)]
        said = translate(self._model, [each.stretch for each in due])
        answers = dict(zip(map(id, due), said, strict=True))
        return [_answered(items, answers) for items in waiting]

    def _waiting(self, chunk: AudioChunk, state: CompleteState) -> "list[Event | _Due | Exception]":
        """What a stream says, with a mark where an utterance is yet to be translated."""
        try:
            return list(super().step(chunk, state))
        except Exception as error:  # this stream's own
            return [error]

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


def _answered(
    items: "Sequence[Event | _Due | Exception]",
    answers: Mapping[int, dict[str, Translation] | EngineError],
) -> list[Event] | Exception:
    """A stream's events, each mark replaced by what became of its utterance."""
    events: list[Event] = []
    for item in items:
        if isinstance(item, Exception):
            return item
        if not isinstance(item, _Due):
            events.append(item)
            continue
        answer = answers[id(item)]
        if isinstance(answer, EngineError):
            return answer
        events.extend(_events(item, answer))
    return events


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

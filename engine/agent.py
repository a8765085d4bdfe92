"""`Agent`, the one shape of everything that listens, and `Chain`, which joins several.

An agent is weights and a policy, shared by every stream. All that changes while a stream runs is
in its state. Yielding nothing is a READ, yielding something a WRITE (SimulEval's terms).
"""

import enum
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

ItemIn = TypeVar("ItemIn")
ItemOut = TypeVar("ItemOut")
State = TypeVar("State")


class Task(enum.Enum):
    """What a stream is translated to."""

    S2ST = "s2st"
    """Speech to speech, with text."""
    S2TT = "s2tt"
    """Speech to text."""
    ASR = "asr"
    """Speech to text of the same language."""


class Unclear(enum.Enum):
    """What is written for words that an engine is not sure of."""

    KEEP = "keep"
    """What was recognised, as if it were sure."""
    MARK = "mark"
    """`[unclear]`, once for a run of them."""
    DROP = "drop"
    """Nothing."""


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """What one stream asks of an engine, fixed for as long as the stream runs."""

    source: str | None
    """ISO 639-3 code of the speech; None leaves it to the engine."""
    targets: tuple[str, ...]
    """ISO 639-3 codes. One encoding of the source may feed several."""
    task: Task = Task.S2ST
    speakers: Mapping[str, str] = field(default_factory=dict)
    """Voice by target language, in the engine's own names; a missing one takes the default."""
    partials: bool = True
    """Whether anybody looks at uncommitted text. It never changes what is committed."""
    spoken: tuple[str, ...] | None = None
    """The targets of which speech is wanted; None wants it of all. Text comes of all."""
    live: bool = False
    """Whether somebody waits for it: then less lag is worth a few more errors."""
    min_confidence: float | None = None
    """Words less sure than this are unclear. None takes the engine's default, by 0 none is."""
    unclear: Unclear = Unclear.MARK
    """How these are written. What is mostly unclear is not spoken, however it is written."""
    policy: object | None = None
    """The engine's own frozen dataclass of options for one stream; None takes its defaults."""

    def speaks(self, target: str) -> bool:
        """Whether speech of a target is wanted."""
        return self.task is Task.S2ST and (self.spoken is None or target in self.spoken)

    def without_speech_of(self, targets: Collection[str]) -> "StreamRequest":
        """The same, with these targets as text only."""
        spoken = (each for each in self.targets if self.speaks(each) and each not in targets)
        return replace(self, spoken=tuple(spoken)) if targets else self


@dataclass(frozen=True, slots=True)
class StreamControls:
    """What the session tells an agent before each step: a snapshot, never samples or text."""

    queued_ms: Mapping[str, float] = field(default_factory=dict)
    """Translated sound that waits to be played, by target language."""
    targets: tuple[str, ...] | None = None
    """The targets wanted now, a part of the request's; None wants them all."""
    paused: bool = False
    """Sound still arrives while paused and is not translated."""


class Agent(ABC, Generic[ItemIn, ItemOut, State]):
    """One stage, or a whole engine."""

    @abstractmethod
    def new_state(self, request: StreamRequest) -> State:
        """One stream's memory. Raises `LanguageError` for a pair the agent does not cover. Called
        on that stream's thread, like `release`, also while other streams are stepped."""

    @abstractmethod
    def step(self, item: ItemIn, state: State) -> Iterator[ItemOut]:
        """Take one item of the stream and yield what is due. Never yields while holding a lock."""

    def step_many(self, batch: Sequence[tuple[ItemIn, State]]) -> list[list[ItemOut] | Exception]:
        """One step of several streams, no state twice. Equal to calling `step` for each; what one
        of them raises stands in its place, and is not the others' affair."""
        return [self._stepped(item, state) for item, state in batch]

    def _stepped(self, item: ItemIn, state: State) -> list[ItemOut] | Exception:
        try:
            return list(self.step(item, state))
        except Exception as error:
            return error

    def control(self, controls: StreamControls, state: State) -> None:
        """Note the latest controls of a stream. By default they change nothing."""

    def measure(self, request: StreamRequest) -> float | None:
        """Seconds it computes for each second of such a stream, on this machine, found by trying;
        None for an agent that need not be tried."""
        return None

    def release(self, state: State) -> None:
        """The stream is over: give back what its state had borrowed. May be called twice."""

    def close(self) -> None:
        """No stream will run again: end helper processes. May be called twice."""


class Chain(Agent[ItemIn, ItemOut, tuple[Any, ...]]):
    """Stages one after the other, each fed what the one before yields."""

    def __init__(self, *stages: Agent[Any, Any, Any]) -> None:
        self.stages = stages

    def new_state(self, request: StreamRequest) -> tuple[Any, ...]:
        states: list[Any] = []
        try:
            for stage in self.stages:
                states.append(stage.new_state(request))
        except BaseException:
            for stage, state in zip(self.stages, states, strict=False):
                stage.release(state)
            raise
        return tuple(states)

    def step(self, item: ItemIn, state: tuple[Any, ...]) -> Iterator[ItemOut]:
        yield from self._run(0, item, state)

    def _run(self, index: int, item: Any, state: tuple[Any, ...]) -> Iterator[Any]:
        if index == len(self.stages):
            yield item
            return
        for made in self.stages[index].step(item, state[index]):
            yield from self._run(index + 1, made, state)

    def step_many(
        self, batch: Sequence[tuple[ItemIn, tuple[Any, ...]]]
    ) -> list[list[ItemOut] | Exception]:
        """Each stage sees the streams together, one item of each stream at a time."""
        waiting: list[list[Any]] = [[item] for item, _ in batch]
        failed: dict[int, Exception] = {}
        for index, stage in enumerate(self.stages):
            made: list[list[Any]] = [[] for _ in batch]
            for turn in range(max((len(items) for items in waiting), default=0)):
                streams = [
                    k for k, items in enumerate(waiting) if turn < len(items) and k not in failed
                ]
                results = stage.step_many([(waiting[k][turn], batch[k][1][index]) for k in streams])
                for k, result in zip(streams, results, strict=True):
                    if isinstance(result, Exception):
                        failed[k] = result
                    else:
                        made[k].extend(result)
            waiting = made
        return [failed.get(k, items) for k, items in enumerate(waiting)]

    def control(self, controls: StreamControls, state: tuple[Any, ...]) -> None:
        for stage, stage_state in zip(self.stages, state, strict=True):
            stage.control(controls, stage_state)

    def measure(self, request: StreamRequest) -> float | None:
        measured = [stage.measure(request) for stage in self.stages]
        known = [seconds for seconds in measured if seconds is not None]
        return sum(known) if known else None

    def release(self, state: tuple[Any, ...]) -> None:
        with ExitStack() as stack:  # one that fails does not keep the others
            for stage, stage_state in zip(self.stages, state, strict=True):
                stack.callback(stage.release, stage_state)

    def close(self) -> None:
        with ExitStack() as stack:
            for stage in self.stages:
                stack.callback(stage.close)

"""`GatheringStepper`: the steps of several streams, taken together by one agent.

Each stream runs on a thread of its own and waits there for its steps. One thread, the engine's,
computes them all:

    stream 1 ──step──▶ ┐
    stream 2 ──step──▶ ├ waiting ──▶ engine thread: step_many ──▶ events to each
    stream 3 ──step──▶ ┘
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from audio_io.chunk import AudioChunk
from audio_io.errors import S2stError
from engine.agent import Agent, StreamControls, StreamRequest
from engine.events import Event

GATHER_S = 0.05
"""How long the first who asks waits for the others. They are reading, or between recordings."""


class StoppedError(S2stError):
    """The run is over before the stream is."""


@dataclass(slots=True, eq=False)
class _Asked:
    """A step that a stream waits for."""

    chunk: AudioChunk
    state: Any
    controls: StreamControls
    asked_s: float
    done: bool = False
    events: list[Event] = field(default_factory=list)
    error: Exception | None = None


class GatheredAgent(Agent[AudioChunk, Event, Any]):
    """An agent whose steps are taken together with those of other streams. For what runs an agent
    by itself, on a thread of its own."""

    def __init__(self, stepper: "GatheringStepper") -> None:
        self._stepper = stepper

    def new_state(self, request: StreamRequest) -> Any:
        return self._stepper.open(request)

    def step(self, item: AudioChunk, state: Any) -> Iterator[Event]:
        return self._stepper.step(item, state, StreamControls())

    def release(self, state: Any) -> None:
        self._stepper.close(state)


class GatheringStepper:
    """A `Stepper` of several streams. Each has one step waiting at the most, so nothing grows."""

    def __init__(self, agent: Agent[AudioChunk, Event, Any]) -> None:
        self._agent = agent
        self._changed = threading.Condition()
        """Guards all that follows; never held while the agent computes."""
        self._waiting: list[_Asked] = []
        self._open: dict[int, Any] = {}
        """States of the streams that have begun and not ended, by identity."""
        self._stopped = False

    def open(self, request: StreamRequest) -> Any:
        state = self._agent.new_state(request)
        with self._changed:
            self._open[id(state)] = state
        return state

    def step(self, chunk: AudioChunk, state: Any, controls: StreamControls) -> Iterator[Event]:
        """Waits until the engine's thread has taken it. Raises what the agent raised, and
        `StoppedError` once nobody takes steps any more."""
        asked = _Asked(chunk, state, controls, time.monotonic())
        with self._changed:
            self._waiting.append(asked)
            self._changed.notify_all()
            self._changed.wait_for(lambda: asked.done or self._stopped)
        if asked.error is not None:
            raise asked.error
        if not asked.done:
            raise StoppedError("The run was stopped.")
        return iter(asked.events)

    def close(self, state: Any) -> None:
        self._agent.release(state)
        with self._changed:
            self._open.pop(id(state), None)
            self._changed.notify_all()

    def serve(self, timeout_s: float) -> None:
        """On the engine's thread: take the steps that wait, once all open streams want one, or the
        first has waited `GATHER_S`. Comes back after `timeout_s` without any."""
        until_s = time.monotonic() + timeout_s
        with self._changed:
            while not self._is_due():
                wait_s = (self._waiting[0].asked_s + GATHER_S if self._waiting else until_s) - (
                    time.monotonic()
                )
                if not self._waiting and wait_s <= 0:
                    return
                self._changed.wait(max(0.0, wait_s))
            batch, self._waiting = self._waiting, []
        self._take(batch)
        with self._changed:
            for asked in batch:
                asked.done = True
            self._changed.notify_all()

    def stop(self) -> None:
        """No step is taken any more: those who wait, and those who come, are told."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _is_due(self) -> bool:
        if not self._waiting:
            return False
        waited_s = time.monotonic() - self._waiting[0].asked_s
        return len(self._waiting) >= len(self._open) or waited_s >= GATHER_S

    def _take(self, batch: list[_Asked]) -> None:
        """What the agent cannot lay at one stream's door is everybody's whose step it took: no
        state is whole after it."""
        try:
            for asked in batch:
                self._agent.control(asked.controls, asked.state)
            said = self._agent.step_many([(asked.chunk, asked.state) for asked in batch])
        except Exception as error:
            for asked in batch:
                asked.error = error
            return
        for asked, events in zip(batch, said, strict=True):
            if isinstance(events, Exception):
                asked.error = events
            else:
                asked.events = events

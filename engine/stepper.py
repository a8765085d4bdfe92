"""How a session reaches an agent."""

from collections.abc import Iterator
from typing import Any, Protocol

from audio_io.chunk import AudioChunk
from engine.agent import Agent, StreamControls, StreamRequest
from engine.events import Event


class Stepper(Protocol):
    """Opens streams on an agent and steps them, one by one or gathered into batches."""

    def open(self, request: StreamRequest) -> Any:
        """A new stream: its state."""

    def step(self, chunk: AudioChunk, state: Any, controls: StreamControls) -> Iterator[Event]:
        """One step of one stream."""

    def close(self, state: Any) -> None:
        """The stream is over. May be called twice."""


class DirectStepper:
    """Steps the agent at once, on the thread that asks."""

    def __init__(self, agent: Agent[AudioChunk, Event, Any]) -> None:
        self._agent = agent

    def open(self, request: StreamRequest) -> Any:
        return self._agent.new_state(request)

    def step(self, chunk: AudioChunk, state: Any, controls: StreamControls) -> Iterator[Event]:
        self._agent.control(controls, state)
        return self._agent.step(chunk, state)

    def close(self, state: Any) -> None:
        self._agent.release(state)

"""`ProcessStepper`: an engine in a process of its own.

Live sound needs Python to answer within milliseconds. An engine that holds the interpreter's lock
while it computes, as pocketsphinx does for a second at a time, would silence the speaker and
freeze the panel; so it gets its own interpreter.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from audio_io.chunk import AudioChunk
from audio_io.errors import S2stError
from engine.agent import Agent, StreamControls, StreamRequest
from engine.events import Event
from engine.streams.child import Child, Do, Tell

Load = Callable[[], Agent[AudioChunk, Event, Any]]


class ProcessStepper:
    """A `Stepper` for one stream at a time. One thread asks; the other process computes.

    Start it early: it loads while the devices are opened. `load` must be picklable.
    """

    def __init__(self, load: Load, *, verbose: bool = False) -> None:
        self._child = Child(
            partial(_loaded, load),
            name="s2st engine",
            ended="The engine's process ended",
            hint="Is there enough memory? `s2st doctor` tries every part.",
            verbose=verbose,
        )

    def wait_until_loaded(self) -> None:
        """Raises what loading raised."""
        self._child.answer(None)

    def measure(self, request: StreamRequest) -> float | None:
        """As `Agent.measure`."""
        seconds: float | None = self._child.answer(_Measure(request))
        return seconds

    def open(self, request: StreamRequest) -> None:
        self._child.answer(_Open(request))

    def step(self, chunk: AudioChunk, state: None, controls: StreamControls) -> Iterator[Event]:
        return self._child.ask(_Step(chunk, controls))

    def close(self, state: None) -> None:
        with contextlib.suppress(S2stError):  # it is gone already
            self._child.answer(_Close())

    def end(self) -> None:
        """End the process. May be called twice, and while another thread waits for it."""
        self._child.end()

    def kill(self) -> None:
        """End the process at once, whatever it does. From any thread."""
        self._child.kill()


@dataclass(frozen=True, slots=True)
class _Open:
    request: StreamRequest


@dataclass(frozen=True, slots=True)
class _Measure:
    request: StreamRequest


@dataclass(frozen=True, slots=True)
class _Step:
    chunk: AudioChunk
    controls: StreamControls


@dataclass(frozen=True, slots=True)
class _Close:
    pass


@contextmanager
def _loaded(load: Load) -> Iterator[Do]:
    """In the process: the agent, and the stream it is at."""
    agent = load()
    state: Any = None

    def do(question: object, tell: Tell) -> float | None:
        nonlocal state
        match question:
            case _Open(request):
                state = agent.new_state(request)
            case _Measure(request):
                return agent.measure(request)
            case _Step(chunk, controls):
                agent.control(controls, state)
                for event in agent.step(chunk, state):
                    tell(event)
            case _Close():
                agent.release(state)
        return None

    try:
        yield do
    finally:
        agent.close()

"""`ProcessStepper`: an engine in a process of its own.

Live sound needs Python to answer within milliseconds. An engine that holds the interpreter's lock
while it computes, as pocketsphinx does for a second at a time, would silence the speaker and
freeze the panel; so it gets its own interpreter.
"""

import contextlib
import multiprocessing
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from audio_io.chunk import AudioChunk
from audio_io.errors import S2stError
from engine.agent import Agent, StreamControls, StreamRequest
from engine.errors import EngineError
from engine.events import Event
from engine.streams.child import how_it_ended

GRACE_S = 5.0
"""How long the process may take to end before it is killed."""

Load = Callable[[], Agent[AudioChunk, Event, Any]]


class ProcessStepper:
    """A `Stepper` for one stream at a time. One thread asks; the other process computes.

    Start it early: it loads while the devices are opened. `load` must be picklable.
    """

    def __init__(self, load: Load, *, verbose: bool = False) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, load, verbose), name="s2st engine", daemon=True
        )
        resource_tracker.ensure_running()  # starting it unblocks signals
        # Ctrl-C in a terminal reaches the child too, while it starts and later; it inherits that
        # the signal is blocked, and leaves when the connection is closed.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        theirs.close()
        self._stepping = False
        """Whether a step has more to say."""
        self._closing = threading.Lock()
        self._is_closed = False

    def wait_until_loaded(self) -> None:
        """Raises what loading raised."""
        self._receive()

    def measure(self, request: StreamRequest) -> float | None:
        """As `Agent.measure`."""
        self._send(_Measure(request))
        measured: Any = self._receive()
        self._receive()
        return None if measured is None else float(measured.seconds)

    def open(self, request: StreamRequest) -> None:
        self._send(_Open(request))
        self._receive()

    def step(self, chunk: AudioChunk, state: None, controls: StreamControls) -> Iterator[Event]:
        self._send(_Step(chunk, controls))
        self._stepping = True
        while (message := self._receive()) is not None:
            yield message
        self._stepping = False

    def close(self, state: None) -> None:
        with contextlib.suppress(S2stError):  # it is gone already
            while self._stepping and self._receive() is not None:
                pass  # the rest of a step that nobody waits for
            self._stepping = False
            self._send(_Close())
            self._receive()

    def end(self) -> None:
        """End the process. May be called twice, and while another thread waits for it."""
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
        with contextlib.suppress(OSError):
            self._connection.close()
        self._process.join(GRACE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def kill(self) -> None:
        """End the process at once, whatever it does. From any thread."""
        self._process.kill()

    def _send(self, message: object) -> None:
        try:
            self._connection.send(message)
        except (OSError, ValueError) as error:
            raise self._death() from error

    def _receive(self) -> Event | None:
        """The next event of a step, or None when what was asked for is done."""
        try:
            message = self._connection.recv()
        except (EOFError, OSError, TypeError) as error:  # TypeError: closed while it was read
            raise self._death() from error
        if isinstance(message, _Failed):
            self._stepping = False
            raise message.error
        event: Event | None = message
        return event

    def _death(self) -> EngineError:
        self._process.join(GRACE_S)
        how = how_it_ended(self._process.exitcode)
        return EngineError(
            f"The engine's process ended ({how}).",
            hint="Is there enough memory? `s2st doctor` tries every part.",
        )


@dataclass(frozen=True, slots=True)
class _Open:
    request: StreamRequest


@dataclass(frozen=True, slots=True)
class _Measure:
    request: StreamRequest


@dataclass(frozen=True, slots=True)
class _Measured:
    seconds: float


@dataclass(frozen=True, slots=True)
class _Step:
    chunk: AudioChunk
    controls: StreamControls


@dataclass(frozen=True, slots=True)
class _Close:
    pass


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


def _serve(connection: Connection, load: Load, verbose: bool) -> None:
    """The life of the process, until the other end of the connection is closed."""
    # What ends the program is the other process's to handle; this one ends when that one does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with contextlib.suppress(_GoneError):
        try:
            agent = load()
        except Exception as error:
            _report(connection, error, verbose)
            return
        try:
            _send(connection, None)
            _answer(connection, agent, verbose)
        finally:
            agent.close()


def _answer(connection: Connection, agent: Agent[AudioChunk, Event, Any], verbose: bool) -> None:
    state: Any = None
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError) as error:
            raise _GoneError from error
        try:
            match message:
                case _Open(request):
                    state = agent.new_state(request)
                case _Measure(request):
                    seconds = agent.measure(request)
                    _send(connection, None if seconds is None else _Measured(seconds))
                case _Step(chunk, controls):
                    agent.control(controls, state)
                    for event in agent.step(chunk, state):
                        _send(connection, event)
                case _Close():
                    agent.release(state)
            _send(connection, None)
        except _GoneError:
            raise
        except Exception as error:
            _report(connection, error, verbose)


class _GoneError(Exception):
    """Nobody is at the other end any more. Not to be taken for what an agent raises."""


def _send(connection: Connection, message: object) -> None:
    try:
        connection.send(message)
    except OSError as error:
        raise _GoneError from error


def _report(connection: Connection, error: Exception, verbose: bool) -> None:
    if verbose:  # tracebacks do not cross to other processes
        traceback.print_exc()
    if not isinstance(error, S2stError):
        error = RuntimeError(f"{type(error).__name__}: {error}")
    _send(connection, _Failed(error))

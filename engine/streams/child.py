"""`Child`: a process of our own that is asked, answers, and ends when we do.

here   ──question──▶  child
       ◀───Said────       what it says meanwhile, as often as it likes
       ◀Done, Failed      once
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

from audio_io.errors import S2stError
from engine.errors import EngineError

GRACE_S = 5.0
"""How long a process may take to end before it is killed."""
PROGRESS_EVERY_S = 0.1
SAFE_PATH = "PYTHONSAFEPATH"
_environment = threading.Lock()
"""Held while it is not as it was."""

Tell: TypeAlias = Callable[[object], None]
"""Says something while a question is at work."""
Do: TypeAlias = Callable[[Any, Tell], object]
"""Answers a question. Raises on failure."""
Open: TypeAlias = Callable[[], AbstractContextManager[Do]]
"""Loads what all questions need."""


@dataclass(frozen=True, slots=True)
class Said:
    """Something about the question at work."""

    what: Any


@dataclass(frozen=True, slots=True)
class Done:
    """The answer."""

    outcome: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """There is none."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a question is, in its own measure. To be said often: not all of it arrives."""

    amount: float


class Child:
    """One process, asked one question at a time. Start it early: it loads while other things
    happen. One thread asks; any may end it."""

    def __init__(
        self,
        load: Open,
        *,
        name: str,
        ended: str,
        hint: str,
        verbose: bool = False,
        leaves: bool = False,
    ) -> None:
        """`load` travels to the process. `ended` and `hint` tell people of its death. With
        `leaves` SIGTERM breaks off what it does, and it cleans up."""
        context = multiprocessing.get_context("spawn")
        self._ended, self._hint = ended, hint
        self.connection, theirs = context.Pipe()
        """To wait for, among others."""
        self.process = context.Process(
            target=_live, args=(theirs, load, verbose, leaves), name=name, daemon=True
        )
        self.is_busy = False
        """Whether a question waits for its answer."""
        self._closing = threading.Lock()
        with _python_looks_elsewhere():
            resource_tracker.ensure_running()  # starting it unblocks signals
            with _signals_wait():
                self.process.start()
        theirs.close()

    def send(self, question: object) -> None:
        """Ask, and hear later. Of a process that is dead hearing says so."""
        self.is_busy = True
        with contextlib.suppress(OSError, ValueError):
            self.connection.send(question)

    def hear(self, timeout_s: float | None = None) -> Said | Done | Failed:
        """The next message.

        Raises:
            EngineError: the process has ended.
            TimeoutError: nothing came.
        """
        try:
            heard = self.connection.recv() if self.connection.poll(timeout_s) else None
        except (EOFError, OSError, TypeError, ValueError) as error:  # closed while it was read
            self.is_busy = False
            self.process.join(GRACE_S)
            how = how_it_ended(self.process.exitcode)
            raise EngineError(f"{self._ended} ({how}).", hint=self._hint) from error
        if heard is None:
            raise TimeoutError
        message: Said | Done | Failed = heard
        self.is_busy = isinstance(message, Said)
        return message

    def ask(self, question: object) -> Iterator[Any]:
        """What it says until the question is answered. Raises what it raised."""
        self._finish()
        self.send(question)
        while isinstance(message := self._heard(None), Said):
            yield message.what

    def answer(self, question: object, timeout_s: float | None = None) -> Any:
        """The answer alone. Raises what it raised, and `TimeoutError`."""
        self._finish()
        self.send(question)
        while isinstance(message := self._heard(timeout_s), Said):
            pass
        return message.outcome

    def end(self, grace_s: float = GRACE_S) -> None:
        """May be called twice, and while another thread waits for an answer."""
        self.let_go()
        self.process.join(grace_s)
        if self.process.is_alive():
            self.kill()
            self.process.join()

    def let_go(self) -> None:
        """Nothing more is asked: it ends by itself once it is idle."""
        with self._closing, contextlib.suppress(OSError):
            self.connection.close()

    def kill(self) -> None:
        """End it at once, whatever it does. From any thread."""
        self.process.kill()

    def _heard(self, timeout_s: float | None) -> Said | Done:
        message = self.hear(timeout_s)
        if isinstance(message, Failed):
            raise message.error
        return message

    def _finish(self) -> None:
        """Hear the rest of an answer that nobody waited for."""
        while self.is_busy:
            self.hear()


def how_it_ended(exit_code: int | None) -> str:
    """`exit_code` as `subprocess` and `multiprocessing` have it; None while the process is still
    there."""
    if exit_code is None:
        return "its connection broke"
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"


def seldom(tell: Tell) -> Tell:
    """Lets through all but `Progress` that comes too soon after the last."""
    last_s = 0.0

    def say(what: object) -> None:
        nonlocal last_s
        if isinstance(what, Progress):
            now_s = time.monotonic()
            if now_s - last_s < PROGRESS_EVERY_S:
                return
            last_s = now_s
        tell(what)

    return say


@contextlib.contextmanager
def _python_looks_elsewhere() -> Iterator[None]:
    """A Python that starts in the block takes no module from the current folder, where anybody's
    `random.py` may lie: `multiprocessing` starts it with `-c`, which puts that folder first."""
    with _environment:
        asked = os.environ.get(SAFE_PATH)
        os.environ[SAFE_PATH] = "1"
        try:
            yield
        finally:
            if asked is None:
                os.environ.pop(SAFE_PATH, None)
            else:
                os.environ[SAFE_PATH] = asked


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Signals that end the run do so after the block: a process that gets only half of its start
    says so in many lines. Ctrl-C in a terminal also reaches children that are still starting;
    what is started here inherits that it is blocked."""
    came: list[int] = []
    handlers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # no other has handlers
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            handlers[number] = signal.signal(number, lambda got, _: came.append(got))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for one, handler in handlers.items():
            signal.signal(one, handler)
    for late in came:
        signal.raise_signal(late)


# In the process


class _GoneError(Exception):
    """Nobody is at the other end any more. Not to be taken for what is raised by work."""


def _live(connection: Connection, load: Open, verbose: bool, leaves: bool) -> None:
    """The life of the process: questions, until the other end of the connection is closed."""
    # What ends the program is the other process's to handle; this one ends when that one does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if leaves:
        signal.signal(signal.SIGTERM, _leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    refusal: Failed | None = None
    with contextlib.suppress(_GoneError), ExitStack() as stack:
        try:
            opened = load()
            do = opened.__enter__()
            stack.callback(_close, opened, verbose)
        except Exception as error:  # each question fails of it
            refusal = failed(error, verbose)
        while True:
            question = _receive(connection)
            _send(connection, refusal or _answered(do, question, connection, verbose))


def _answered(do: Do, question: object, connection: Connection, verbose: bool) -> Done | Failed:
    try:
        return Done(do(question, seldom(lambda what: _send(connection, Said(what)))))
    except _GoneError:
        raise
    except Exception as error:
        return failed(error, verbose)


def failed(error: Exception, verbose: bool) -> Failed:
    """The error as it can cross to another process."""
    if verbose:  # tracebacks do not cross
        traceback.print_exception(error)
    if isinstance(error, S2stError):
        return Failed(error)
    return Failed(RuntimeError(f"{type(error).__name__}: {error}"))


def _receive(connection: Connection) -> Any:
    try:
        return connection.recv()
    except (EOFError, OSError) as error:
        raise _GoneError from error


def _send(connection: Connection, message: object) -> None:
    try:
        connection.send(message)
    except OSError as error:
        raise _GoneError from error


def _close(opened: AbstractContextManager[Any], verbose: bool) -> None:
    """On the way out, maybe out of the middle of a task: what cannot be closed then is nobody's
    loss, and nobody's to read about."""
    try:
        opened.__exit__(None, None, None)
    except Exception:
        if verbose:
            traceback.print_exc()


def _leave(*_: Any) -> None:
    raise SystemExit(128 + signal.SIGTERM)

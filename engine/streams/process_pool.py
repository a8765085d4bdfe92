"""Tasks on several processes at once, each of which loads what it needs once."""

import contextlib
import multiprocessing
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from audio_io.errors import S2stError
from engine.streams.child import how_it_ended

GRACE_S = 5.0
"""How long a worker may take to clean up before it is killed."""

Task = TypeVar("Task")
Task_contra = TypeVar("Task_contra", contravariant=True)
Tell: TypeAlias = Callable[[object], None]
"""Sends the listener a message about the task a worker is at."""
Do: TypeAlias = Callable[[Task, Tell], object]
"""One task, to its outcome. Raises on failure."""


class Work(Protocol[Task_contra]):
    """What a worker does. Travels to its process."""

    @property
    def verbose(self) -> bool:
        """Whether tracebacks are printed."""

    def open(self) -> AbstractContextManager[Do[Task_contra]]:
        """Load what all tasks need; called once in each worker."""


class Listener(Protocol[Task_contra]):
    """What becomes of the tasks, told on the main thread, in order for each task."""

    def told(self, task: Task_contra, message: object) -> None:
        """The worker has something to say about its task."""

    def done(self, task: Task_contra, outcome: Any) -> None:
        """The task came to its end."""

    def failed(self, task: Task_contra, error: BaseException) -> None:
        """The task raised an error."""

    def died(self, task: Task_contra, error: S2stError) -> bool:
        """The worker died of it, or was killed. Whether another may try."""


def run_pool(tasks: Sequence[Task], work: Work[Task], count: int, listener: Listener[Task]) -> None:
    """All tasks on `count` processes, in the order in which workers get free.

    A worker that dies (killed, out of memory, a crash in native code) fails the task it had and
    no other: a new one takes its place.
    """
    waiting = list(reversed(tasks))
    workers: list[_Worker[Task]] = []
    try:
        for _ in range(min(count, len(tasks))):
            workers.append(_Worker(work))
            workers[-1].give(waiting.pop())
        while busy := [worker for worker in workers if worker.is_busy]:
            wait([worker.connection for worker in busy])
            for worker in busy:
                if not worker.connection.poll():
                    continue
                task = worker.task
                lives, again = worker.hear(listener)
                if not lives:
                    workers[workers.index(worker)] = _Worker(work)
                if again:
                    assert task is not None
                    waiting.append(task)
            for worker in workers:
                if not worker.is_busy and waiting:
                    worker.give(waiting.pop())
    finally:
        _stop(workers)


class _Worker(Generic[Task]):
    """One process, seen from the main one."""

    def __init__(self, work: Work[Task]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.task: Task | None = None
        self.is_busy = False
        self.process: SpawnProcess = context.Process(target=_work, args=(theirs, work), daemon=True)
        resource_tracker.ensure_running()  # starting it unblocks signals
        with _signals_wait():
            self.process.start()
        theirs.close()

    def give(self, task: Task) -> None:
        self.task, self.is_busy = task, True
        with contextlib.suppress(OSError):  # if it is dead, hearing from it says so
            self.connection.send(task)

    def hear(self, listener: Listener[Task]) -> tuple[bool, bool]:
        """Take one message; whether the worker lives, and whether its task is to run again."""
        task = self.task
        assert task is not None
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            self.process.join(GRACE_S)
            self.is_busy = False
            return False, listener.died(task, _death(self.process))
        match message:
            case _Told(what):
                listener.told(task, what)
            case _Done(outcome):
                self.is_busy = False
                listener.done(task, outcome)
            case _Failed(error):
                self.is_busy = False
                listener.failed(task, error)
        return True, False


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Signals that end the run do so after the block: a worker that gets only half of its start
    says so in many lines. Ctrl-C in a terminal also reaches workers that are still starting;
    what is started here inherits that it is blocked."""
    came: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for late in came:
        signal.raise_signal(late)


@dataclass(frozen=True, slots=True)
class _Told:
    what: object


@dataclass(frozen=True, slots=True)
class _Done:
    outcome: object


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


def _work(connection: Connection, work: Work[Any]) -> None:
    """The life of a worker: tasks, one at a time, until the main process closes the connection."""
    # Ctrl-C and a terminal that closes are the main process's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)

    def tell(what: object) -> None:
        connection.send(_Told(what))

    # Closed pipe: the main process is gone, and what is half written is abandoned on the way out.
    with contextlib.suppress(EOFError, BrokenPipeError):
        try:
            opened = work.open()
            do = opened.__enter__()
        except Exception as error:
            _refuse_all(connection, error, work.verbose)
            return
        try:
            while True:
                task = connection.recv()
                try:
                    outcome = do(task, tell)
                except BrokenPipeError:
                    raise
                except Exception as error:
                    if work.verbose:  # tracebacks do not cross to other processes
                        traceback.print_exc()
                    connection.send(_Failed(_sendable(error)))
                else:
                    connection.send(_Done(outcome))
        finally:
            _close(opened, work.verbose)


def _close(opened: AbstractContextManager[Any], verbose: bool) -> None:
    """On the way out, maybe out of the middle of a task: what cannot be closed then is nobody's
    loss, and nobody's to read about."""
    try:
        opened.__exit__(None, None, None)
    except Exception:
        if verbose:
            traceback.print_exc()


def _refuse_all(connection: Connection, error: Exception, verbose: bool) -> None:
    """What all tasks need cannot be loaded: each that comes fails of it."""
    if verbose:
        traceback.print_exc()
    while True:
        connection.recv()
        connection.send(_Failed(_sendable(error)))


def _leave(*_: Any) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def _sendable(error: Exception) -> Exception:
    """The error as it can cross to another process."""
    if isinstance(error, S2stError):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")


def _death(process: SpawnProcess) -> S2stError:
    how = how_it_ended(process.exitcode)
    return S2stError(
        f"The worker process died ({how}).",
        hint="Is there enough memory? Fewer --jobs need less.",
    )


def _stop(workers: Sequence[_Worker[Any]]) -> None:
    for worker in workers:
        worker.connection.close()
        if worker.is_busy:
            worker.process.terminate()
    deadline_s = time.monotonic() + GRACE_S
    for worker in workers:
        worker.process.join(max(0.0, deadline_s - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()

"""Jobs on several processes at once, each with engines of its own.

A worker that dies (killed, out of memory, a crash in native code) fails the job it had and no
other: a new one takes its place.
"""

import contextlib
import multiprocessing
import signal
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from audio_io.errors import S2stError
from cli.jobs import Listener, do_job
from cli.plan import FilePlan, Job
from cli.translate import Outcome, Translator, remove_leftovers
from cli.verbosity import set_verbose
from engine.events import Event

PROGRESS_EVERY_S = 0.1
"""A worker tells how far it is no more often than this."""
GRACE_S = 5.0
"""How long a worker may take to clean up before it is killed."""


def run_workers(jobs: Sequence[Job], plan: FilePlan, count: int, listener: Listener) -> None:
    """All jobs on `count` processes, in the order in which workers get free."""
    waiting = list(reversed(jobs))
    workers: list[_Worker] = []
    try:
        for _ in range(min(count, len(jobs))):
            workers.append(_Worker(plan))
            workers[-1].give(waiting.pop())
        while busy := [worker for worker in workers if worker.job is not None]:
            wait([worker.connection for worker in busy])
            for worker in busy:
                if worker.connection.poll() and not worker.hear(listener):
                    workers[workers.index(worker)] = _Worker(plan)  # it died
            for worker in workers:
                if worker.job is None and waiting:
                    worker.give(waiting.pop())
    finally:
        _stop(workers)


class _Worker:
    """One process, seen from the main one."""

    def __init__(self, plan: FilePlan) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.job: Job | None = None
        self._plan = plan
        self.process: SpawnProcess = context.Process(target=_work, args=(theirs, plan), daemon=True)
        resource_tracker.ensure_running()  # starting it unblocks signals
        with _signals_wait():
            self.process.start()
        theirs.close()

    def give(self, job: Job) -> None:
        self.job = job
        with contextlib.suppress(OSError):  # if it is dead, hearing from it says so
            self.connection.send(job)

    def hear(self, listener: Listener) -> bool:
        """Take one message; False when there will be none any more."""
        job = self.job
        assert job is not None
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            self.process.join(GRACE_S)
            remove_leftovers(job, self._plan)
            listener.failed(job, _death(self.process))
            return False
        match message:
            case _Opened(duration_s):
                listener.opened(job, duration_s)
            case _Progress(heard_s):
                listener.progress(job, heard_s)
            case _Heard(event):
                listener.event(job, event)
            case _Done(outcome):
                self.job = None
                listener.done(job, outcome)
            case _Failed(error):
                self.job = None
                listener.failed(job, error)
        return True


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
class _Opened:
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class _Progress:
    heard_s: float


@dataclass(frozen=True, slots=True)
class _Heard:
    event: Event


@dataclass(frozen=True, slots=True)
class _Done:
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


class _Messenger:
    """A `Listener` in a worker that sends what it hears to the main process."""

    def __init__(self, connection: Connection, plan: FilePlan) -> None:
        self._connection = connection
        self._events = plan.event_records
        self._told_s = 0.0

    def opened(self, job: Job, duration_s: float | None) -> None:
        self._connection.send(_Opened(duration_s))

    def progress(self, job: Job, heard_s: float) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= PROGRESS_EVERY_S:
            self._told_s = now_s
            self._connection.send(_Progress(heard_s))

    def event(self, job: Job, event: Event) -> None:
        if self._events:
            self._connection.send(_Heard(event))

    def done(self, job: Job, outcome: Outcome) -> None:
        self._connection.send(_Done(outcome))

    def failed(self, job: Job, error: BaseException) -> None:
        self._connection.send(_Failed(error))


def _work(connection: Connection, plan: FilePlan) -> None:
    """The life of a worker: jobs, one at a time, until the main process closes the connection."""
    # Ctrl-C and a terminal that closes are the main process's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    set_verbose(plan.verbose)
    messenger = _Messenger(connection, plan)
    # Closed pipe: the main process is gone, and what is half written is abandoned on the way out.
    with contextlib.suppress(EOFError, BrokenPipeError), Translator(plan) as translator:
        while True:
            job: Job = connection.recv()
            try:
                outcome = do_job(translator, job, messenger)
            except BrokenPipeError:
                raise
            except Exception as error:
                if plan.verbose:  # tracebacks do not cross to other processes
                    traceback.print_exc()
                messenger.failed(job, _sendable(error))
            else:
                messenger.done(job, outcome)


def _leave(*_: Any) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def _sendable(error: Exception) -> Exception:
    """The error as it can cross to another process."""
    if isinstance(error, S2stError):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")


def _death(process: SpawnProcess) -> S2stError:
    code = process.exitcode
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    return S2stError(
        f"The worker process died ({how}).",
        hint="Is there enough memory? Fewer --jobs need less.",
    )


def _stop(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.connection.close()
        if worker.job is not None:
            worker.process.terminate()
    deadline_s = time.monotonic() + GRACE_S
    for worker in workers:
        worker.process.join(max(0.0, deadline_s - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()

"""Tasks on several processes at once, each of which loads what it needs once."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from multiprocessing.connection import wait
from typing import Any, Generic, Protocol, TypeVar

from audio_io.errors import S2stError
from engine.streams.child import GRACE_S, Child, Do, Done, Said, Tell

__all__ = ["Do", "Listener", "Tell", "Work", "run_pool"]

Task = TypeVar("Task")
Task_contra = TypeVar("Task_contra", contravariant=True)


class Work(Protocol):
    """What a worker does. Travels to its process."""

    @property
    def verbose(self) -> bool:
        """Whether tracebacks are printed."""

    def open(self) -> AbstractContextManager[Do]:
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


def run_pool(tasks: Sequence[Task], work: Work, count: int, listener: Listener[Task]) -> None:
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
        while busy := [worker for worker in workers if worker.child.is_busy]:
            wait([worker.child.connection for worker in busy])
            for worker in busy:
                if not worker.child.connection.poll():
                    continue
                task = worker.task
                lives, again = worker.hear(listener)
                if not lives:
                    workers[workers.index(worker)] = _Worker(work)
                if again:
                    assert task is not None
                    waiting.append(task)
            for worker in workers:
                if not worker.child.is_busy and waiting:
                    worker.give(waiting.pop())
    finally:
        _stop(workers)


class _Worker(Generic[Task]):
    """One process, seen from the main one."""

    def __init__(self, work: Work) -> None:
        self.task: Task | None = None
        self.child = Child(
            work.open,
            name="s2st worker",
            ended="The worker process died",
            hint="Is there enough memory? Fewer --jobs need less.",
            verbose=work.verbose,
            leaves=True,
        )

    def give(self, task: Task) -> None:
        self.task = task
        self.child.send(task)

    def hear(self, listener: Listener[Task]) -> tuple[bool, bool]:
        """Take one message; whether the worker lives, and whether its task is to run again."""
        task = self.task
        assert task is not None
        try:
            message = self.child.hear()
        except S2stError as death:
            return False, listener.died(task, death)
        match message:
            case Said(what):
                listener.told(task, what)
            case Done(outcome):
                listener.done(task, outcome)
            case _:
                listener.failed(task, message.error)
        return True, False


def _stop(workers: Sequence[_Worker[Any]]) -> None:
    for worker in workers:
        worker.child.let_go()
        if worker.child.is_busy:
            worker.child.process.terminate()
    until_s = time.monotonic() + GRACE_S
    for worker in workers:
        worker.child.end(max(0.0, until_s - time.monotonic()))

"""`run`: many tasks of one kind of work, here or in several places at once. The results are the
same."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from audio_io.errors import S2stError
from engine.streams.child import Do, Done, Failed, Said, Tell, seldom
from engine.streams.gathering import GatheringStepper, StoppedError

Task = TypeVar("Task")
Task_contra = TypeVar("Task_contra", contravariant=True)
Opened = TypeVar("Opened")


@dataclass(frozen=True, slots=True)
class Here:
    """One after the other, on the calling thread."""


@dataclass(frozen=True, slots=True)
class Processes:
    """On so many processes, each of which loads what it needs once."""

    count: int


@dataclass(frozen=True, slots=True)
class Streams:
    """As so many streams of one agent, which computes them together."""

    count: int


@dataclass(frozen=True, slots=True)
class Ray:
    """On so many actors of a Ray cluster, whose nodes see all files under the same paths."""

    count: int
    address: str
    """"local" is a cluster of this machine, for as long as the run takes."""


How: TypeAlias = Here | Processes | Streams | Ray


class Work(Protocol):
    """What is done with each task. Travels to where it is done."""

    @property
    def verbose(self) -> bool:
        """Whether tracebacks are printed."""

    def open(self) -> AbstractContextManager[Do]:
        """Load what all tasks need; called once in each process."""

    def open_together(self) -> AbstractContextManager[tuple[Do, GatheringStepper]]:
        """The same for tasks on several threads, whose steps the stepper gathers."""


class Listener(Protocol[Task_contra]):
    """What becomes of the tasks, on the calling thread, in order for each task."""

    def said(self, task: Task_contra, what: Any) -> None:
        """The task is at work and has something to say, or made `Progress`."""

    def done(self, task: Task_contra, outcome: Any) -> None:
        """The task came to its end."""

    def failed(self, task: Task_contra, error: Exception) -> None:
        """The task raised an error, or what all tasks need did when it was loaded."""

    def died(self, task: Task_contra, error: S2stError) -> None:
        """The process died of it, or was killed, as often as it was tried."""


def run(
    tasks: Sequence[Task], work: Work, how: How, listener: Listener[Task], *, tries: int = 1
) -> None:
    """All tasks, in the order in which there is room for them.

    One that fails does not stop the others, unless `listener` raises. One whose process dies is
    tried so often. What ends this early (Ctrl-C) ends the tasks first.

    Raises:
        EngineError: Ray is not installed, or cannot be reached.
    """
    match how:
        case Here():
            _run_here(tasks, work, listener)
        case Processes(count):
            from engine.streams.processes import run_on_processes

            run_on_processes(tasks, work, count, Fates(listener, tries))
        case Streams(count):
            from engine.streams.together import run_together

            run_together(tasks, work, count, listener)
        case Ray(count, address):
            from engine.streams.on_ray import run_on_ray

            run_on_ray(tasks, work, count, address, Fates(listener, tries))


def _run_here(tasks: Sequence[Task], work: Work, listener: Listener[Task]) -> None:
    with ExitStack() as stack:
        do = entered(work.open(), stack, tasks, listener)
        if do is None:
            return
        for task in tasks:
            tell = lambda what, task=task: listener.said(task, what)  # noqa: E731
            hand_on(attempted(do, task, tell), task, listener)


def entered(
    opening: AbstractContextManager[Opened],
    stack: ExitStack,
    tasks: Sequence[Task],
    listener: Listener[Task],
) -> Opened | None:
    """What all tasks need; None if it cannot be loaded, and each of them failed of it."""
    try:
        return stack.enter_context(opening)
    except Exception as error:
        for task in tasks:
            listener.failed(task, error)
        return None


def attempted(do: Do, task: object, tell: Tell) -> Done | Failed:
    """What comes of it, in this process."""
    try:
        return Done(do(task, seldom(tell)))
    except StoppedError:
        raise
    except Exception as error:
        return Failed(error)


def hand_on(message: Said | Done | Failed, task: Task, listener: Listener[Task]) -> None:
    match message:
        case Said(what):
            listener.said(task, what)
        case Done(outcome):
            listener.done(task, outcome)
        case Failed(error):
            listener.failed(task, error)


class Fates(Generic[Task]):
    """A run's listener, and how often each task has killed its process."""

    def __init__(self, listener: Listener[Task], tries: int) -> None:
        self.listener = listener
        self._tries = tries
        self._deaths: Counter[int] = Counter()

    def dies_again(self, task: Task, error: S2stError) -> bool:
        """Count a death; whether another process may try the task."""
        self._deaths[id(task)] += 1
        if self._deaths[id(task)] < self._tries:
            return True
        self.listener.died(task, error)
        return False

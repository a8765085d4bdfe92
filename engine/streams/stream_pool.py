"""Tasks as streams of one agent, which computes them together: its weights are in memory once.

Each task has a thread, which reads, waits for its steps and writes. The calling thread computes the
steps, and tells the listener what happens.
"""

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.streams.gathering import GatheringStepper, StoppedError
from engine.streams.process_pool import Do, Listener

Task = TypeVar("Task")
GRACE_S = 5.0
"""How long streams may take to abandon what they do."""
MOST_NEWS = 1000
POLL_S = 0.1
"""How often the calling thread looks around while no stream wants a step."""


def run_streams(
    tasks: Sequence[Task],
    do: Do,
    stepper: GatheringStepper,
    count: int,
    listener: Listener[Task],
) -> None:
    """All tasks, `count` at a time. `do` reaches the agent through `stepper`, and runs on threads.

    What ends this early (Ctrl-C) ends the streams first: each raises `StoppedError` out of `do`,
    and so abandons what it has half done.
    """
    run = _Run(tasks, do)
    threads = [
        threading.Thread(target=run.work, name=f"stream {number}", daemon=True)
        for number in range(min(count, len(tasks)))
    ]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            stepper.serve(POLL_S)
            run.tell(listener)
    finally:
        run.stop()
        stepper.stop()
        until_s = time.monotonic() + GRACE_S
        # One that waits for a pipe is left to the process's end.
        while any(thread.is_alive() for thread in threads) and time.monotonic() < until_s:
            run.tell(listener)
            for thread in threads:
                thread.join(POLL_S / len(threads))
    run.tell(listener)


@dataclass(frozen=True, slots=True)
class _Told(Generic[Task]):
    task: Task
    message: object


@dataclass(frozen=True, slots=True)
class _Done(Generic[Task]):
    task: Task
    outcome: object


@dataclass(frozen=True, slots=True)
class _Failed(Generic[Task]):
    task: Task
    error: Exception


class _Run(Generic[Task]):
    """The tasks that are left, and what is to be told of the others."""

    def __init__(self, tasks: Sequence[Task], do: Do) -> None:
        self._do = do
        self._left = iter(tasks)
        self._taking = threading.Lock()
        self._news: queue.Queue[_Told[Task] | _Done[Task] | _Failed[Task]] = queue.Queue(MOST_NEWS)
        """When it is full, streams wait until the calling thread has told of them."""
        self._stopped = False

    def work(self) -> None:
        """The life of a thread: one task after the other."""
        while not self._stopped:
            with self._taking:
                task = next(self._left, None)
            if task is None:
                return
            try:
                outcome = self._do(task, lambda what, task=task: self._news.put(_Told(task, what)))  # type: ignore[misc]
            except StoppedError:
                return
            except Exception as error:  # one that fails does not stop the others
                self._news.put(_Failed(task, error))
            else:
                self._news.put(_Done(task, outcome))

    def tell(self, listener: Listener[Task]) -> None:
        """On the calling thread: pass on what happened."""
        while True:
            try:
                news = self._news.get_nowait()
            except queue.Empty:
                return
            match news:
                case _Told(task, message):
                    listener.told(task, message)
                case _Done(task, outcome):
                    listener.done(task, outcome)
                case _Failed(task, error):
                    listener.failed(task, error)

    def stop(self) -> None:
        """No further task is begun."""
        self._stopped = True

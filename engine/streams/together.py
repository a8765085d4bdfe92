"""Tasks as streams of one agent, which computes them together: its weights are in memory once.

Each task has a thread, which reads, waits for its steps and writes. The calling thread computes the
steps, and tells the listener what happens.
"""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Generic

from engine.streams.child import Do, Done, Failed, Said
from engine.streams.gathering import GatheringStepper, StoppedError
from engine.streams.run import Listener, Task, Work, attempted, entered, hand_on

GRACE_S = 5.0
"""How long streams may take to abandon what they do."""
MOST_NEWS = 1000
POLL_S = 0.1
"""How often the calling thread looks around while no stream wants a step."""


def run_together(tasks: Sequence[Task], work: Work, count: int, listener: Listener[Task]) -> None:
    """What ends this early (Ctrl-C) ends the streams first: `StoppedError` is raised in each, which
    so abandons what it has half done."""
    with ExitStack() as stack:
        opened = entered(work.open_together(), stack, tasks, listener)
        if opened is not None:
            _run(tasks, *opened, count, listener)


def _run(
    tasks: Sequence[Task],
    do: Do,
    stepper: GatheringStepper,
    count: int,
    listener: Listener[Task],
) -> None:
    crew = _Crew(tasks, do)
    threads = [
        threading.Thread(target=crew.work, name=f"stream {number}", daemon=True)
        for number in range(min(count, len(tasks)))
    ]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            stepper.serve(POLL_S)
            crew.tell(listener)
    finally:
        crew.stopped = True
        stepper.stop()
        until_s = time.monotonic() + GRACE_S
        # One that waits for a pipe is left to the process's end.
        while any(thread.is_alive() for thread in threads) and time.monotonic() < until_s:
            crew.tell(listener)
            for thread in threads:
                thread.join(POLL_S / len(threads))
    crew.tell(listener)


class _Crew(Generic[Task]):
    """The tasks that are left, and what is to be told of the others."""

    def __init__(self, tasks: Sequence[Task], do: Do) -> None:
        self._do = do
        self._left: Iterator[Task] = iter(tasks)
        self._taking = threading.Lock()
        self._news: queue.Queue[tuple[Said | Done | Failed, Task]] = queue.Queue(MOST_NEWS)
        """When it is full, streams wait until the calling thread has told of them."""
        self.stopped = False
        """Whether no further task is begun."""

    def work(self) -> None:
        """The life of a thread: one task after the other."""
        while not self.stopped:
            with self._taking:
                task = next(self._left, None)
            if task is None:
                return
            try:
                tell = lambda what, task=task: self._news.put((Said(what), task))  # noqa: E731
                self._news.put((attempted(self._do, task, tell), task))
            except StoppedError:
                return

    def tell(self, listener: Listener[Task]) -> None:
        """On the calling thread: pass on what happened."""
        while True:
            try:
                message, task = self._news.get_nowait()
            except queue.Empty:
                return
            hand_on(message, task, listener)

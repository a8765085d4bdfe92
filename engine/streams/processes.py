"""Tasks on several processes at once, each of which loads what it needs once."""

import time
from collections.abc import Iterable, Sequence
from multiprocessing.connection import wait

from engine.errors import EngineError
from engine.streams.child import GRACE_S, Child
from engine.streams.run import Fates, Task, Work, hand_on


def run_on_processes(tasks: Sequence[Task], work: Work, count: int, fates: Fates[Task]) -> None:
    """A process that dies (killed, out of memory, a crash in native code) takes the task it had
    with it and no other: a new one takes its place."""
    waiting = list(reversed(tasks))
    children: list[Child] = []
    at_work: dict[Child, Task] = {}
    try:
        while waiting or at_work:
            for child in children:
                if waiting and child not in at_work:
                    at_work[child] = waiting.pop()
                    child.send(at_work[child])
            while waiting and len(children) < count:
                children.append(_start(work))
                at_work[children[-1]] = waiting.pop()
                children[-1].send(at_work[children[-1]])
            ready = wait([child.connection for child in at_work])
            for child in [child for child in at_work if child.connection in ready]:
                try:
                    message = child.hear()
                except EngineError as death:
                    children.remove(child)
                    task = at_work.pop(child)
                    if fates.dies_again(task, death):
                        waiting.append(task)
                    continue
                task = at_work[child] if child.is_busy else at_work.pop(child)
                hand_on(message, task, fates.listener)
    finally:
        _stop(children)


def _start(work: Work) -> Child:
    return Child(
        work.open,
        name="s2st worker",
        ended="The worker process died",
        hint="Is there enough memory? Fewer ⟦jobs⟧ need less.",
        verbose=work.verbose,
        leaves=True,
    )


def _stop(children: Iterable[Child]) -> None:
    for child in children:
        child.let_go()
        if child.is_busy:
            child.process.terminate()
    until_s = time.monotonic() + GRACE_S
    for child in children:
        child.end(max(0.0, until_s - time.monotonic()))

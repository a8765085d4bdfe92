"""Tasks on actors of a Ray cluster, or of this machine, handed out as actors get free."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from audio_io.errors import S2stError
from engine.errors import EngineError
from engine.registry.extras import to_install
from engine.streams.child import Do, Done, Failed, Progress, Said, failed
from engine.streams.run import Fates, Task, Work, attempted, hand_on


def run_on_ray(
    tasks: Sequence[Task], work: Work, count: int, address: str, fates: Fates[Task]
) -> None:
    """What a task says arrives when it is through; its progress does not."""
    with _connected(address, count) as ray:
        # Spread over the cluster, one core each.
        actor_class = ray.remote(num_cpus=1)(_Actor)
        waiting = list(reversed(tasks))
        idle: list[Any] = []
        at_work: dict[Any, tuple[Any, Task]] = {}
        while waiting or at_work:
            while waiting and len(at_work) < count:
                actor = idle.pop() if idle else actor_class.remote(work)
                task = waiting.pop()
                at_work[actor.do.remote(task)] = actor, task
            (ready, *_), _ = ray.wait(list(at_work), num_returns=1)
            actor, task = at_work.pop(ready)
            try:
                messages = ray.get(ready)
            except ray.exceptions.RayActorError as error:
                cause = getattr(error, "cause", None) or error
                if fates.dies_again(task, S2stError(f"The Ray actor died ({_line(cause)}).")):
                    waiting.append(task)
                continue
            except ray.exceptions.RayTaskError as error:
                messages = [Failed(EngineError(f"The task failed on Ray: {_line(error.cause)}"))]
            idle.append(actor)
            for message in messages:
                hand_on(message, task, fates.listener)


@contextmanager
def _connected(address: str, count: int) -> Iterator[Any]:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise EngineError(
            "⟦ray⟧ needs the package 'ray', which is not installed.",
            hint=f"Type: {to_install('ray')}",
        ) from error
    try:
        ray.init(
            address=address,
            include_dashboard=False if address == "local" else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            num_cpus=count if address == "local" else None,
        )
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        what = " ".join(str(error).split())[:160]
        raise EngineError(f"Ray cannot be reached at '{address}' ({what}).") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _line(error: object) -> str:
    return " ".join(str(error).split())[:200]


class _Actor:
    """A worker on Ray."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._opened: Any = None
        """Until the actor ends, which ends its processes too."""
        self._do: Do | None = None

    def do(self, task: Any) -> list[Said | Done | Failed]:
        """All that was said, and what came of it."""
        try:
            if self._do is None:
                self._opened = self._work.open()
                self._do = self._opened.__enter__()
        except Exception as error:
            return [Failed(EngineError(f"The agent cannot be loaded on Ray: {_line(error)}"))]
        messages: list[Said | Done | Failed] = []

        def tell(what: object) -> None:
            if not isinstance(what, Progress):
                messages.append(Said(what))

        answer = attempted(self._do, task, tell)
        if isinstance(answer, Failed):
            answer = failed(answer.error, self._work.verbose)
        return [*messages, answer]

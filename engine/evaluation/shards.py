"""Items of a test set in this process, on several, or on Ray: the results are the same."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from audio_io.errors import S2stError
from engine.errors import EngineError
from engine.evaluation.run_item import (
    ItemRunner,
    RunConfig,
    open_engine,
    open_on,
    open_runner,
)
from engine.metrics.result import Item, ItemResult
from engine.streams.gathering import GatheredAgent, GatheringStepper, StoppedError
from engine.streams.process_pool import Do, Tell, run_pool
from engine.streams.stream_pool import run_streams

MOST_TRIES = 3
"""An item whose worker died so often is given up."""
PROGRESS_EVERY_S = 0.1


class Watcher(Protocol):
    """What happens to the items, told on the main thread."""

    def sent(self, item: Item, part: float) -> None:
        """This part of the recording was sent, from 0 to 1."""

    def finished(self, result: ItemResult) -> None:
        """An item is through, or failed."""


def run_here(items: Sequence[Item], config: RunConfig, watcher: Watcher) -> None:
    """One after the other in this process."""
    with open_runner(config) as runner:
        for item in items:
            sent = _seldom(lambda part, item=item: watcher.sent(item, part))  # type: ignore[misc]
            watcher.finished(_run(runner, item, sent))


def run_workers(
    items: Sequence[Item], config: RunConfig, count: int, watcher: Watcher, *, verbose: bool
) -> None:
    """On `count` processes, each with an agent of its own. A worker that is killed loses nothing:
    another takes its item."""
    run_pool(items, _Work(config, verbose), count, _Relay(watcher))


def run_together(items: Sequence[Item], config: RunConfig, count: int, watcher: Watcher) -> None:
    """As `count` streams of one engine, which computes them together."""
    with open_engine(config) as (spec, engine):
        stepper = GatheringStepper(engine)

        def do(item: Item, tell: Tell) -> ItemResult:
            with open_on(GatheredAgent(stepper), spec, config) as runner:
                return _run(runner, item, _seldom(tell))

        run_streams(items, do, stepper, count, _Relay(watcher))


def run_on_ray(
    items: Sequence[Item], config: RunConfig, count: int, address: str, watcher: Watcher
) -> None:
    """On `count` Ray actors of a cluster, or of this machine when `address` is "local". Its nodes
    must see the recordings and the output folder under the same paths."""
    try:
        import ray
    except ModuleNotFoundError as error:
        raise EngineError(
            "--ray needs the package 'ray', which is not installed.", hint="Type: scripts/setup ray"
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
        _RayRun(ray, config, watcher).run(items, count)
    finally:
        ray.shutdown()


def _run(runner: ItemRunner, item: Item, sent: Callable[[float], None]) -> ItemResult:
    """One bad recording does not stop the others."""
    try:
        return runner.run(item, sent)
    except StoppedError:
        raise
    except S2stError as error:
        return _failure(item, str(error))
    except Exception as error:  # an engine's or an agent's own
        return _failure(item, f"{type(error).__name__}: {error}")


def _failure(item: Item, error: str) -> ItemResult:
    return ItemResult(
        index=item.index,
        id=item.id,
        audio=str(item.audio),
        target=item.target,
        reference=item.reference,
        source_text=item.source_text,
        error=" ".join(error.split()),
    )


def _seldom(tell: Callable[[float], None]) -> Callable[[float], None]:
    told_s = 0.0

    def sent(part: float) -> None:
        nonlocal told_s
        now_s = time.monotonic()
        if now_s - told_s >= PROGRESS_EVERY_S:
            told_s = now_s
            tell(part)

    return sent


@dataclass(frozen=True)
class _Work:
    config: RunConfig
    verbose: bool

    @contextmanager
    def open(self) -> Iterator[Do]:
        with open_runner(self.config) as runner:

            def do(item: Item, tell: Tell) -> ItemResult:
                return _run(runner, item, _seldom(tell))

            yield do


@dataclass(slots=True)
class _Relay:
    """Tells the watcher what the workers say, and counts their deaths."""

    watcher: Watcher
    tries: dict[int, int] = field(default_factory=dict)

    def told(self, item: Item, message: object) -> None:
        assert isinstance(message, float)
        self.watcher.sent(item, message)

    def done(self, item: Item, outcome: ItemResult) -> None:
        self.watcher.finished(outcome)

    def failed(self, item: Item, error: BaseException) -> None:
        # An item's own errors are outcomes: this is the agent, which no worker can load.
        raise error

    def died(self, item: Item, error: S2stError) -> bool:
        tries = self.tries[item.index] = self.tries.get(item.index, 0) + 1
        if tries >= MOST_TRIES:
            self.watcher.finished(_failure(item, f"{error} It was tried {tries} times."))
        return tries < MOST_TRIES


class _RayRun:
    """Items handed to actors as they get free."""

    def __init__(self, ray: Any, config: RunConfig, watcher: Watcher) -> None:
        self._ray = ray
        self._relay = _Relay(watcher)
        # Spread over the cluster, one core each.
        self._actor_class = ray.remote(num_cpus=1)(_Actor)
        self._config = config

    def run(self, items: Sequence[Item], count: int) -> None:
        waiting = list(reversed(items))
        at_work: dict[Any, tuple[Any, Item]] = {}
        for _ in range(min(count, len(items))):
            self._give(self._new_actor(), waiting.pop(), at_work)
        while at_work:
            ready, _ = self._ray.wait(list(at_work), num_returns=1)
            actor, item = at_work.pop(ready[0])
            try:
                self._relay.done(item, self._ray.get(ready[0]))
            except self._ray.exceptions.RayActorError as error:
                cause = getattr(error, "cause", None) or error
                if self._relay.died(item, S2stError(f"The Ray actor died ({_line(cause)}).")):
                    waiting.append(item)
                if waiting:
                    actor = self._new_actor()
            except self._ray.exceptions.RayTaskError as error:
                raise EngineError(
                    f"The agent cannot be loaded on Ray: {_line(error.cause)}"
                ) from error
            if waiting:
                self._give(actor, waiting.pop(), at_work)

    def _new_actor(self) -> Any:
        return self._actor_class.remote(self._config)

    @staticmethod
    def _give(actor: Any, item: Item, at_work: dict[Any, tuple[Any, Item]]) -> None:
        at_work[actor.run.remote(item)] = (actor, item)


def _line(error: object) -> str:
    return " ".join(str(error).split())[:200]


class _Actor:
    """A worker on Ray."""

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._runner: ItemRunner | None = None

    def run(self, item: Item) -> ItemResult:
        if self._runner is None:
            # Until the actor ends, which ends its processes too.
            self._opened = open_runner(self._config)
            self._runner = self._opened.__enter__()
        return _run(self._runner, item, lambda _: None)

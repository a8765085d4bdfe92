"""`EnginePool`: many conversations on a few engines, each of which has a process of its own."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from audio_io.chunk import AudioChunk
from engine.agent import StreamControls, StreamRequest
from engine.errors import EngineError
from engine.events import Event
from engine.models.memory import free_bytes
from engine.streams.child import GRACE_S
from engine.streams.pool_process import PoolProcess, PoolStream
from engine.streams.pool_worker import Load


class PoolFullError(EngineError):
    """There is no room for another stream."""

    def __init__(self, running: int) -> None:
        super().__init__(
            f"No room for another stream; {running} run.", hint="Try again when one has ended."
        )
        self.running = running
        """How many streams there are."""

    def __reduce__(self) -> tuple[type["PoolFullError"], tuple[int]]:  # type: ignore[override]
        return type(self), (self.running,)


@dataclass(frozen=True, slots=True)
class EnginePoolConfig:
    processes: int | None = None
    """None takes one a core, as far as `process_mb` of each fit into free memory; one at least.
    An engine that steps streams together, or computes on a graphics card, wants one."""
    process_mb: int = 1000
    """Memory that a process takes with all its streams."""
    most_streams: int = 32
    """More are refused."""

    def __post_init__(self) -> None:
        if self.most_streams < 1 or self.process_mb < 1:
            raise ValueError("a pool takes one stream at least, a process some memory")
        if self.processes is not None and self.processes < 1:
            raise ValueError("a pool has one process at least")

    @property
    def count(self) -> int:
        """How many processes that makes on this machine, now."""
        if self.processes is not None:
            return self.processes
        has_affinity = hasattr(os, "sched_getaffinity")
        cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
        free = free_bytes()
        fit = cores if free is None else free // (self.process_mb * 1_000_000)
        return max(1, min(cores, fit))


class EnginePool:
    """A `Stepper` for many streams at once, each on a thread of its own.

    A process steps the streams that wait for it right now, together where its agent does so, and
    waits for no other. What a stream raises is its own affair. When a process dies, so do its
    streams, with an `EngineError` each; another takes its place.

    Bounded are the streams, which are refused beyond `most_streams`; what a stream asks, one thing
    at a time; and what it is told and does not take, after which it is broken off (`PoolStream`).
    """

    def __init__(
        self, load: Load, config: EnginePoolConfig | None = None, *, verbose: bool = False
    ) -> None:
        """Starts the processes, which load meanwhile; `end` must be called. `load` travels there.
        With `verbose` they print tracebacks."""
        self._load = load
        self._verbose = verbose
        self._config = config or EnginePoolConfig()
        self._lock = threading.Lock()
        """Guards the processes and who gets a stream."""
        self._is_over = False
        self._processes = [self._started() for _ in range(self._config.count)]

    @property
    def running(self) -> int:
        """How many streams there are."""
        return sum(process.count for process in self._processes)

    def wait_until_loaded(self) -> None:
        """Raises what loading raised."""
        for process in list(self._processes):
            process.wait_until_loaded()

    def open(self, request: StreamRequest) -> PoolStream:
        """A stream on the process that has the fewest.

        Raises:
            PoolFullError: there are as many as may be.
            EngineError: the process ended, or the pool.
            Exception: what loading or opening raised.
        """
        with self._lock:
            if self._is_over:
                raise EngineError("The engine was ended.")
            if self.running >= self._config.most_streams:
                raise PoolFullError(self.running)
            stream = self._least_loaded().add()
        try:
            stream.open(request)
        except BaseException:
            stream.close()
            raise
        return stream

    def step(
        self, chunk: AudioChunk, state: PoolStream, controls: StreamControls
    ) -> Iterator[Event]:
        """Each event as soon as it is made. Raises what the agent raised, and `EngineError` when
        the stream cannot go on."""
        return state.step(chunk, controls)

    def close(self, state: PoolStream) -> None:
        state.close()

    def end(self) -> None:
        """End all processes. Who waits for one is told. May be called twice."""
        with self._lock:
            self._is_over = True
        for process in self._processes:
            process.let_go()
        until_s = time.monotonic() + GRACE_S
        for process in self._processes:
            process.join(until_s)

    def _started(self, *, again: bool = False) -> PoolProcess:
        return PoolProcess(self._load, self._replace, verbose=self._verbose, again=again)

    def _least_loaded(self) -> PoolProcess:
        """Held. What could not be loaded is tried again, and until it can, the others are taken."""
        for place, process in enumerate(self._processes):
            if process.error is not None:
                self._processes[place] = self._started(again=not process.is_loaded)
        return min(self._processes, key=lambda one: (one.again and not one.is_loaded, one.count))

    def _replace(self, dead: PoolProcess) -> None:
        """A process has ended by itself. One that never was loaded is not tried again and again,
        but when a stream is opened."""
        with self._lock:
            if dead.is_loaded and not self._is_over and dead in self._processes:
                self._processes[self._processes.index(dead)] = self._started()

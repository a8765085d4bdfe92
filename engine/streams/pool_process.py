"""`PoolProcess`: an engine in a process of its own, for many streams.

    stream 1 ──▶ ┐                  process                       ┌ ──▶ stream 1
    stream 2 ──▶ ├ questions ──▶  takes all that wait  ──▶ reader ┼ ──▶ stream 2
    stream 3 ──▶ ┘                                                └ ──▶ stream 3

What goes there has a pipe of its own: the process is asked while it answers.
"""

import multiprocessing
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import copy
from functools import partial

from audio_io.chunk import AudioChunk
from engine.agent import StreamControls, StreamRequest
from engine.errors import EngineError
from engine.events import Event
from engine.streams.child import GRACE_S, Child
from engine.streams.pool_worker import (
    Answered,
    Close,
    Load,
    Loaded,
    Made,
    Open,
    Question,
    Step,
    engine_process,
)

MOST_EVENTS = 1000
"""What a stream may leave lying of what it was told."""


class PoolStream:
    """One stream on a process. It belongs to one thread, which asks and waits.

    The reader puts what it is told: `MOST_EVENTS` at the most. A stream that leaves more lying in
    one step is broken off, so that neither memory grows nor the others wait for it.
    """

    def __init__(self, process: "PoolProcess", number: int) -> None:
        self.process = process
        self.number = number
        self._changed = threading.Condition()
        self._told: deque[Made | Answered] = deque()
        self._is_asking = False
        """Whether an answer is due."""
        self._broken: EngineError | None = None
        """Why it cannot go on."""

    def open(self, request: StreamRequest) -> None:
        """Raises what the agent raised, or the loading of it."""
        self.process.wait_until_loaded()
        list(self._ask(Open(self.number, request)))

    def step(self, chunk: AudioChunk, controls: StreamControls) -> Iterator[Event]:
        return self._ask(Step(self.number, chunk, controls))

    def close(self) -> None:
        """Does not wait until it is released. What releasing raises is nobody's affair."""
        if self.process.forget(self):
            self.break_off(EngineError("The stream was closed."))
            self.process.send(Close(self.number))

    def put(self, message: Made | Answered) -> None:
        """On the reader's thread."""
        with self._changed:
            if self._broken is not None:
                return
            self._told.append(message)
            self._changed.notify_all()
            if len(self._told) > MOST_EVENTS:
                self.break_off(EngineError(f"Nobody took {MOST_EVENTS} events of one stream."))

    def break_off(self, error: EngineError) -> None:
        """What it was told already is still heard; then, and for good, this."""
        with self._changed:
            self._broken = self._broken or error
            self._changed.notify_all()

    def _ask(self, question: Question) -> Iterator[Event]:
        while self._is_asking:
            self._next()  # the rest of a step that was left in the middle
        self._is_asking = self._broken is None
        if self._is_asking:
            self.process.send(question)
        while True:
            message = self._next()
            if isinstance(message, Made):
                yield message.event
            elif message.error is not None:
                raise message.error
            else:
                return

    def _next(self) -> Made | Answered:
        with self._changed:
            self._changed.wait_for(lambda: self._told or self._broken)
            if not self._told:
                assert self._broken is not None
                self._is_asking = False
                raise copy(self._broken)  # one error is not raised on two threads
            message = self._told.popleft()
        self._is_asking = isinstance(message, Made)
        return message


class PoolProcess:
    """Starts at once, and loads while other things happen. From any thread."""

    def __init__(
        self, load: Load, died: Callable[["PoolProcess"], None], *, verbose: bool, again: bool
    ) -> None:
        """`died` is told on a thread of its own when the process has ended and nobody wanted it to.
        `again`: the one before it could not be loaded."""
        self.again = again
        self._died = died
        self._lock = threading.Lock()
        """Guards the streams and what became of the process."""
        self._streams: dict[int, PoolStream] = {}
        self._next_stream = 0
        self._error: Exception | None = None
        """Why it takes no streams any more."""
        self._was_ended = False
        self.is_loaded = False
        self._has_begun = threading.Event()
        """It is loaded, or will never be."""
        self._sending = threading.Lock()
        theirs, self._questions = multiprocessing.get_context("spawn").Pipe(duplex=False)
        self._child = Child(
            partial(engine_process, load, theirs, verbose),
            name="s2st engine",
            ended="The engine's process ended",
            hint="Is there enough memory? `s2st doctor` tries every part.",
            verbose=verbose,
        )
        theirs.close()
        self._reader = threading.Thread(target=self._read, name="engine reader", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        assert self._child.process.pid is not None
        return self._child.process.pid

    @property
    def count(self) -> int:
        """How many streams it has."""
        return len(self._streams)

    @property
    def error(self) -> Exception | None:
        """Why it takes no streams any more; None while it does."""
        return self._error

    def add(self) -> PoolStream:
        """A stream that is not open yet."""
        with self._lock:
            stream = PoolStream(self, self._next_stream)
            self._next_stream += 1
            self._streams[stream.number] = stream
            if isinstance(self._error, EngineError):
                stream.break_off(self._error)
            return stream

    def forget(self, stream: PoolStream) -> bool:
        """Whether it was there."""
        with self._lock:
            return self._streams.pop(stream.number, None) is not None

    def wait_until_loaded(self) -> None:
        """Raises what loading raised."""
        self._has_begun.wait()
        if not self.is_loaded and self._error is not None:
            raise copy(self._error)

    def send(self, question: Question) -> None:
        """Waits while the pipe is full. When the process is gone its reader says so."""
        with self._sending, suppress(OSError):
            self._questions.send(question)

    def let_go(self) -> None:
        """Nothing more is asked, and nobody waits any more. It ends after the step it is at."""
        self._was_ended = True
        self._fail(EngineError("The engine was ended while the stream ran."))
        self._has_begun.set()
        if self._sending.acquire(timeout=GRACE_S):
            self._questions.close()
            self._sending.release()
        else:  # it does not listen
            self._child.kill()

    def join(self, until_s: float) -> None:
        """Wait until it has ended, and kill it when it does not."""
        self._reader.join(max(0.0, until_s - time.monotonic()))
        if self._reader.is_alive():
            self._child.kill()
            self._reader.join()

    def _read(self) -> None:
        """The life of the reader: hands on what the process says until it ends."""
        error: Exception = EngineError("The engine's process ended.")
        try:
            for message in self._child.ask(None):
                if isinstance(message, Loaded):
                    self.is_loaded = True
                    self._has_begun.set()
                elif (stream := self._streams.get(message.stream)) is not None:
                    stream.put(message)
        except Exception as raised:
            error = raised
        self._fail(error)
        self._has_begun.set()
        with self._sending:
            self._questions.close()
        self._child.end()
        if not self._was_ended:
            self._died(self)

    def _fail(self, error: Exception) -> None:
        """The streams it has, and those that come, are told."""
        with self._lock:
            self._error = self._error or error
            if not isinstance(error, EngineError):
                error = EngineError(str(error))
            for stream in self._streams.values():
                stream.break_off(error)

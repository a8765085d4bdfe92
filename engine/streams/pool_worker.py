"""In a process of an `EnginePool`: one engine, which steps the streams that wait, and what is said
between it and those who ask."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

from audio_io.chunk import AudioChunk
from engine.agent import Agent, Chain, StreamControls, StreamRequest
from engine.events import Event
from engine.streams.child import Do, Tell, failed

Load: TypeAlias = Callable[[], Agent[AudioChunk, Event, Any]]


@dataclass(frozen=True, slots=True)
class Open:
    stream: int
    request: StreamRequest


@dataclass(frozen=True, slots=True)
class Step:
    stream: int
    chunk: AudioChunk
    controls: StreamControls


@dataclass(frozen=True, slots=True)
class Close:
    stream: int


@dataclass(frozen=True, slots=True)
class Loaded:
    pass


@dataclass(frozen=True, slots=True)
class Made:
    stream: int
    event: Event


@dataclass(frozen=True, slots=True)
class Answered:
    """What a stream had asked for is done, or raised an error."""

    stream: int
    error: Exception | None = None


Question: TypeAlias = Open | Step | Close


@contextmanager
def engine_process(load: Load, questions: Connection, verbose: bool) -> Iterator[Do]:
    """All the process does: one answer that lasts until `questions` is closed."""
    agent = load()
    try:
        yield lambda _, tell: _Worker(agent, questions, tell, verbose).run()
    finally:
        agent.close()


class _Worker:
    """Takes whoever waits, all at once, and never waits for the others.

    Nothing grows: a stream asks for one thing at a time.
    """

    def __init__(
        self,
        agent: Agent[AudioChunk, Event, Any],
        questions: Connection,
        tell: Tell,
        verbose: bool,
    ) -> None:
        self._agent = agent
        self._questions = questions
        self._tell = tell
        self._verbose = verbose
        self._batches = batches(agent)
        self._states: dict[int, Any] = {}
        self._inbox: queue.SimpleQueue[Question | None] = queue.SimpleQueue()
        """None when no more will come."""
        self._is_over = threading.Event()

    def run(self) -> None:
        """Until the other end of the pipe is closed."""
        self._tell(Loaded())
        threading.Thread(target=self._receive, name="questions", daemon=True).start()
        while not self._is_over.is_set():
            steps: dict[int, Step] = {}
            for question in self._waiting():
                if isinstance(question, Step):
                    steps[question.stream] = question
                elif isinstance(question, Open):
                    self._open(question)
                else:
                    steps.pop(question.stream, None)  # nobody waits for it any more
                    self._close(question.stream)
            self._take(list(steps.values()))
        for stream in list(self._states):
            self._close(stream)

    def _receive(self) -> None:
        """On a thread of its own: a pipe that is full would keep those who ask."""
        with suppress(EOFError, OSError):
            while True:
                self._inbox.put(self._questions.recv())
        self._is_over.set()
        self._inbox.put(None)

    def _waiting(self) -> Iterator[Question]:
        """All that is asked by now; waits for the first."""
        question = self._inbox.get()
        while question is not None:
            yield question
            try:
                question = self._inbox.get_nowait()
            except queue.Empty:
                return

    def _open(self, question: Open) -> None:
        try:
            self._states[question.stream] = self._agent.new_state(question.request)
        except Exception as error:
            self._answer(question.stream, error)
        else:
            self._answer(question.stream)

    def _close(self, stream: int) -> None:
        if stream not in self._states:
            return
        try:
            self._agent.release(self._states.pop(stream))
        except Exception as error:
            failed(error, self._verbose)  # to be read, if anywhere

    def _take(self, steps: list[Step]) -> None:
        if self._batches and len(steps) > 1:
            for step, said in zip(steps, self._together(steps), strict=True):
                if isinstance(said, Exception):
                    self._answer(step.stream, said)
                else:
                    self._say(step.stream, said)
            return
        for step in steps:
            if not self._is_over.is_set():
                self._say(step.stream, self._alone(step))

    def _alone(self, step: Step) -> Iterator[Event]:
        state = self._states[step.stream]
        self._agent.control(step.controls, state)
        yield from self._agent.step(step.chunk, state)

    def _together(self, steps: list[Step]) -> list[list[Event] | Exception]:
        """What the agent cannot lay at one stream's door is everybody's whose step it took."""
        try:
            for step in steps:
                self._agent.control(step.controls, self._states[step.stream])
            return self._agent.step_many([(s.chunk, self._states[s.stream]) for s in steps])
        except Exception as error:
            return [error] * len(steps)

    def _say(self, stream: int, events: Iterable[Event]) -> None:
        """What it says is told as it is made."""
        try:
            for event in events:
                self._tell(Made(stream, event))
        except Exception as error:
            self._answer(stream, error)
        else:
            self._answer(stream)

    def _answer(self, stream: int, error: Exception | None = None) -> None:
        crossing = failed(error, self._verbose).error if error is not None else None
        self._tell(Answered(stream, crossing))


def batches(agent: Agent[Any, Any, Any]) -> bool:
    """Whether it takes several streams together: some stage has a `step_many` of its own."""
    if isinstance(agent, Chain):
        return any(batches(stage) for stage in agent.stages)
    return type(agent).step_many is not Agent.step_many

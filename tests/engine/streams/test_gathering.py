"""Steps of several streams, taken together on one thread."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, Boundary
from engine.agent import Agent, Chain, StreamControls, StreamRequest
from engine.events import Event, TargetText
from engine.streams.child import Do, Tell
from engine.streams.gathering import GatheredAgent, GatheringStepper, StoppedError
from engine.streams.run import Streams, run
from tests.fakes import ParrotAgent, ParrotState, chunks

pytestmark = pytest.mark.real_time

REQUEST = StreamRequest("eng", ("spa",))


class CountingParrot(ParrotAgent):
    """Notes how many streams each of its steps was of, and on which thread it was taken."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.threads: set[int] = set()

    def step_many(
        self, batch: Sequence[tuple[AudioChunk, ParrotState]]
    ) -> list[list[Event] | Exception]:
        self.sizes.append(len(batch))
        self.threads.add(threading.get_ident())
        return super().step_many(batch)


def sound(seconds: int) -> list[AudioChunk]:
    return chunks(np.full(16_000 * seconds, 0.1, np.float32), (16_000,))


def words(events: Sequence[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, TargetText)]


@dataclass
class Together:
    """Work for several threads."""

    do: Do
    stepper: GatheringStepper
    verbose: bool = False

    def open(self) -> AbstractContextManager[Do]:
        raise NotImplementedError

    @contextmanager
    def open_together(self) -> Iterator[tuple[Do, GatheringStepper]]:
        yield self.do, self.stepper


class Noting:
    """A listener that writes down what it is told."""

    def __init__(self) -> None:
        self.done_: dict[int, Any] = {}
        self.failed_: dict[int, BaseException] = {}
        self.told_: list[tuple[int, object]] = []

    def said(self, task: int, what: object) -> None:
        self.told_.append((task, what))

    def done(self, task: int, outcome: Any) -> None:
        self.done_[task] = outcome

    def failed(self, task: int, error: Exception) -> None:
        self.failed_[task] = error

    def died(self, task: int, error: Exception) -> None:
        raise AssertionError("nothing dies here")


def hear(agent: Agent[AudioChunk, Event, Any], seconds: int) -> list[Event]:
    state = agent.new_state(REQUEST)
    try:
        return [made for chunk in sound(seconds) for made in agent.step(chunk, state)]
    finally:
        agent.release(state)


def test_streams_on_threads_hear_what_each_hears_alone_and_are_stepped_together() -> None:
    parrot = CountingParrot()
    stepper, noting = GatheringStepper(parrot), Noting()

    def do(seconds: int, tell: Tell) -> list[str]:
        tell("begun")
        return words(hear(GatheredAgent(stepper), seconds))

    run([5, 7, 9, 4, 6], Together(do, stepper), Streams(3), noting)

    assert noting.done_ == {
        seconds: words(hear(ParrotAgent(), seconds)) for seconds in (5, 7, 9, 4, 6)
    }
    assert sorted(noting.told_) == [(seconds, "begun") for seconds in (4, 5, 6, 7, 9)]
    assert parrot.threads == {threading.get_ident()}
    assert max(parrot.sizes) == 3
    steps = sum(seconds + 1 for seconds in (5, 7, 9, 4, 6))
    assert sum(parrot.sizes) == steps
    assert len(parrot.sizes) < 0.7 * steps


def test_one_that_fails_does_not_stop_the_others() -> None:
    stepper, noting = GatheringStepper(ParrotAgent()), Noting()

    def do(seconds: int, tell: Tell) -> list[str]:
        if seconds == 2:
            raise OSError("no such sound")
        return words(hear(GatheredAgent(stepper), seconds))

    run([1, 2, 3], Together(do, stepper), Streams(2), noting)

    assert sorted(noting.done_) == [1, 3]
    assert isinstance(noting.failed_[2], OSError)


class Sulking(ParrotAgent):
    """Takes no sound at another rate, and is broken altogether when it has taken enough."""

    def __init__(self, most_steps: int = 1000) -> None:
        self.steps = 0
        self.most_steps = most_steps

    def step_many(
        self, batch: Sequence[tuple[AudioChunk, ParrotState]]
    ) -> list[list[Event] | Exception]:
        self.steps += 1
        if self.steps > self.most_steps:
            raise RuntimeError("not today")
        return super().step_many(batch)

    def step(self, chunk: AudioChunk, state: ParrotState) -> Iterator[Event]:
        if chunk.sample_rate_hz != 16_000:
            raise ValueError("what a rate")
        yield from super().step(chunk, state)


@pytest.mark.parametrize("chained", [False, True])
def test_an_error_of_one_stream_is_not_the_others(chained: bool) -> None:
    agent: Agent[AudioChunk, Event, Any] = Sulking()
    stepper, noting = GatheringStepper(Chain(agent) if chained else agent), Noting()

    def do(seconds: int, tell: Tell) -> list[str]:
        if seconds == 2:
            odd = AudioChunk(np.zeros(10, np.float32), 8_000, boundary=Boundary.STREAM)
            list(stepper.step(odd, stepper.open(REQUEST), StreamControls()))
        return words(hear(GatheredAgent(stepper), seconds))

    run([1, 2, 3], Together(do, stepper), Streams(3), noting)

    assert sorted(noting.done_) == [1, 3]
    assert str(noting.failed_[2]) == "what a rate"


def test_an_error_of_the_agent_itself_is_everybodys_whose_step_it_took() -> None:
    stepper, noting = GatheringStepper(Sulking(most_steps=2)), Noting()

    run(
        [5, 6],
        Together(lambda s, tell: words(hear(GatheredAgent(stepper), s)), stepper),
        Streams(2),
        noting,
    )

    assert {task: str(error) for task, error in noting.failed_.items()} == {
        5: "not today",
        6: "not today",
    }


def test_an_interrupt_ends_all_streams_and_none_of_them_is_done() -> None:
    class Interrupted(ParrotAgent):
        steps = 0

        def step_many(
            self, batch: Sequence[tuple[AudioChunk, ParrotState]]
        ) -> list[list[Event] | Exception]:
            self.steps += 1
            if self.steps == 3:
                raise KeyboardInterrupt
            return super().step_many(batch)

    stepper, noting = GatheringStepper(Interrupted()), Noting()
    left: list[BaseException] = []

    def do(seconds: int, tell: Tell) -> list[str]:
        try:
            return words(hear(GatheredAgent(stepper), seconds))
        except BaseException as error:
            left.append(error)
            raise

    with pytest.raises(KeyboardInterrupt):
        run([20, 21, 22], Together(do, stepper), Streams(2), noting)

    assert [type(error) for error in left] == [StoppedError, StoppedError]
    assert not noting.done_ and not noting.failed_
    assert threading.active_count() == 1 or all(
        not thread.name.startswith("stream ") for thread in threading.enumerate()
    )


def test_a_stream_that_is_slow_to_ask_does_not_keep_the_others_for_long() -> None:
    parrot = CountingParrot()
    stepper = GatheringStepper(parrot)
    slow = stepper.open(REQUEST)
    state = stepper.open(REQUEST)
    said: list[Event] = []
    last = AudioChunk(np.zeros(10, np.float32), 16_000, boundary=Boundary.STREAM)
    thread = threading.Thread(
        target=lambda: said.extend(stepper.step(last, state, StreamControls()))
    )
    thread.start()
    stepper.serve(5.0)
    thread.join(5.0)
    assert words(said) == [" 10"]
    assert parrot.sizes == [1]
    stepper.close(slow)
    stepper.close(state)

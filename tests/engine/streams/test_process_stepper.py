"""An engine in a process of its own: the same events, and what happens when it fails."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, Boundary
from engine.agent import StreamControls, StreamRequest
from engine.errors import EngineError
from engine.events import Event, TargetAudio
from engine.stepper import DirectStepper, Stepper
from engine.streams.process_stepper import ProcessStepper
from tests import live_fakes
from tests.fakes import RATE_HZ, ParrotAgent, chunks
from tests.live_fakes import load_awkward, load_broken, load_nothing, load_parrot, noise, until

pytestmark = pytest.mark.real_time

REQUEST = StreamRequest("eng", ("spa", "cat"))
CONTROLS = StreamControls()


@pytest.fixture(scope="module")
def shared() -> Iterator[ProcessStepper]:
    """One process for the tests that leave it as it was."""
    stepper = ProcessStepper(load_awkward)
    stepper.wait_until_loaded()
    yield stepper
    stepper.end()


@pytest.fixture
def own() -> Iterator[ProcessStepper]:
    """A process for a test that ends it."""
    stepper = ProcessStepper(load_awkward)
    stepper.wait_until_loaded()
    yield stepper
    stepper.end()


def order(number: int) -> AudioChunk:
    return AudioChunk(np.array([number], np.float32), RATE_HZ)


def child(stepper: ProcessStepper) -> int:
    pid = stepper._child.process.pid
    assert pid is not None
    return pid


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def plain(event: Event) -> object:
    """An event whose sound can be compared."""
    if isinstance(event, TargetAudio):
        return replace(event, chunk=None), event.chunk.samples.tobytes()  # type: ignore[arg-type]
    return event


def said(stepper: Stepper, items: list[AudioChunk]) -> list[object]:
    state = stepper.open(REQUEST)
    events = [plain(event) for item in items for event in stepper.step(item, state, CONTROLS)]
    stepper.close(state)
    return events


def test_it_says_what_the_same_agent_says_here(shared: ProcessStepper) -> None:
    items = chunks(noise(RATE_HZ))
    items[4] = replace(items[4], boundary=Boundary.UTTERANCE)
    direct = said(DirectStepper(ParrotAgent()), items)
    assert len(direct) == 10
    assert said(shared, items) == direct
    assert said(shared, items) == direct, "and so does the next stream"


def test_errors_of_the_agent_cross_and_the_stream_goes_on(shared: ProcessStepper) -> None:
    shared.open(REQUEST)
    with pytest.raises(RuntimeError, match="ValueError: too many notes"):
        list(shared.step(order(1), None, CONTROLS))
    with pytest.raises(EngineError) as told:
        list(shared.step(order(2), None, CONTROLS))
    assert str(told.value) == "The parrot is hoarse. Give it a nut."
    end = AudioChunk(noise(100), RATE_HZ, boundary=Boundary.STREAM)
    assert len(list(shared.step(end, None, CONTROLS))) == 5
    shared.close(None)
    shared.close(None)


@pytest.mark.parametrize(("number", "told"), [(3, "no cage"), (4, "its helper is gone")])
def test_errors_of_the_system_in_an_agent_cross_too(
    own: ProcessStepper, number: int, told: str
) -> None:
    own.open(REQUEST)
    with pytest.raises(RuntimeError, match=told):
        list(own.step(order(number), None, CONTROLS))
    end = AudioChunk(noise(100), RATE_HZ, boundary=Boundary.STREAM)
    assert len(list(own.step(end, None, CONTROLS))) == 5


def test_an_engine_that_cannot_be_loaded_says_why() -> None:
    stepper = ProcessStepper(load_nothing)
    with pytest.raises(EngineError, match=r"There is no parrot here\. Buy one\."):
        stepper.wait_until_loaded()
    stepper.end()
    assert not is_alive(child(stepper))


def test_an_engine_whose_helper_breaks_while_it_is_loaded_says_why() -> None:
    stepper = ProcessStepper(load_broken)
    try:
        with pytest.raises(RuntimeError, match="the shop is closed"):
            stepper.wait_until_loaded()
    finally:
        stepper.end()


def one_line(error: EngineError) -> bool:
    return "\n" not in str(error) and str(error).startswith("The engine's process ended (")


def test_a_killed_engine_is_said_in_one_line(own: ProcessStepper) -> None:
    own.open(REQUEST)
    threading.Timer(0.3, os.kill, [child(own), signal.SIGKILL]).start()
    began_s = time.monotonic()
    with pytest.raises(EngineError, match="signal 9") as told:
        list(own.step(order(live_fakes.HANG), None, CONTROLS))
    assert one_line(told.value)
    assert time.monotonic() - began_s < 60, "it did not wait for the step that hangs"
    with pytest.raises(EngineError, match="signal 9"):
        list(own.step(order(0), None, CONTROLS))
    own.close(None)


def test_an_engine_that_leaves_is_said_in_one_line(own: ProcessStepper) -> None:
    own.open(REQUEST)
    with pytest.raises(EngineError, match="exit code 3") as told:
        list(own.step(order(live_fakes.LEAVE), None, CONTROLS))
    assert one_line(told.value)


def test_ending_twice_leaves_no_process() -> None:
    stepper = ProcessStepper(load_parrot)
    pid = child(stepper)
    stepper.wait_until_loaded()
    stepper.end()
    stepper.end()
    assert not is_alive(pid)
    assert pid not in [process.pid for process in multiprocessing.active_children()]
    with pytest.raises(EngineError):
        stepper.open(REQUEST)


def test_ending_while_it_loads_leaves_no_process() -> None:
    stepper = ProcessStepper(load_parrot)
    stepper.end()
    assert not is_alive(child(stepper))


def test_ending_while_another_thread_waits_gives_it_an_error_for_people(
    own: ProcessStepper,
) -> None:
    own.open(REQUEST)
    raised: list[BaseException] = []
    stepping = threading.Event()

    def step() -> None:
        stepping.set()
        try:
            list(own.step(order(live_fakes.SLEEP), None, CONTROLS))
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=step, daemon=True)
    thread.start()
    stepping.wait()
    until(lambda: False, 0.2)  # it waits in the middle of its half second now
    own.end()
    thread.join(10.0)
    assert not thread.is_alive()
    assert not is_alive(child(own))
    assert [type(error) for error in raised] == [EngineError]


def test_ctrl_c_in_the_terminal_does_not_reach_the_engine(shared: ProcessStepper) -> None:
    os.kill(child(shared), signal.SIGINT)
    items = chunks(noise(1600))
    assert said(shared, items) == said(DirectStepper(ParrotAgent()), items)


def test_this_process_stays_awake_while_the_engine_holds_its_interpreter(
    shared: ProcessStepper,
) -> None:
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.005):
            ticks.append(time.monotonic())

    ticker = threading.Thread(target=tick)
    shared.open(REQUEST)
    ticker.start()
    began_s = time.monotonic()
    list(shared.step(order(live_fakes.BUSY), None, CONTROLS))
    busy_s = time.monotonic() - began_s
    done.set()
    ticker.join()
    shared.close(None)
    assert busy_s >= 0.5
    # On this side nothing holds the lock: ticks come every 5 ms, a loaded machine's every 25.
    assert len(ticks) > busy_s / 0.025


def test_the_loop_of_that_test_would_silence_this_process() -> None:
    # What the test above measures can fail: the same step on this side lets nothing else run.
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.wait(0.005):
            ticks += 1

    ticker = threading.Thread(target=tick)
    agent = load_awkward()
    state = agent.new_state(REQUEST)
    ticker.start()
    began_s = time.monotonic()
    list(agent.step(order(live_fakes.BUSY), state))
    busy_s = time.monotonic() - began_s
    done.set()
    ticker.join()
    assert ticks < busy_s / 0.025


def test_a_stream_may_be_left_in_the_middle_of_a_step(own: ProcessStepper) -> None:
    own.open(REQUEST)
    end = AudioChunk(noise(100), RATE_HZ, boundary=Boundary.STREAM)
    next(own.step(end, None, CONTROLS))
    own.close(None)
    items = chunks(noise(1600))
    assert said(own, items) == said(DirectStepper(ParrotAgent()), items)

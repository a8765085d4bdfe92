"""Many streams on a few engine processes: each goes on, whatever the others do."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, Boundary
from engine.agent import Agent, Chain, StreamControls, StreamRequest
from engine.cascade.spec import SPEC
from engine.errors import EngineError
from engine.events import Event, TargetText, UtteranceEnded
from engine.registry import LoadOptions
from engine.stepper import DirectStepper, Stepper
from engine.streams import pool_process
from engine.streams.engine_pool import EnginePool, EnginePoolConfig, PoolFullError
from engine.streams.pool_process import PoolStream
from engine.streams.pool_worker import batches
from tests.fakes import RATE_HZ, ParrotAgent, ParrotState, chunks, speech
from tests.live_fakes import HANG, LEAVE, SLEEP, load_awkward, load_nothing, until
from tests.processes import is_gone

pytestmark = pytest.mark.real_time

REQUEST = StreamRequest("eng", ("spa",))
CONTROLS = StreamControls()


class SlowAgent(ParrotAgent):
    """Says three things, and a fourth once a file is there, which the request names as a voice."""

    def step(self, chunk: AudioChunk, state: ParrotState) -> Iterator[Event]:
        for part in range(3):
            yield TargetText(0, "spa", f" {part}", 0.0, 1.0, committed=True)
        if "gate" in state.request.speakers:
            until(lambda: os.path.exists(state.request.speakers["gate"]), 30)  # noqa: PTH110
        queued = state.controls[-1].queued_ms.get("spa", 0)
        yield TargetText(0, "spa", f" {queued:g}", 0.0, 1.0, committed=True)


class TogetherAgent(SlowAgent):
    """Says with how many others its step was taken."""

    def step_many(
        self, batch: Sequence[tuple[AudioChunk, ParrotState]]
    ) -> list[list[Event] | Exception]:
        texts = [f" {len(batch)} together"] * len(batch)
        return [[TargetText(0, "spa", text, 0.0, 1.0, committed=True)] for text in texts]


class TalkativeAgent(ParrotAgent):
    def step(self, chunk: AudioChunk, state: ParrotState) -> Iterator[Event]:
        for number in range(5000):
            yield UtteranceEnded(number, 0.0, 1.0)


@contextmanager
def pool(
    load: Callable[[], Agent[AudioChunk, Event, Any]], processes: int = 1, most: int = 64
) -> Iterator[EnginePool]:
    made = EnginePool(load, EnginePoolConfig(processes=processes, most_streams=most))
    try:
        yield made
    finally:
        made.end()


class Asking(threading.Thread):
    """Somebody's thread, which asks and is heard of later."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._ask = ask
        self.got: Any = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.got = self._ask()
        except BaseException as error:
            self.error = error

    def result(self) -> Any:
        self.join(30)
        assert not self.is_alive(), "it hangs"
        if self.error is not None:
            raise self.error
        return self.got


def order(number: int) -> AudioChunk:
    return AudioChunk(np.array([number], np.float32), RATE_HZ)


def stepping(made: EnginePool, stream: PoolStream, chunk: AudioChunk) -> Asking:
    return Asking(lambda: list(made.step(chunk, stream, CONTROLS)))


def texts(events: Sequence[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, TargetText)]


def words(stepper: Stepper, request: StreamRequest, items: Sequence[AudioChunk]) -> list[str]:
    """All that one stream commits, on its thread."""
    state = stepper.open(request)
    try:
        events = [event for item in items for event in stepper.step(item, state, CONTROLS)]
    finally:
        stepper.close(state)
    return [event.text for event in events if isinstance(event, TargetText) and event.committed]


def sound(samples: int, level: float = 0.5) -> list[AudioChunk]:
    return chunks(np.full(samples, level, np.float32))


def test_forty_threads_on_two_processes_each_hear_only_themselves() -> None:
    with pool(load_awkward, 2) as made:
        asking = [
            Asking(partial(words, made, REQUEST, sound(1600 * (1 + k % 7) + k))) for k in range(40)
        ]
        for k, each in enumerate(asking):
            assert each.result() == [f" {1600 * (1 + k % 7) + k}"]
        assert made.running == 0


def test_streams_are_opened_where_there_are_the_fewest() -> None:
    with pool(load_awkward, 2) as made:
        made.wait_until_loaded()
        streams = [made.open(REQUEST) for _ in range(4)]
        assert sorted(stream.process.pid for stream in streams) == sorted(
            2 * [process.pid for process in made._processes]
        )
        gone = streams[0].process
        for stream in streams:
            if stream.process is gone:
                made.close(stream)
        assert made.open(REQUEST).process is gone


def test_the_silence_of_one_stream_does_not_delay_another() -> None:
    with pool(TogetherAgent) as made:
        silent, other = made.open(REQUEST), made.open(REQUEST)
        began_s = time.monotonic()
        for _ in range(100):
            list(made.step(order(0), other, CONTROLS))
        assert time.monotonic() - began_s < 100 * 0.05, "who gathers for 50 ms takes longer"
        made.close(silent)


def test_an_event_arrives_before_its_step_is_over_and_all_in_order(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with pool(SlowAgent) as made:
        stream = made.open(StreamRequest("eng", ("spa",), speakers={"gate": str(gate)}))
        events = made.step(order(0), stream, StreamControls(queued_ms={"spa": 250.0}))
        assert texts([next(events), next(events), next(events)]) == [" 0", " 1", " 2"]
        gate.touch()
        assert texts(list(events)) == [" 250"], "and the controls have come with the step"


def test_streams_that_wait_together_are_stepped_together_where_the_agent_can(
    tmp_path: Path,
) -> None:
    with pool(TogetherAgent) as made:
        streams = [made.open(REQUEST) for _ in range(3)]

        def are_taken_together() -> bool:
            """What is asked while the engine is busy may still be on its way when that is over."""
            gate = tmp_path / str(time.monotonic_ns())
            busy = made.open(StreamRequest("eng", ("spa",), speakers={"gate": str(gate)}))
            at_work = made.step(order(0), busy, CONTROLS)
            next(at_work)  # the engine is busy with it alone
            asking = [stepping(made, stream, order(0)) for stream in streams]
            assert until(lambda: all(stream._is_asking for stream in streams))
            gate.touch()
            list(at_work)
            made.close(busy)
            return [texts(each.result()) for each in asking] == [[" 3 together"]] * 3

        assert until(are_taken_together)


def test_an_error_is_the_affair_of_its_own_stream_which_goes_on() -> None:
    with pool(load_awkward) as made:
        bad, good = made.open(REQUEST), made.open(REQUEST)
        with pytest.raises(RuntimeError, match="ValueError: too many notes"):
            list(made.step(order(1), bad, CONTROLS))
        with pytest.raises(EngineError, match=r"The parrot is hoarse\. Give it a nut\."):
            list(made.step(order(2), bad, CONTROLS))
        for stream in (good, bad):
            end = AudioChunk(np.zeros(7, np.float32), RATE_HZ, boundary=Boundary.STREAM)
            assert texts(list(made.step(end, stream, CONTROLS)))


@pytest.mark.parametrize(("how", "told"), [(HANG, "signal 9"), (LEAVE, "exit code 3")])
def test_the_death_of_a_process_is_told_to_its_streams_and_another_takes_its_place(
    how: int, told: str
) -> None:
    with pool(load_awkward, 2) as made:
        made.wait_until_loaded()
        here, there, also_here = made.open(REQUEST), made.open(REQUEST), made.open(REQUEST)
        assert here.process is also_here.process is not there.process
        asking = stepping(made, here, order(how))
        if how == HANG:
            assert until(lambda: here._is_asking)
            os.kill(here.process.pid, signal.SIGKILL)
        with pytest.raises(EngineError, match=told):
            asking.result()
        with pytest.raises(EngineError, match=told):
            list(made.step(order(0), also_here, CONTROLS))
        list(made.step(order(0), there, CONTROLS))
        for stream in (here, also_here, here):
            made.close(stream)
        assert Asking(partial(words, made, REQUEST, sound(10))).result() == [" 10"]
        assert made.open(REQUEST).process is not here.process
        assert len(made._processes) == 2
        made.wait_until_loaded()


def test_a_full_pool_says_how_many_run_and_has_room_again_after_one_has_ended() -> None:
    with pool(load_awkward, most=2) as made:
        streams = [made.open(REQUEST), made.open(REQUEST)]
        with pytest.raises(PoolFullError, match="2 run") as told:
            made.open(REQUEST)
        assert told.value.running == 2
        made.close(streams[0])
        made.close(streams[0])
        assert made.running == 1
        made.open(REQUEST)


def test_ending_tells_those_who_wait_and_leaves_no_process() -> None:
    with pool(load_awkward, 2) as made:
        made.wait_until_loaded()
        streams = [made.open(REQUEST) for _ in range(4)]
        asking = [stepping(made, stream, order(SLEEP)) for stream in streams]
        assert until(lambda: all(stream._is_asking for stream in streams))
        opening = Asking(lambda: made.open(REQUEST))
        pids = [process.pid for process in made._processes]
        assert until(lambda: made.running == 5)
        made.end()
        for each in [*asking, opening]:
            with pytest.raises(EngineError, match="ended"):
                each.result()
        assert all(is_gone(pid) for pid in pids)
        with pytest.raises(EngineError, match="ended"):
            made.open(REQUEST)
        made.end()


def test_ending_while_it_loads_tells_who_waits_for_that() -> None:
    with pool(load_awkward) as made:
        opening = Asking(lambda: made.open(REQUEST))
        assert until(lambda: made.running == 1)
        made.end()
        with pytest.raises(EngineError, match="ended"):
            opening.result()


def test_an_engine_that_cannot_be_loaded_says_why_to_everybody() -> None:
    with pool(load_nothing, 2) as made:
        with pytest.raises(EngineError, match=r"There is no parrot here\. Buy one\."):
            made.wait_until_loaded()
        for _ in range(2):
            with pytest.raises(EngineError, match="no parrot"):
                made.open(REQUEST)
        assert made.running == 0


def load_once_there(path: str) -> ParrotAgent:
    if not os.path.exists(path):  # noqa: PTH110
        raise EngineError("It is not there yet.")
    return ParrotAgent()


def test_loading_is_tried_again_when_the_next_stream_is_opened(tmp_path: Path) -> None:
    with pool(partial(load_once_there, str(tmp_path / "there"))) as made:
        with pytest.raises(EngineError, match="not there yet"):
            made.open(REQUEST)
        (tmp_path / "there").touch()
        assert words(made, REQUEST, sound(10)) == [" 10"]


def test_ctrl_c_in_the_terminal_does_not_reach_the_engines() -> None:
    with pool(load_awkward) as made:
        made.wait_until_loaded()
        os.kill(made._processes[0].pid, signal.SIGINT)
        assert words(made, REQUEST, sound(10)) == [" 10"]


def test_a_stream_may_be_left_in_the_middle_of_a_step() -> None:
    with pool(SlowAgent) as made:
        stream = made.open(REQUEST)
        next(made.step(order(0), stream, CONTROLS))
        assert texts(list(made.step(order(0), stream, CONTROLS))) == [" 0", " 1", " 2", " 0"]


def test_a_stream_that_takes_nothing_of_what_it_is_told_is_broken_off_alone() -> None:
    with pool(TalkativeAgent) as made:
        lazy, other = made.open(REQUEST), made.open(REQUEST)
        events = made.step(order(0), lazy, CONTROLS)
        next(events)
        assert until(lambda: lazy._broken is not None)
        assert len(lazy._told) <= pool_process.MOST_EVENTS + 1
        with pytest.raises(EngineError, match="Nobody took 1000 events"):
            list(events)
        assert next(made.step(order(0), other, CONTROLS)) == UtteranceEnded(0, 0.0, 1.0)


def test_only_an_agent_some_stage_of_which_batches_is_given_streams_together() -> None:
    assert not batches(ParrotAgent())
    assert not batches(Chain(ParrotAgent(), SlowAgent()))
    assert batches(Chain(ParrotAgent(), TogetherAgent()))


def test_there_is_a_process_a_core_as_far_as_memory_goes() -> None:
    cores = len(os.sched_getaffinity(0))
    assert EnginePoolConfig(process_mb=1).count == cores
    assert EnginePoolConfig(process_mb=10**9).count == 1
    assert EnginePoolConfig(processes=7).count == 7


def test_four_conversations_at_once_say_what_each_says_alone() -> None:
    load = partial(SPEC.load, LoadOptions())
    names = 2 * ["short.wav", "two_sentences.wav"]
    request = StreamRequest("eng", ("spa",))
    direct = DirectStepper(load())
    alone = {name: words(direct, request, chunks(speech(name))) for name in set(names)}
    with pool(load, 2) as made:
        asking = [Asking(partial(words, made, request, chunks(speech(name)))) for name in names]
        for name, each in zip(names, asking, strict=True):
            assert each.result() == alone[name]
    assert all(alone.values())

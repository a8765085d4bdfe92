"""An engine that cannot keep up says so before a session begins."""

import functools
from pathlib import Path

import pytest

from cli.live.command import LiveOptions
from cli.live.plan import LivePlan, plan_live
from cli.live.run import check_speed
from cli.options.engines import EngineOptions
from engine.agent import Chain, StreamRequest
from engine.errors import EngineError
from engine.streams.process_stepper import ProcessStepper
from tests.fakes import DATA, ParrotAgent

pytestmark = pytest.mark.real_time

TINY = DATA / "seamless"


def plan(**options: object) -> LivePlan:
    weights = EngineOptions(model_dir=Path(TINY), dtype="fp32")
    return plan_live(
        LiveOptions(engine="seamless", targets=("spa",), engine_options=weights, **options)  # type: ignore[arg-type]
    )


def test_an_engine_that_is_too_slow_is_refused_with_what_else_there_is() -> None:
    with pytest.raises(EngineError) as raised:
        check_speed(plan(), 12.34, print)

    said = str(raised.value)
    assert "cannot keep up: 12.3 s of computing for each second" in said
    assert "--engine cascade keeps up" in said
    assert "--slow-ok goes on anyway" in said


def test_with_slow_ok_it_goes_on_and_says_so() -> None:
    said: list[str] = []
    check_speed(plan(slow_ok=True), 2.0, said.append)
    assert said == [
        "s2st: the engine 'seamless' cannot keep up: 2.0 s of computing for each second of sound, "
        "on this machine"
    ]


def test_an_engine_that_is_fast_enough_is_told_of_and_one_that_needs_no_try_is_not() -> None:
    said: list[str] = []
    check_speed(plan(), 0.3, said.append)
    check_speed(plan(), None, said.append)
    assert said == ["engine: 0.3 s of computing for each second of sound, on this machine"]


def test_an_agent_that_nobody_measures_has_no_speed() -> None:
    assert Chain(ParrotAgent(), ParrotAgent()).measure(StreamRequest("eng", ("spa",))) is None


def test_the_engine_is_measured_in_its_own_process() -> None:
    made = plan()
    stepper = ProcessStepper(functools.partial(made.spec.load, made.load_options))
    try:
        stepper.wait_until_loaded()
        needed = stepper.measure(made.request)
        stepper.open(made.request)  # and still answers
        stepper.close(None)
    finally:
        stepper.end()

    assert needed is not None and 0 < needed < 30

"""The pool of processes: how its workers leave."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from audio_io.errors import S2stError
from engine.simuleval.process import AgentProcess, ForeignAgentConfig
from engine.streams.child import Do, Tell
from engine.streams.gathering import GatheringStepper
from engine.streams.run import Processes, run
from tests.engine.simuleval.test_process import moody, step
from tests.live_fakes import until
from tests.processes import ROOT, is_gone, started


class Alone:
    """Work that is not done together."""

    def open_together(self) -> AbstractContextManager[tuple[Do, GatheringStepper]]:
        raise NotImplementedError


@dataclass(frozen=True)
class Clumsy(Alone):
    """Cannot be closed. A task is how it is left: 0 by itself, 1 by a signal to all."""

    verbose: bool

    @contextmanager
    def open(self) -> Iterator[Do]:
        def do(task: int, tell: Tell) -> int:
            tell(os.getpid())
            if task:
                signal.pause()
            return task

        try:
            yield do
        finally:
            raise RuntimeError("the door is stuck")


@dataclass(frozen=True)
class Asking(Alone):
    """Asks an agent that hangs."""

    agent: ForeignAgentConfig
    verbose: bool = False

    @contextmanager
    def open(self) -> Iterator[Do]:
        process = AgentProcess(self.agent)
        try:
            process.wait_until_loaded()
            process.log.unlink()

            def do(task: int, tell: Tell) -> None:
                tell((os.getpid(), process._program.pid))
                step(process, task)

            yield do
        finally:
            process.close()


class Printing:
    """A listener that ends the run with the first word of a task that waits."""

    def __init__(self, *, leaves: bool) -> None:
        self._leaves = leaves

    def said(self, task: int, what: object) -> None:
        print(task, what, flush=True)
        if task and self._leaves:
            raise SystemExit(3)

    def done(self, task: int, outcome: Any) -> None:
        print("done", outcome, flush=True)

    def failed(self, task: int, error: Exception) -> None:
        raise error

    def died(self, task: int, error: S2stError) -> None:
        raise error


def leave_clumsily(task: str, verbose: str) -> None:
    run([int(task)] * 2, Clumsy(verbose == "verbose"), Processes(2), Printing(leaves=True))


def ask_for_ever() -> None:
    run([2], Asking(moody()), Processes(1), Printing(leaves=False))


def command(call: str) -> list[str]:
    return [sys.executable, "-c", f"from {__name__} import *; {call}"]


@pytest.mark.parametrize(("task", "code"), [(0, 0), (1, 3)], ids=["closed pipe", "SIGTERM"])
@pytest.mark.parametrize("verbose", [False, True])
def test_a_worker_that_cannot_be_closed_leaves_without_a_word(
    task: int, code: int, verbose: bool
) -> None:
    ran = subprocess.run(
        command(f"leave_clumsily('{task}', '{'verbose' if verbose else 'quiet'}')"),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert ran.returncode == code, ran.stderr
    if verbose:
        assert "the door is stuck" in ran.stderr
    else:
        assert not ran.stderr
    assert ran.stdout.count("done") == (0 if task else 2)


def test_a_worker_whose_agent_hangs_ends_when_the_main_process_is_killed() -> None:
    with started(command("ask_for_ever()")) as main:
        assert main.stdout is not None
        worker, agent = map(int, main.stdout.readline().decode()[2:].strip("()\n").split(","))
        assert not is_gone(worker) and not is_gone(agent)
        main.kill()
        assert until(lambda: is_gone(agent) and is_gone(worker))


def test_an_agent_ends_when_its_worker_is_killed() -> None:
    with started(command("ask_for_ever()")) as main:
        assert main.stdout is not None
        worker, agent = map(int, main.stdout.readline().decode()[2:].strip("()\n").split(","))
        os.kill(worker, signal.SIGKILL)
        assert until(lambda: is_gone(agent))

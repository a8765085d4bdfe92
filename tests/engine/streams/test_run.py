"""Tasks here, on processes and as streams: the listener hears the same."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from audio_io.errors import S2stError
from engine.errors import EngineError
from engine.streams.child import Do, Progress, Tell
from engine.streams.gathering import GatheringStepper
from engine.streams.run import Here, How, Processes, Streams, run
from tests.fakes import ParrotAgent

pytestmark = pytest.mark.real_time
WAYS = [Here(), Processes(2), Streams(2)]


@dataclass(frozen=True)
class Squaring:
    """Answers with the square; fails of 3, and kills its process with 5."""

    verbose: bool = False
    broken: bool = False

    @contextmanager
    def open(self) -> Iterator[Do]:
        if self.broken:
            raise EngineError("There is no abacus.")
        yield self.do

    @contextmanager
    def open_together(self) -> Iterator[tuple[Do, GatheringStepper]]:
        with self.open() as do:
            yield do, GatheringStepper(ParrotAgent())

    def do(self, task: int, tell: Tell) -> int:
        tell(f"{task} begins")
        for tick in range(1000):
            tell(Progress(tick))
        tell(f"{task} ends")
        if task == 3:
            raise EngineError("It is odd.")
        if task == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return task * task


@dataclass
class Notebook:
    """A listener that writes all down, task by task."""

    lines: dict[int, list[Any]] = field(default_factory=dict)
    deaths: list[str] = field(default_factory=list)

    def said(self, task: int, what: Any) -> None:
        self.lines.setdefault(task, []).append(what)

    def done(self, task: int, outcome: Any) -> None:
        self.lines.setdefault(task, []).append(outcome)

    def failed(self, task: int, error: Exception) -> None:
        self.lines.setdefault(task, []).append(str(error))

    def died(self, task: int, error: S2stError) -> None:
        self.deaths.append(str(error))


@pytest.mark.parametrize("how", WAYS, ids=str)
def test_each_way_tells_the_same_in_the_order_of_each_task(how: How) -> None:
    notebook = Notebook()
    run([1, 2, 3, 4], Squaring(), how, notebook)
    words = {
        task: [line for line in lines if not isinstance(line, Progress)]
        for task, lines in notebook.lines.items()
    }
    ends = {1: 1, 2: 4, 3: "It is odd.", 4: 16}
    assert words == {n: [f"{n} begins", f"{n} ends", ends[n]] for n in (1, 2, 3, 4)}


@pytest.mark.parametrize("how", WAYS, ids=str)
def test_progress_is_told_now_and_then(how: How) -> None:
    notebook = Notebook()
    run([1], Squaring(), how, notebook)
    told = [line.amount for line in notebook.lines[1] if isinstance(line, Progress)]
    assert told[0] == 0
    assert len(told) < 100


@pytest.mark.parametrize("how", WAYS, ids=str)
def test_what_cannot_be_loaded_fails_every_task_with_the_reason(how: How) -> None:
    notebook = Notebook()
    run([1, 2, 3], Squaring(broken=True), how, notebook)
    assert notebook.lines == {n: ["There is no abacus."] for n in (1, 2, 3)}


def test_a_task_that_kills_its_process_is_tried_as_often_as_was_said() -> None:
    notebook = Notebook()
    run([5, 1, 2], Squaring(), Processes(2), notebook, tries=3)
    (death,) = notebook.deaths
    assert death.startswith("The worker process died (signal 9).")
    assert notebook.lines[5].count("5 begins") == 3
    assert [notebook.lines[n][-1] for n in (1, 2)] == [1, 4]

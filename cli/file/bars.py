"""Bars on a terminal, by Rich: loaded only where there is a terminal to show them."""

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from engine.batch.job import Job

LONGEST_LABEL = 32


class _RealTimeFactor(ProgressColumn):
    """Time taken for each second of sound."""

    def render(self, task: Task) -> Text:
        # The first seconds hold the engine's loading, and would promise too little.
        if task.completed < 10.0 or task.elapsed is None or not task.fields.get("sound"):
            return Text("")
        return Text(f"{task.elapsed / task.completed:.2f} x real time", style="dim")


class Bars:
    """One bar for each recording that is worked on, and one for all of them."""

    def __init__(self, to_do: int) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            _RealTimeFactor(),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._bar_of: dict[Job, TaskID] = {}
        self._all: TaskID | None = None
        self._bars.start()
        if to_do > 1:
            self._all = self._bars.add_task("all recordings", total=to_do)

    def stop(self) -> None:
        self._bars.stop()

    def say(self, text: str, *, faint: bool = False, wrap: bool = True) -> None:
        """A line above the bars; without `wrap` it is left to the terminal to break it."""
        self._console.print(escape(text), style="dim" if faint else None, soft_wrap=not wrap)

    def begin(self, job: Job, duration_s: float | None) -> None:
        label = job.input.label
        shown = label if len(label) <= LONGEST_LABEL else "…" + label[1 - LONGEST_LABEL :]
        self._bar_of[job] = self._bars.add_task(escape(shown), total=duration_s, sound=True)

    def advance(self, job: Job, heard_s: float) -> None:
        if job in self._bar_of:
            self._bars.update(self._bar_of[job], completed=heard_s)

    def end(self, job: Job) -> None:
        if job in self._bar_of:
            self._bars.remove_task(self._bar_of.pop(job))
        if self._all is not None:
            self._bars.advance(self._all)

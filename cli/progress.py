"""What a person sees while recordings are translated, and what a program reads."""

import os
import sys
from typing import Any, TextIO

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

from audio_io.errors import S2stError, SoundFileError
from cli.plan import FilePlan, Job
from cli.records import as_line, event_record
from cli.translate import Outcome
from cli.writers import one_line
from engine.events import Event, SourceText, TargetText


class _RealTimeFactor(ProgressColumn):
    """Time taken for each second of sound."""

    def render(self, task: Task) -> Text:
        # The first seconds hold the engine's loading, and would promise too little.
        if task.completed < 10.0 or task.elapsed is None or not task.fields.get("sound"):
            return Text("")
        return Text(f"{task.elapsed / task.completed:.2f} x real time", style="dim")


class _LastingConsole(Console):
    """Goes on in silence when nobody reads standard error any more: the files are still wanted."""

    def on_broken_pipe(self) -> None:
        _close_to_readers(sys.stderr)


class Reporter:
    """Listens to a run. Results go to standard output, everything else to standard error.

    On a terminal it shows bars; in a pipe, one line for each finished recording.
    """

    def __init__(
        self, plan: FilePlan, jobs: int, *, quiet: bool, json: bool, verbose: bool
    ) -> None:
        self._plan = plan
        self._jobs = jobs
        self._quiet = quiet
        self._json = json
        self._verbose = verbose
        self._shows_text = jobs == 1 and not json
        self._console = _LastingConsole(stderr=True, highlight=False)
        self._console.soft_wrap = not self._console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description}", table_column=None),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            _RealTimeFactor(),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._all: TaskID | None = None
        self._bar_of: dict[Job, TaskID] = {}
        self.failures = 0
        """Recordings that failed or were cut short."""

    def __enter__(self) -> "Reporter":
        self._bars.start()
        if self._jobs > 1:
            self._all = self._bars.add_task("all recordings", total=self._jobs)
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def note(self, text: str) -> None:
        """Something worth knowing that is no result."""
        if not self._quiet:
            self._console.print(escape(text))

    def warn(self, text: str) -> None:
        """Something that must be known, quiet or not."""
        self._console.print(escape(text))

    def opened(self, job: Job, duration_s: float | None) -> None:
        self._bar_of[job] = self._bars.add_task(
            escape(_short(job.input.label)), total=duration_s, sound=True
        )

    def progress(self, job: Job, heard_s: float) -> None:
        if job in self._bar_of:
            self._bars.update(self._bar_of[job], completed=heard_s)

    def event(self, job: Job, event: Event) -> None:
        if self._json:
            self._out(as_line({"input": job.input.label} | event_record(event)))
        elif self._shows_text and isinstance(event, SourceText | TargetText) and event.committed:
            self._show(job, event)

    def done(self, job: Job, outcome: Outcome) -> None:
        self._end(job)
        for lost in outcome.lost:
            self.failures += 1
            self.warn(
                f"{job.input.label}: {lost.end_s - lost.start_s:.1f} s of sound from "
                f"{lost.start_s:.1f} s on is missing: {lost.reason}. The rest was translated."
            )
        if not outcome.utterances:
            self.warn(
                f"{job.input.label}: no speech was found in {outcome.heard_s:.1f} s of sound."
            )
        names = " ".join(path.name for path in job.outputs(self._plan).values())
        factor = outcome.elapsed_s / outcome.heard_s if outcome.heard_s else 0.0
        said = f"{outcome.utterances} utterance{'' if outcome.utterances == 1 else 's'}"
        if outcome.dropped:
            said += f", {outcome.dropped} too unclear to speak"
        if self._plan.timeline and outcome.lag_s > 0.5:
            said += f", speech up to {outcome.lag_s:.1f} s late"
        self.note(
            f"{job.input.label}: {outcome.heard_s:.1f} s of sound in {outcome.elapsed_s:.1f} s "
            f"({factor:.2f} x real time), {said} -> {names}"
        )
        if self._json:
            record: dict[str, Any] = {
                "type": "file_done",
                "input": job.input.label,
                "outputs": [str(path) for path in job.outputs(self._plan).values()],
                "heard_s": round(outcome.heard_s, 3),
                "elapsed_s": round(outcome.elapsed_s, 3),
            }
            self._out(as_line(record))

    def failed(self, job: Job, error: BaseException) -> None:
        self._end(job)
        self.failures += 1
        if self._verbose and error.__traceback__ is not None:
            from rich.traceback import Traceback

            self._console.print(Traceback.from_exception(type(error), error, error.__traceback__))
        seen = str(error) if isinstance(error, S2stError) else _unexpected(error)
        label = job.input.label
        names_it = isinstance(error, SoundFileError)
        self.warn(f"s2st: {seen}" if names_it else f"s2st: {label}: {seen}")
        if self._json:
            self._out(as_line({"type": "file_failed", "input": label, "error": seen}))

    def _end(self, job: Job) -> None:
        if job in self._bar_of:
            self._bars.remove_task(self._bar_of.pop(job))
        if self._all is not None:
            self._bars.advance(self._all)

    def _show(self, job: Job, event: SourceText | TargetText) -> None:
        """The translation is the result; what was heard stands beside it, for judging it."""
        text = one_line(event.text)
        if isinstance(event, SourceText) and not job.transcribes:
            if not self._quiet:
                self._console.print(f"[dim]{event.language}[/dim]  [dim]{escape(text)}[/dim]")
            return
        several = len(job.targets) > 1
        self._out(f"{event.language}\t{text}" if several else text)

    def _out(self, line: str) -> None:
        if sys.stdout is None:  # closed before we started
            return
        try:
            if sys.stdout.isatty() and self._console.is_terminal and not self._bars.disable:
                self._console.print(escape(line))  # above the bars, which share the terminal
            else:
                print(line, flush=True)
        except OSError as error:
            _close_to_readers(sys.stdout)
            if not isinstance(error, BrokenPipeError):
                self.failures += 1
                self.warn(
                    f"s2st: standard output cannot be written ({error.strerror}). "
                    "The files are written nevertheless."
                )


def _close_to_readers(stream: TextIO) -> None:
    """From now on what is written there goes nowhere. Whoever read it has gone, but the files are
    still wanted."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _short(label: str) -> str:
    return label if len(label) <= 32 else "…" + label[-31:]


def _unexpected(error: BaseException) -> str:
    return (
        f"something unexpected happened ({type(error).__name__}: {error}). "
        "--verbose shows where; please report it."
    )

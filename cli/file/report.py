"""What a run says: results to standard output, everything else to standard error."""

import sys
import traceback
from collections.abc import Sequence
from typing import Any, TextIO

from audio_io.errors import S2stError, SoundFileError, on_one_line, system_said
from cli.options.wording import word
from cli.terminal.standard_output import let_go
from engine.batch.job import BatchPlan, Job
from engine.batch.leftovers import remove_leftovers
from engine.batch.translate import Opened, Outcome
from engine.events import Event, SourceText, TargetText
from engine.streams.child import Progress
from engine.text.losses import told_of_losses
from engine.text.records import as_line, event_record
from engine.text.writers import one_line


class Reporter:
    """Listens to a run. On a terminal it shows bars; in a pipe, one line for each recording."""

    def __init__(
        self, plan: BatchPlan, jobs: int, to_do: int, *, quiet: bool, json: bool, verbose: bool
    ) -> None:
        """`to_do` of the run's `jobs` are left to be done."""
        self._plan = plan
        self._quiet = quiet
        self._json = json
        self._verbose = verbose
        self._shows_text = jobs == 1 and not json
        self._bars = None
        if not quiet and _is_terminal(sys.stderr):
            from cli.file.bars import Bars

            self._bars = Bars(to_do)
        self.failures = 0
        """Recordings that failed or were cut short."""

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def note(self, text: str, *, faint: bool = False) -> None:
        """Something worth knowing that is no result."""
        if not self._quiet:
            self.warn(text, faint=faint)

    def warn(self, text: str, *, faint: bool = False) -> None:
        """Something that must be known, quiet or not."""
        if sys.stderr is None:  # closed before we started
            return
        try:
            if self._bars is not None:
                self._bars.say(text, faint=faint)
            else:
                print(text, file=sys.stderr, flush=True)
        except OSError:
            let_go(sys.stderr)

    def said(self, job: Job, what: Opened | Progress | Event) -> None:
        match what:
            case Opened(duration_s):
                if self._bars is not None:
                    self._bars.begin(job, duration_s)
            case Progress(heard_s):
                if self._bars is not None:
                    self._bars.advance(job, heard_s)
            case _:
                self._event(job, what)

    def done(self, job: Job, outcome: Outcome) -> None:
        self._end(job)
        label = on_one_line(job.input.label)
        if outcome.taken:
            self.note(f"{label}: heard {outcome.taken}")
        if outcome.lost:
            self.failures += 1
            self.warn(f"{label}: {told_of_losses(outcome.lost)}. The rest was translated.")
        for path in outcome.kept:
            self.warn(
                f"{label}: {on_one_line(str(path))} was changed since s2st wrote it, and is "
                "kept as it is. --overwrite replaces it."
            )
        if not outcome.utterances:
            self.warn(f"{label}: no speech was found in {outcome.heard_s:.1f} s of sound.")
        self.note(f"{label}: {self._summary(job, outcome)}")
        heard_s, elapsed_s = round(outcome.heard_s, 3), round(outcome.elapsed_s, 3)
        kept = {"kept": [path.name for path in outcome.kept]} if outcome.kept else {}
        self._record(job, "file_done", {"heard_s": heard_s, "elapsed_s": elapsed_s} | kept)

    def finished_before(self, job: Job, changed: Sequence[str]) -> None:
        """An earlier run made its outputs, some of which somebody changed since."""
        self.note(f"{on_one_line(job.input.label)}: {in_words(changed)}")
        self._record(job, "file_finished_before", {"kept": list(changed)} if changed else {})

    def failed(self, job: Job, error: BaseException) -> None:
        self._end(job)
        self.failures += 1
        if isinstance(error, S2stError):
            word(error)
        if self._verbose and error.__traceback__ is not None:
            self.warn("".join(traceback.format_exception(error)).rstrip())
        seen = str(error) if isinstance(error, S2stError) else _unexpected(error)
        label = job.input.label
        names_it = isinstance(error, SoundFileError)
        self.warn(f"s2st: {seen}" if names_it else f"s2st: {on_one_line(label)}: {seen}")
        if self._json:
            self._out(as_line({"type": "file_failed", "input": label, "error": seen}))

    def died(self, job: Job, error: S2stError) -> None:
        remove_leftovers(job, self._plan)
        self.failed(job, error)

    def _event(self, job: Job, event: Event) -> None:
        if self._json:
            self._out(as_line({"input": job.input.label} | event_record(event)))
        elif self._shows_text and isinstance(event, SourceText | TargetText) and event.committed:
            self._show(job, event)

    def _summary(self, job: Job, outcome: Outcome) -> str:
        factor = outcome.elapsed_s / outcome.heard_s if outcome.heard_s else 0.0
        said = f"{outcome.utterances} utterance{'' if outcome.utterances == 1 else 's'}"
        if outcome.dropped:
            said += f", {outcome.dropped} too unclear to speak"
        if self._plan.timeline and outcome.lag_s > 0.5:
            said += f", speech up to {outcome.lag_s:.1f} s late"
        names = on_one_line(" ".join(path.name for path in job.outputs(self._plan).values()))
        return (
            f"{outcome.heard_s:.1f} s of sound in {outcome.elapsed_s:.1f} s "
            f"({factor:.2f} x real time), {said} -> {names}"
        )

    def _record(self, job: Job, kind: str, fields: dict[str, Any]) -> None:
        if self._json:
            outputs = [str(path) for path in job.outputs(self._plan).values()]
            record = {"type": kind, "input": job.input.label, "outputs": outputs}
            self._out(as_line(record | fields))

    def _end(self, job: Job) -> None:
        if self._bars is not None:
            self._bars.end(job)

    def _show(self, job: Job, event: SourceText | TargetText) -> None:
        """The translation is the result; what was heard stands beside it, for judging it."""
        text = one_line(event.text)
        if isinstance(event, SourceText) and not job.transcribes:
            self.note(f"{event.language}  {text}", faint=True)
            return
        several = job.request is not None and len(job.request.targets) > 1
        self._out(f"{event.language}\t{text}" if several else text)

    def _out(self, line: str) -> None:
        if sys.stdout is None:  # closed before we started
            return
        try:
            if self._bars is not None and sys.stdout.isatty():
                self._bars.say(line, wrap=False)  # above the bars, which share the terminal
            else:
                print(line, flush=True)
        except OSError as error:
            let_go(sys.stdout)  # the files are still wanted
            if not isinstance(error, BrokenPipeError):
                self.failures += 1
                self.warn(
                    f"s2st: standard output cannot be written ({error.strerror}). "
                    "The files are written nevertheless."
                )


def in_words(changed: Sequence[str]) -> str:
    """What is said of a recording that was finished before. Some results may be `changed`."""
    if not changed:
        return "finished before"
    are = "was" if len(changed) == 1 else "were"
    return f"finished before; {' '.join(changed)} {are} changed since, and kept"


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _unexpected(error: BaseException) -> str:
    if isinstance(error, OSError):
        return f"{system_said(error)}."
    return (
        f"something unexpected happened ({type(error).__name__}: {error}). "
        "`s2st --verbose` shows where; please report it."
    )

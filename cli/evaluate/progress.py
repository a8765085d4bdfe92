"""What `s2st evaluate` shows: progress while it runs, and the scores at the end."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from types import TracebackType

from audio_io.errors import S2stError
from cli.evaluate.plan import EvaluatePlan
from cli.options.wording import worded
from engine.evaluation.summary import UNCLEAR_MARKS, Summary
from engine.evaluation.work import MOST_TRIES, failure
from engine.languages import language_name
from engine.metrics.result import Item, ItemResult
from engine.metrics.scores import LATENCY, QUALITY, Score, shown
from engine.streams.child import Progress
from engine.text.records import as_line


class EvaluateView:
    """Progress on standard error: a bar with the time left on a terminal, otherwise only what went
    wrong."""

    def __init__(self, plan: EvaluatePlan, to_do: int) -> None:
        self._plan = plan
        self._to_do = to_do
        self._bar: _Bar | None = None
        self._failed = 0

    def __enter__(self) -> "EvaluateView":
        if not self._plan.options.quiet:
            for note in self._plan.notes:
                print(note, file=sys.stderr)
            for notice in self._plan.notices:
                print(f"s2st: {notice}", file=sys.stderr)
        if sys.stderr.isatty() and not self._plan.options.quiet and self._to_do:
            self._bar = _Bar(self._to_do)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def begin(self, setting: str, keep: Callable[[ItemResult], None]) -> "_Listener":
        """A run begins; each result is kept before anything else happens with it."""
        if setting and not self._plan.options.quiet:
            self.say(setting)
        return _Listener(self, keep)

    def advance(self, item: int, part: float) -> None:
        """This part of an item is done; 1 when it is through."""
        if self._bar is not None:
            self._bar.advance(item, part)

    def listening(self, results: Sequence[ItemResult]) -> Iterator[ItemResult]:
        """The results one after the other, shown as they are listened to."""
        if self._bar is not None:
            self._bar.begin("listening to the speech", len(results))
        for result in results:
            yield result
            self.advance(result.index, 1.0)

    def say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.say(text)
        else:
            print(text, file=sys.stderr)

    def note(self, text: str) -> None:
        if not self._plan.options.quiet:
            self.say(text)

    def warn(self, text: str) -> None:
        self.say(f"s2st: {text}")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class _Listener:
    """Keeps results, and shows how far the run is."""

    def __init__(self, view: EvaluateView, keep: Callable[[ItemResult], None]) -> None:
        self._view = view
        self._keep = keep

    def said(self, item: Item, progress: Progress) -> None:
        self._view.advance(item.index, min(progress.amount, 0.99))  # it is not through yet

    def failed(self, item: Item, error: Exception) -> None:
        # An item's own errors are outcomes: this is the agent, which no process can load.
        raise error

    def died(self, item: Item, error: S2stError) -> None:
        self.done(item, failure(item, f"{error} It was tried {MOST_TRIES} times."))

    def done(self, item: Item, result: ItemResult) -> None:
        result = replace(result, error=worded(result.error))
        self._keep(result)
        if result.error:
            self._view.warn(f"{result.id}: {result.error}")
        elif result.lost:
            self._view.warn(f"{result.id}: {result.lost}")
        if result.taken:
            self._view.note(f"{result.id}: heard {result.taken}")
        self._view.advance(result.index, 1.0)


class _Bar:
    def __init__(self, items: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=32),
            TaskProgressColumn(),
            TextColumn("{task.fields[through]} of {task.total:g}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._progress.start()
        self._begin("recordings", items)

    def begin(self, name: str, items: int) -> None:
        self._progress.remove_task(self._task)
        self._begin(name, items)

    def _begin(self, name: str, items: int) -> None:
        self._task = self._progress.add_task(name, total=items, through=0)
        self._through = 0
        self._open: dict[int, float] = {}
        """Of the items at work, the part that is done."""

    def advance(self, item: int, part: float) -> None:
        self._open[item] = part
        if part >= 1.0:
            del self._open[item]
            self._through += 1
        done = self._through + sum(self._open.values())
        self._progress.update(self._task, completed=done, through=self._through)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def stop(self) -> None:
        self._progress.stop()


def print_scores(plan: EvaluatePlan, summaries: Sequence[Summary]) -> None:
    """The scores of each run on standard output."""
    if plan.options.json:
        for summary in summaries:
            print(as_line(_record(plan, summary)))
        return
    first = summaries[0]
    for summary in summaries:
        print(_title(plan, summary))
        print()
        for line in table([_row(score) for score in summary.scores]):
            print(line)
        if UNCLEAR_MARKS in summary.circumstances:
            print(summary.circumstances[UNCLEAR_MARKS])
        print()
    print("how each was measured")
    names: dict[str, list[str]] = {}
    for score in first.scores:
        if score.settings:
            names.setdefault(score.settings, []).append(score.name)
    for settings, same in names.items():
        print(f"  {', '.join(same)}: {settings}")
    for name, text in first.circumstances.items():
        if name != UNCLEAR_MARKS:  # that is each run's own
            print(f"  {name}: {text}")


def _title(plan: EvaluatePlan, summary: Summary) -> str:
    test_set = plan.test_set
    pair = language_name(test_set.source)
    if summary.run["task"] != "asr":
        pair += f" to {language_name(test_set.target)}"
    done, of = len(summary.done), len(summary.results)
    parts = [plan.system, f"{summary.run['task']}, {pair}"]
    if summary.setting:
        parts.append(summary.setting)
    parts.append(f"{done} of {of} recordings, {summary.source_s:.1f} s")
    factor = summary.compute_factor
    if factor is not None and not plan.is_contended:
        parts.append(f"{factor:.2f} s of computing for each second")
    return "; ".join(parts)


def _row(score: Score) -> tuple[str, str, str, str]:
    name = score.name
    metric = QUALITY.get(name) or LATENCY.get(name.removesuffix("_CA"))
    what = metric.what if metric is not None else ""
    if name.endswith("_CA") and what:
        what += ", computing included"
    if score.value is None:
        what = score.reason
    return name, shown(score.value), score.unit, what


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines with aligned columns; the second column is aligned on the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            field.rjust(width) if place == 1 else field.ljust(width)
            for place, (field, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _record(plan: EvaluatePlan, summary: Summary) -> dict[str, object]:
    return {
        "type": "evaluation",
        "setting": summary.setting,
        **summary.run,
        "items": len(summary.results),
        "failed": len(summary.failed),
        "source_s": round(summary.source_s, 3),
        "compute_factor": None if plan.is_contended else summary.compute_factor,
        "scores": [asdict(score) for score in summary.scores],
        "circumstances": dict(summary.circumstances),
    }

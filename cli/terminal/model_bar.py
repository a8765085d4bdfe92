"""A bar for each file of a model, by Rich: loaded only where there is a terminal to show it."""

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from engine.models.store import Progress


class ModelBar:
    """What is fetched, converted or checked, one line a file."""

    def __init__(self) -> None:
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            DownloadColumn(),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True, highlight=False),
            transient=True,
        )
        self._bar_of: dict[tuple[str, str], TaskID] = {}
        self._bars.start()

    def show(self, progress: Progress) -> None:
        key = (progress.doing, progress.file)
        if key not in self._bar_of:
            label = escape(f"{progress.doing} {progress.file}")
            self._bar_of[key] = self._bars.add_task(
                label, total=progress.whole_bytes, completed=progress.done_bytes
            )
        self._bars.update(
            self._bar_of[key], completed=progress.done_bytes, total=progress.whole_bytes
        )

    def stop(self) -> None:
        self._bars.stop()

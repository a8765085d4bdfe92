"""`s2st models`: the models that are fetched once and kept."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audio_io.errors import UsageError
from audio_io.paths import expanded
from cli.options.shared import Json

if TYPE_CHECKING:
    from engine.models.store import OnProgress, Progress, PullPlan

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="List, fetch, check and remove models.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="As `s2st models list` calls it.", show_default=False)
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


@app.command("list")
def list_models(json: Json = False) -> None:
    """List the models there are, and those that are here."""
    from engine.models.downloads import in_words
    from engine.models.store import installed
    from engine.registry import models

    here, known = {model.name: model for model in installed()}, models()
    for name in dict.fromkeys([*known, *here]):
        spec, model = known.get(name), here.get(name)
        if json:
            from engine.text.records import as_line

            record = {
                "name": name,
                "installed": model is not None,
                "folder": str(model.folder) if model else None,
                "size_bytes": model.size_bytes if model else None,
                "download_bytes": spec.size_bytes if spec else None,
                "licence": spec.licence if spec else None,
            }
            print(as_line(record))
            continue
        state = f"to pull, at least {in_words(spec.size_bytes)}" if spec else ""
        if model:
            state = f"here, {in_words(model.size_bytes)}: {model.folder}"
        print(f"{name}  {state}")
        if spec:
            print(f"    {spec.summary}\n    {spec.licence}")


@app.command()
def pull(name: Name, yes: Yes = False) -> None:
    """Fetch a model, convert it and keep it; it works offline from then on."""
    from engine.models import store

    here = {model.name for model in store.installed()}
    with _Shown() as shown:
        folder = store.pull(name, progress=shown.report, confirm=_asker(yes))
    done = "was here already" if name in here else "is here, and works offline"
    print(f"The model '{name}' {done}: {folder}", file=sys.stderr)


@app.command()
def convert(
    source: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Folder with the checkpoints.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", help="New folder to write.", show_default=False
        ),
    ],
) -> None:
    """Convert published checkpoints to files that load fast and run no code."""
    from engine.models import store

    with _Shown() as shown:
        folder = store.convert(expanded(source), expanded(output), progress=shown.report)
    print(f"Converted: {folder}", file=sys.stderr)


@app.command()
def verify(name: Name) -> None:
    """Read a model from end to end and compare it with its checksums."""
    from engine.models import store

    with _Shown() as shown:
        files = store.verify(name, progress=shown.report)
    print(f"The model '{name}' is whole: {len(files)} files are as they were.", file=sys.stderr)


@app.command()
def path(name: Name) -> None:
    """Print the folder of a model that is here."""
    from engine.models import store

    print(store.path(name))


@app.command()
def rm(name: Name, yes: Yes = False) -> None:
    """Delete a model, and what was fetched of it."""
    from engine.models import store

    folder = store.removable(name)
    if not yes:
        _ask(f"Delete the model '{name}' in {folder}?", "to delete it")
    print(f"Deleted: {store.remove(name)}", file=sys.stderr)


def _asker(yes: bool) -> "Callable[[PullPlan], None]":
    def show(plan: "PullPlan") -> None:
        from engine.models.downloads import in_words

        print(
            f"{plan.spec.name}: {plan.spec.summary}\n"
            f"Licence: {plan.spec.licence}\n"
            f"To fetch: {in_words(plan.download_bytes)} in {len(plan.spec.files)} files; "
            f"room it takes on the way: {in_words(plan.disk_bytes)}\n"
            f"Folder: {plan.folder}",
            file=sys.stderr,
        )
        if not yes:
            _ask("Fetch it under this licence?", "to agree")

    return show


def _ask(question: str, purpose: str) -> None:
    """Go on only after a yes."""
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask on.", hint=f"Give --yes {purpose}.")
    if not typer.confirm(question, err=True):
        print("s2st: nothing was done.", file=sys.stderr)
        raise typer.Exit(1)


class _Shown:
    """Progress of files: a bar on a terminal, a line when a file begins elsewhere."""

    def __init__(self) -> None:
        self._bar: OnProgress | None = None
        self._stop: Callable[[], None] = lambda: None
        self._last = ("", "")

    def __enter__(self) -> "_Shown":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def report(self, progress: "Progress") -> None:
        if sys.stderr.isatty():
            if self._bar is None:  # the bar comes after the question
                from cli.terminal.model_bar import ModelBar

                bar = ModelBar()
                self._bar, self._stop = bar.show, bar.stop
            self._bar(progress)
        elif self._last != (progress.doing, progress.file):
            self._last = (progress.doing, progress.file)
            print(f"{progress.doing} {progress.file}", file=sys.stderr)

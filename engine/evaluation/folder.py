"""The output folder of a run: what may be resumed or replaced, and that one run writes there."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from audio_io.errors import OutputError, UsageError
from audio_io.paths import is_folder, is_there, really
from engine.evaluation import summary
from engine.evaluation.journal import NAME, ResultJournal
from engine.metrics.result import Item

REPORT = "report.html"
DERIVED = (summary.NAME, "scores.tsv", "metrics.tsv", "instances.log", "config.yaml", REPORT)
"""Made of the results, so that they are stale when those change."""
OWN = (*DERIVED, NAME, "wavs", "agent.log")
_WORDS = {"recordings": "other recordings, or in another order"}


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """This run alone writes results here. Raises a `UsageError` when another does. A run that came
    to nothing leaves nothing."""
    with made(folder), _locked(folder):
        try:
            yield
        finally:  # while it is still ours alone
            _discard_nothing(folder)


@contextlib.contextmanager
def made(folder: Path) -> Iterator[None]:
    """The folder exists; if it did not before, and stays empty, it goes again."""
    existed = is_there(folder)
    make_folder(folder)
    try:
        yield
    finally:
        if not existed:
            with contextlib.suppress(OSError):  # something is in it
                folder.rmdir()


def _discard_nothing(folder: Path) -> None:
    """Remove a journal that holds no results, and a log that says nothing."""
    if ResultJournal(folder).results():
        return
    (folder / NAME).unlink(missing_ok=True)
    log = folder / "agent.log"
    if log.exists() and not log.stat().st_size:
        log.unlink()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    path = folder / NAME
    try:
        file = path.open("ab")
    except OSError as error:
        raise OutputError(f"The results '{path}' cannot be written ({error.strerror}).") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"Another evaluation is writing to '{folder}'.",
                hint="Wait for it, or name another ⟦output⟧.",
            ) from error
        yield


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The output folder '{folder}' cannot be made ({error.strerror}).",
            hint="Name another with ⟦output⟧.",
        ) from error


def check_free(folder: Path, settings: Sequence[str], items: Sequence[Item]) -> None:
    """Nothing but an evaluation may lie here, and no recording where speech is written. The runs
    of a sweep lie in one folder, with the report of all."""
    found = sorted(path.name for path in folder.iterdir()) if is_folder(folder) else []
    allowed = {*OWN, *settings}
    is_run = NAME in found
    strangers = [name for name in found if name not in allowed]
    if not is_run and "wavs" in found:
        strangers.append("wavs")
    if strangers and not is_run:
        raise UsageError(
            f"'{folder}' holds '{strangers[0]}', which is not of an evaluation.",
            hint="Name an empty folder, or one that does not exist.",
        )
    wavs = really(folder / "wavs")
    for item in items:
        if really(item.audio).is_relative_to(wavs):
            raise UsageError(
                f"The recording '{item.audio}' lies where speech would be written.",
                hint="Name another ⟦output⟧.",
            )


def prepare(
    folder: Path,
    identity: Mapping[str, Any],
    items: Sequence[Item],
    *,
    resume: bool,
    overwrite: bool,
) -> list[Item]:
    """The items that are still to do. What is stale then is removed; nothing else ever is."""
    journal = ResultJournal(folder)
    kept = journal.results()
    if kept and resume:
        _check_same(journal.header(), identity, folder)
        done = {index for index, result in kept.items() if not result.error}
        waiting = [item for item in items if item.index not in done]
    elif kept and not overwrite:
        raise UsageError(
            f"'{folder}' holds an evaluation already.",
            hint="⟦resume⟧ goes on with it, ⟦overwrite⟧ replaces it.",
        )
    else:
        waiting = list(items)
    if waiting:
        remove_derived(folder)
    if not (kept and resume):
        for index in kept:  # of the run that is replaced
            (folder / "wavs" / f"{index}_pred.wav").unlink(missing_ok=True)
        journal.begin(identity)
    return waiting


def remove_derived(folder: Path) -> None:
    for name in DERIVED:
        (folder / name).unlink(missing_ok=True)


def _check_same(before: dict[str, Any] | None, now: Mapping[str, Any], folder: Path) -> None:
    if before is None:
        raise UsageError(
            f"What was run in '{folder}' cannot be read.", hint="⟦overwrite⟧ starts afresh."
        )
    for name, value in now.items():
        if before.get(name) == value:
            continue
        hint = "Give the same options, or another ⟦output⟧."
        if name in _WORDS:
            raise UsageError(f"'{folder}' was run over {_WORDS[name]}.", hint=hint)
        raise UsageError(
            f"'{folder}' was run with another {name}: {before.get(name)}, now {value}.", hint=hint
        )

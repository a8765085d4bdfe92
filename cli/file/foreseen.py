"""`--dry-run`: what a run would come to, as far as can be seen without listening."""

import os
import stat
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from audio_io.errors import S2stError
from audio_io.paths import is_file, is_folder, is_there
from audio_io.recordings.recording import open_recording
from cli.file.plan import Assembled
from cli.file.report import in_words
from cli.options.wording import worded
from engine.batch.films import check_films
from engine.batch.job import BatchPlan, Job
from engine.batch.journal import Journal
from engine.text.records import as_line

ANY_RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of one recording."""

    job: Job
    state: str
    """to do, finished, exists, refused or fails."""
    error: str = ""
    """Why it would fail."""
    kept: Sequence[str] = ()
    """Names of results that somebody changed, and that would stay."""


def foresee(
    run: Assembled, finished: Mapping[Job, Sequence[str]], existing: Collection[Path]
) -> list[Foreseen]:
    """Of each recording. `existing` is in the way of results."""
    journals = {folder: Journal(folder) for folder in {job.input.folder for job in run.jobs}}
    return [_foresee(job, run.plan, finished, journals, set(existing)) for job in run.jobs]


def show(run: Assembled, foreseen: Sequence[Foreseen], *, quiet: bool, json: bool) -> None:
    for note in run.notes if not quiet else ():
        print(note, file=sys.stderr)
    for each in foreseen:
        outputs = [str(path) for path in each.job.outputs(run.plan).values()]
        print(as_line(_record(each, outputs)) if json else _line(each, outputs))


def _foresee(
    job: Job,
    plan: BatchPlan,
    finished: Mapping[Job, Sequence[str]],
    journals: Mapping[Path, Journal],
    existing: Collection[Path],
) -> Foreseen:
    if job.refusal:
        return Foreseen(job, "refused", job.refusal)
    if job in finished:
        return Foreseen(job, "finished", kept=finished[job])
    outputs = job.outputs(plan).values()
    if any(path in existing for path in (*outputs, plan.trace)):
        return Foreseen(job, "exists")
    if error := _unreadable(job, plan) or _unwritable(job.input.folder):
        return Foreseen(job, "fails", error)
    kept: list[str] = []
    if plan.keeps_changes:
        journal = journals[job.input.folder]
        kept = [path.name for path in outputs if journal.is_changed(path.name)]
    return Foreseen(job, "to do", kept=kept)


def _unreadable(job: Job, plan: BatchPlan) -> str:
    """Why a recording cannot be opened; empty where it can, or where only a run may try."""
    path = job.input.path
    if path is None or (is_there(path) and not is_file(path)):  # a pipe is read once
        return ""
    try:
        open_recording(path, ANY_RATE_HZ, choice=job.input.sound).close()
        check_films(job, plan)
    except S2stError as error:
        return worded(str(error))
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}."
    return ""


def _unwritable(folder: Path) -> str:
    """Why results cannot go there; empty where they can."""
    why = ""
    for each in (folder, *folder.absolute().parents):
        try:
            is_ours = stat.S_ISDIR(each.stat().st_mode) and os.access(each, os.W_OK | os.X_OK)
        except FileNotFoundError:
            if each.is_symlink():
                why = "it leads nowhere"
                break
            continue  # it will be made
        except OSError as error:
            why = error.strerror or str(error)
            break
        if not is_ours:
            why = "Permission denied" if is_folder(each) else "Not a directory"
        break
    return f"The output folder '{folder}' cannot be written to ({why})." if why else ""


def _record(foreseen: Foreseen, outputs: Sequence[str]) -> dict[str, object]:
    record: dict[str, object] = {"type": "plan", "input": foreseen.job.input.label}
    record |= {"state": foreseen.state, "outputs": outputs}
    if foreseen.error:
        record["error"] = foreseen.error
    return record | ({"kept": list(foreseen.kept)} if foreseen.kept else {})


def _line(foreseen: Foreseen, outputs: Sequence[str]) -> str:
    label = foreseen.job.input.label
    match foreseen.state:
        case "to do":
            keeps = f" (keeps {' '.join(foreseen.kept)})" if foreseen.kept else ""
            return f"{label} -> {' '.join(outputs)}{keeps}"
        case "finished":
            return f"{label}: {in_words(foreseen.kept)}"
        case "exists":
            return f"{label}: exists already: {' '.join(outputs)}"
    return f"{label}: {foreseen.error}"

"""What a job writes until its outputs are whole, and how that goes when it ends before."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from audio_io.paths import fitting
from audio_io.whole_file import remove_own_part, remove_stale_parts
from engine.batch.job import BatchPlan, Job

ORIGINAL, SPEECH, SUBTITLES = "original", "speech", "subtitles"


def scratch(path: Path, role: str) -> Path:
    """Sound or text that is needed until an output is made of it."""
    return path.with_name(fitting(path.name, f".{role}"))


def abandon(job: Job, plan: BatchPlan) -> None:
    """Remove what this process has half written of a job."""
    _clean_up(job, plan, remove_own_part)


def remove_leftovers(job: Job, plan: BatchPlan) -> None:
    """Remove what a process that was killed had written of a job."""
    with contextlib.suppress(OSError):  # there is no folder, or it cannot be read
        _clean_up(job, plan, remove_stale_parts)


def _clean_up(job: Job, plan: BatchPlan, remove: Callable[[Path], None]) -> None:
    for path in job.outputs(plan).values():
        remove(path)
        for role in (ORIGINAL, SPEECH, SUBTITLES):
            remove(scratch(path, role))

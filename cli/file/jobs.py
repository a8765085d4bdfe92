"""Jobs one after the other in this process, and what a run tells of each."""

from collections.abc import Sequence
from typing import Protocol

from cli.file.job import FilePlan, Job
from cli.file.translate import Outcome, Translator
from engine.events import Event


class Listener(Protocol):
    """What happens to the jobs of a run, told on the main thread, in order for each job."""

    def opened(self, job: Job, duration_s: float | None) -> None:
        """The recording can be read; it is this long, if that is known."""

    def progress(self, job: Job, heard_s: float) -> None:
        """This much of it was heard."""

    def event(self, job: Job, event: Event) -> None:
        """The engine said something."""

    def done(self, job: Job, outcome: Outcome) -> None:
        """Its outputs are in place."""

    def failed(self, job: Job, error: BaseException) -> None:
        """It has no outputs."""


def run_here(jobs: Sequence[Job], plan: FilePlan, listener: Listener) -> None:
    """All jobs one after the other in this process."""
    with Translator(plan) as translator:
        for job in jobs:
            try:
                outcome = do_job(translator, job, listener)
            except Exception as error:  # one bad recording does not stop the others
                listener.failed(job, error)
            else:
                listener.done(job, outcome)


def do_job(translator: Translator, job: Job, listener: Listener) -> Outcome:
    return translator.do(
        job,
        opened=lambda duration_s: listener.opened(job, duration_s),
        progress=lambda heard_s: listener.progress(job, heard_s),
        hear=lambda event: listener.event(job, event),
    )

"""Recordings of `s2st file` as streams of one engine with weights, which computes them together."""

from collections.abc import Sequence

from cli.file.job import FilePlan, Job
from cli.file.jobs import Listener, do_job
from cli.file.translate import Outcome, Translator, abandon
from cli.file.workers import Messenger, Relay
from engine.streams.gathering import GatheringStepper
from engine.streams.process_pool import Tell
from engine.streams.stream_pool import run_streams


def run_together(jobs: Sequence[Job], plan: FilePlan, count: int, listener: Listener) -> None:
    """All jobs, which are of one engine, `count` at a time."""
    with Translator(plan, GatheringStepper) as translator:
        try:
            stepper = translator.stepper_for(jobs[0])
        except Exception as error:  # what all of them need cannot be loaded
            for job in jobs:
                listener.failed(job, error)
            return
        assert isinstance(stepper, GatheringStepper)

        def do(job: Job, tell: Tell) -> Outcome:
            return do_job(translator, job, Messenger(tell, events=True))

        try:
            run_streams(jobs, do, stepper, count, Relay(plan, listener))
        finally:  # what a stream left that could not be waited for
            for job in jobs:
                abandon(job, plan)

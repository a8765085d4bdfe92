"""Recordings of `s2st file` on several processes at once, each with engines of its own."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from audio_io.errors import S2stError
from cli.file.job import FilePlan, Job
from cli.file.jobs import Listener, do_job
from cli.file.translate import Outcome, Translator, remove_leftovers
from cli.terminal.verbosity import set_verbose
from engine.events import Event
from engine.streams.process_pool import Do, Tell, run_pool

PROGRESS_EVERY_S = 0.1
"""A worker tells how far it is no more often than this."""


def run_workers(jobs: Sequence[Job], plan: FilePlan, count: int, listener: Listener) -> None:
    """All jobs on `count` processes, in the order in which workers get free."""
    run_pool(jobs, _Work(plan, plan.verbose), count, Relay(plan, listener))


@dataclass(frozen=True, slots=True)
class _Opened:
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class _Progress:
    heard_s: float


@dataclass(frozen=True, slots=True)
class Relay:
    """Tells a run's listener what the workers say."""

    plan: FilePlan
    listener: Listener

    def told(self, job: Job, message: object) -> None:
        match message:
            case _Opened(duration_s):
                self.listener.opened(job, duration_s)
            case _Progress(heard_s):
                self.listener.progress(job, heard_s)
            case _:
                self.listener.event(job, message)  # type: ignore[arg-type]

    def done(self, job: Job, outcome: Outcome) -> None:
        self.listener.done(job, outcome)

    def failed(self, job: Job, error: BaseException) -> None:
        self.listener.failed(job, error)

    def died(self, job: Job, error: S2stError) -> bool:
        remove_leftovers(job, self.plan)
        self.listener.failed(job, error)
        return False


@dataclass(frozen=True)
class _Work:
    plan: FilePlan
    verbose: bool

    @contextmanager
    def open(self) -> Iterator[Do]:
        set_verbose(self.verbose)
        with Translator(self.plan) as translator:

            def do(job: Job, tell: Tell) -> Outcome:
                return do_job(translator, job, Messenger(tell, events=self.plan.event_records))

            yield do


class Messenger:
    """A `Listener` in a worker that sends what it hears to the run's own."""

    def __init__(self, tell: Tell, *, events: bool) -> None:
        self._tell = tell
        self._events = events
        self._told_s = 0.0

    def opened(self, job: Job, duration_s: float | None) -> None:
        self._tell(_Opened(duration_s))

    def progress(self, job: Job, heard_s: float) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= PROGRESS_EVERY_S:
            self._told_s = now_s
            self._tell(_Progress(heard_s))

    def event(self, job: Job, event: Event) -> None:
        if self._events:
            self._tell(event)

    def done(self, job: Job, outcome: Outcome) -> None:
        """The outcome goes the way of all outcomes."""

    def failed(self, job: Job, error: BaseException) -> None:
        """So does the error."""

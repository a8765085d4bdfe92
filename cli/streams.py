"""Recordings of `s2st file` as streams of one engine, which computes them together.

For an engine with weights: they are in memory once, however many recordings run. Each recording has
a thread, which reads, waits and writes; the main thread computes, and tells what happens.
"""

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cli.jobs import Listener, do_job
from cli.plan import FilePlan, Job
from cli.translate import Outcome, Translator
from engine.events import Event
from engine.gathering import GatheringStepper, StoppedError

POLL_S = 0.1
"""How often the main thread looks around while no stream wants a step."""

_Told: TypeAlias = tuple[str, Job, tuple[Any, ...]]
"""A method of `Listener`, and what it is called with."""


def run_streams(jobs: Sequence[Job], plan: FilePlan, count: int, listener: Listener) -> None:
    """All jobs, which are of one engine, `count` at a time."""
    with Translator(plan, GatheringStepper) as translator:
        try:
            stepper = translator.stepper_for(jobs[0])
        except Exception as error:  # what all of them need cannot be loaded
            for job in jobs:
                listener.failed(job, error)
            return
        assert isinstance(stepper, GatheringStepper)
        run = _Run(jobs, translator)
        threads = [
            threading.Thread(target=run.work, name=f"stream {number}", daemon=True)
            for number in range(min(count, len(jobs)))
        ]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                stepper.serve(POLL_S)
                run.tell(listener)
        finally:
            # After an interrupt the streams abandon what they have half written.
            run.stop()
            stepper.stop()
            for thread in threads:
                thread.join()
        run.tell(listener)


class _Run:
    """The jobs that are left, and what is to be told of the others."""

    def __init__(self, jobs: Sequence[Job], translator: Translator) -> None:
        self._translator = translator
        self._left: queue.SimpleQueue[Job] = queue.SimpleQueue()
        for job in jobs:
            self._left.put(job)
        self._told: queue.SimpleQueue[_Told] = queue.SimpleQueue()
        """Bounded by the streams: each waits for its next step until this one was told of."""
        self._stopped = False

    def work(self) -> None:
        """The life of a stream's thread: one job after the other."""
        while not self._stopped:
            try:
                job = self._left.get_nowait()
            except queue.Empty:
                return
            try:
                outcome = do_job(self._translator, job, _Messenger(self._told))
            except StoppedError:
                return
            except Exception as error:  # one bad recording does not stop the others
                self._told.put(("failed", job, (error,)))
            else:
                self._told.put(("done", job, (outcome,)))

    def tell(self, listener: Listener) -> None:
        """On the main thread: pass on what happened."""
        while True:
            try:
                method, job, words = self._told.get_nowait()
            except queue.Empty:
                return
            getattr(listener, method)(job, *words)

    def stop(self) -> None:
        """No further job is begun."""
        self._stopped = True


@dataclass(frozen=True, slots=True)
class _Messenger:
    """A `Listener` on a stream's thread that leaves what it hears for the main one."""

    told: "queue.SimpleQueue[_Told]"

    def opened(self, job: Job, duration_s: float | None) -> None:
        self.told.put(("opened", job, (duration_s,)))

    def progress(self, job: Job, heard_s: float) -> None:
        self.told.put(("progress", job, (heard_s,)))

    def event(self, job: Job, event: Event) -> None:
        self.told.put(("event", job, (event,)))

    def done(self, job: Job, outcome: Outcome) -> None:
        """Told where the job ends."""

    def failed(self, job: Job, error: BaseException) -> None:
        """So is this."""

"""Runs `s2st file` once its options are known; gives the exit code."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from audio_io.errors import S2stError, SoundFileError, UsageError
from audio_io.paths import is_file, is_there, really
from cli.file.command import FileOptions
from cli.file.foreseen import foresee, show
from cli.file.plan import Assembled, assemble
from cli.file.report import Reporter
from cli.terminal.signals import leave_on_signals
from cli.terminal.verbosity import is_verbose, set_verbose
from engine.batch.job import BatchPlan, Job
from engine.batch.journal import Journal, digest
from engine.batch.leftovers import abandon, remove_leftovers
from engine.batch.translate import FileWork
from engine.streams.run import Here, How, Processes, Ray, Streams
from engine.streams.run import run as run_tasks

OK, FAILED = 0, 1


def run_file(options: FileOptions) -> int:
    """Exit code 0 when every recording was translated whole, 1 otherwise."""
    run = assemble(options)
    _check_inputs_are_safe(run)
    finished = _finished(run) if options.resume else {}
    waiting = [job for job in run.jobs if job not in finished]
    existing = [] if options.overwrite else _existing(waiting, run.plan, resume=options.resume)
    if options.dry_run:
        foreseen = foresee(run, finished, existing)
        show(run, foreseen, quiet=options.quiet, json=options.json)
        _refuse(existing, resume=options.resume)
        return FAILED if any(each.error for each in foreseen) else OK
    _refuse(existing, resume=options.resume)
    leave_on_signals()
    reporter = Reporter(
        run.plan,
        len(run.jobs),
        len(waiting),
        quiet=options.quiet,
        json=options.json,
        verbose=is_verbose(),
    )
    with reporter:
        for note in run.notes:
            reporter.note(note)
        for notice in run.notices:
            reporter.note(f"s2st: {notice}")
        for job, changed in finished.items():
            reporter.finished_before(job, changed)
        for job in waiting:
            if job.refusal:
                reporter.failed(job, S2stError(job.refusal))
        possible = [job for job in waiting if not job.refusal]
        # Standard input is this process's alone.
        piped = [job for job in possible if job.input.path is None]
        files = [job for job in possible if job.input.path is not None]
        _run(piped, Here(), run, reporter)
        for jobs, how in _shares(files, options):
            _run(jobs, how, run, reporter)
    return FAILED if reporter.failures else OK


def _shares(files: Sequence[Job], options: FileOptions) -> Iterator[tuple[Sequence[Job], How]]:
    """How each is run: several at once of an engine that computes them together as streams of one
    process, of another in a process each."""
    count = options.jobs
    if options.ray is not None:
        yield files, Ray(count, options.ray)
    elif count == 1 or len(files) == 1:
        yield files, Here()
    else:
        for engine in dict.fromkeys(job.engine for job in files if job.batches):
            yield [job for job in files if job.engine == engine], Streams(count)
        yield [job for job in files if not job.batches], Processes(count)


def _run(jobs: Sequence[Job], how: How, run: Assembled, reporter: Reporter) -> None:
    if not jobs:
        return
    plan, events = run.plan, run.plan.event_records or len(run.jobs) == 1
    if isinstance(how, Ray):  # its processes stand in other folders
        plan = replace(plan, trace=plan.trace and plan.trace.absolute())
        jobs = [job.at_absolute_paths() for job in jobs]
    work = FileWork(plan, partial(set_verbose, plan.verbose), events, sample=jobs[0])
    clean_up = remove_leftovers if isinstance(how, Ray) else abandon
    try:
        run_tasks(jobs, work, how, reporter)
    finally:  # what was left by tasks that could not be waited for
        for job in jobs:
            clean_up(job, plan)


def _check_inputs_are_safe(run: Assembled) -> None:
    """No output may take the place of an input, whatever was asked."""
    named = [path for job in run.jobs for path in (job.input.path, job.input.manifest)]
    inputs = {really(path) for path in named if path is not None}
    trace = really(run.plan.trace) if run.plan.trace is not None else None
    if trace in inputs:
        raise UsageError(f"--trace would write over the input '{run.plan.trace}'.")
    for job in run.jobs:
        for path in job.outputs(run.plan).values():
            if really(path) in inputs:
                raise UsageError(
                    f"'{job.input.label}' would be written over the input '{path}'.",
                    hint="Name another folder with --output.",
                )
            if really(path) == trace:
                raise UsageError(f"--trace '{run.plan.trace}' is the name of a result.")


def _existing(jobs: Sequence[Job], plan: BatchPlan, *, resume: bool) -> list[Path]:
    """What is in the way of results; with `resume`, what s2st did not write itself."""
    existing = [path for job in jobs for path in job.outputs(plan).values() if is_there(path)]
    if plan.trace is not None and is_there(plan.trace) and jobs:
        existing.append(plan.trace)
    if resume:
        ours = {folder: Journal(folder).outputs() for folder in {path.parent for path in existing}}
        return [path for path in existing if path.name not in ours[path.parent]]
    return existing


def _refuse(existing: Sequence[Path], *, resume: bool) -> None:
    """Raise a `UsageError` where something would be replaced that nobody said may be."""
    if existing:
        hint = "--resume goes on with what is not finished, --overwrite replaces all."
        if resume:
            hint = "s2st has no record of writing it. --overwrite replaces it."
        others = f" and {len(existing) - 1} more exist" if len(existing) > 1 else " exists"
        raise UsageError(f"'{existing[0]}'{others} already.", hint=hint)


def _finished(run: Assembled) -> dict[Job, list[str]]:
    """Jobs that an earlier run finished from the same bytes with the same options, and the names of
    results that somebody changed since."""
    journals: dict[Path, Journal] = {}
    finished: dict[Job, list[str]] = {}
    for job in run.jobs:
        path, folder = job.input.path, job.input.folder
        if path is None or job.refusal or not is_file(path):
            continue
        if run.plan.trace is not None and not is_there(run.plan.trace):
            continue  # it is wanted, and only running makes it
        journal = journals.setdefault(folder, Journal(folder))
        names = {output.name for output in job.outputs(run.plan).values()}
        if not names <= journal.outputs():
            continue
        try:
            now = digest(path)
        except SoundFileError:  # running it says so
            continue
        if journal.finished(now, job.fingerprint(run.plan), names):
            finished[job] = [name for name in sorted(names) if journal.is_changed(name)]
    return finished

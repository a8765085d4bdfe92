"""From options to what will run: inputs, languages, engines, one job for each recording."""

from dataclasses import dataclass, replace
from pathlib import Path

from audio_io.errors import S2stError, UsageError
from cli.file.command import FileOptions
from cli.file.inputs import Input, InputOptions, find_inputs
from cli.file.job import FORMATS, WAV, FilePlan, Job
from cli.options.voices import check_voices, read_voices
from cli.terminal.verbosity import is_verbose
from engine.errors import LanguageError
from engine.languages import LANGUAGES, resolve_language
from engine.registry import Choice, choose_engine

ANY_SOURCE = "auto"
"""Leaves it to the engine which language is spoken."""
DEFAULT_SOURCE = "eng"
DEFAULT_TARGET = "eng"
DEFAULT_TARGET_OF_ENGLISH = "spa"


@dataclass(slots=True)
class Assembled:
    """A run, ready to start."""

    plan: FilePlan
    jobs: list[Job]
    notes: list[str]
    """What was chosen and why."""
    notices: list[str]
    """What must be known about the engines."""
    errors: list[S2stError]
    """Why jobs were refused."""


def assemble(options: FileOptions) -> Assembled:
    """Raises a `UsageError` for what can never work, an `EngineError` for what is missing."""
    plan = _plan(options)
    inputs = find_inputs(options.inputs, InputOptions(options.output, options.audio_root))
    if plan.raw_rate_hz is not None and all(item.path is not None for item in inputs):
        raise UsageError("--rate is for raw sound on standard input.", hint="Add the input `-`.")
    assembled = Assembled(plan, [], [], [], [])
    if plan.trace == Path("-"):
        raise UsageError("--trace takes the name of a file, not -.")
    if plan.trace is not None and len(inputs) > 1:
        raise UsageError("--trace is of one recording.", hint="Name one input.")
    asked = _Asked(options)
    chosen: dict[tuple[str, tuple[str, ...]], Choice | S2stError] = {}
    for item in inputs:
        assembled.jobs.append(_job(item, asked, assembled, chosen))
    if all(job.refusal for job in assembled.jobs):
        # Nothing can run: this is one error, not one for each recording.
        raise assembled.errors[0]
    check_voices(plan.speakers, [job.targets for job in assembled.jobs if not job.refusal])
    for spec in [each.spec for each in chosen.values() if isinstance(each, Choice)]:
        options.engine_options.refuse_what_means_nothing(spec)
    if any(isinstance(each, Choice) for each in chosen.values()):
        assembled.notes.extend(options.engine_options.notes)
    used = {each.spec.name: each.spec for each in chosen.values() if isinstance(each, Choice)}
    assembled.notices.extend(spec.notice for spec in used.values() if spec.notice)
    return assembled


def _plan(options: FileOptions) -> FilePlan:
    unknown = [form for form in options.formats if form not in FORMATS]
    if unknown or not options.formats:
        raise UsageError(
            f"No format is called '{' '.join(unknown)}'.", hint=f"There is: {', '.join(FORMATS)}."
        )
    if options.resume and options.overwrite:
        raise UsageError("--resume keeps what --overwrite replaces.", hint="Give one of them.")
    mix_db = options.mix_original_db
    if mix_db is not None and WAV not in options.formats:
        if "mix_original_db" in options.given:
            raise UsageError("--mix-original needs the format wav.", hint="Add it to --format.")
        mix_db = None
    timeline = (options.timeline or mix_db is not None) and WAV in options.formats
    if timeline:
        _require_stretch()
    return FilePlan(
        formats=options.formats,
        timeline=timeline,
        mix_original_db=mix_db,
        min_confidence=options.min_confidence,
        partials=options.partials and ("jsonl" in options.formats or options.json),
        load_options=options.engine_options.load_options(options.voice_detector, options.agent),
        policy_values={
            **options.engine_options.policy,
            **({"trace": True} if options.trace else {}),
        },
        speakers=read_voices(options.engine_options.speakers),
        trace=options.trace,
        raw_rate_hz=options.raw_rate_hz,
        event_records=options.json,
        verbose=is_verbose(),
    )


def _require_stretch() -> None:
    from audio_io.stretch import stretch_available

    if not stretch_available():
        raise S2stError(
            "--timeline speeds speech up with libsonic, which is not installed.",
            hint="Type: sudo apt install libsonic0",
        )


class _Asked:
    """The languages of the command line and of the configuration."""

    def __init__(self, options: FileOptions) -> None:
        source = _source(options.source)
        targets = tuple(dict.fromkeys(_language(target) for target in options.targets))
        self.engine = options.engine
        self.source = source if "source" in options.given else None
        self.targets = targets if "targets" in options.given else ()
        self.configured_source = source
        self.configured_targets = targets


def _job(
    item: Input,
    asked: _Asked,
    assembled: Assembled,
    chosen: dict[tuple[str, tuple[str, ...]], Choice | S2stError],
) -> Job:
    """One recording's languages and engine. A row of a manifest may ask for what cannot be done;
    that is this row's failure."""
    source, targets, engine = asked.source, asked.targets, asked.engine
    try:
        if source is None and item.source:
            source = _language(item.source)
        if not targets and item.target:
            targets = (_language(item.target),)
    except S2stError as error:
        return _refused(Job(item, engine, "", ()), error, assembled)
    if source is None:
        configured = asked.configured_source
        source = DEFAULT_SOURCE if configured is None else configured
        if source:
            _note_once(f"--src not given: taking {_named(source)}", assembled.notes)
    if not targets:
        default = DEFAULT_TARGET_OF_ENGLISH if source == "eng" else DEFAULT_TARGET
        targets = asked.configured_targets or (default,)
        taken = " and ".join(_named(target) for target in targets)
        _note_once(f"--tgt not given: taking {taken}", assembled.notes)
    if len(targets) > 1:  # the transcript is written anyway
        targets = tuple(target for target in targets if target != source)
    job = Job(item, engine, source, targets)
    if not job.outputs(assembled.plan):
        text_only = UsageError(
            f"{_named(source)} to itself is text only.", hint="Add srt or txt to --format."
        )
        return _refused(job, text_only, assembled)
    if (source, targets) not in chosen:
        chosen[source, targets] = _choose(job, assembled)
    choice = chosen[source, targets]
    if isinstance(choice, S2stError):
        return _refused(job, choice, assembled)
    spec = choice.spec
    job = replace(
        job,
        engine=spec.name,
        tells_source=spec.tells_source,
        batches=spec.batches,
        unspoken=choice.unspoken,
    )
    if not job.outputs(assembled.plan):
        names = " and ".join(_named(target) for target in choice.unspoken)
        text_only = LanguageError(
            f"T{spec.title[1:]} only writes {names}.", hint="Add srt or txt to --format."
        )
        return _refused(job, text_only, assembled)
    return job


def _refused(job: Job, error: S2stError, assembled: Assembled) -> Job:
    assembled.errors.append(error)
    return replace(job, refusal=str(error))


def _choose(job: Job, assembled: Assembled) -> Choice | S2stError:
    try:
        plan = assembled.plan
        choice = choose_engine(job.engine, job.request(plan), options=plan.load_options)
        choice.spec.policy("file", plan.policy_values)  # says what it cannot do
    except S2stError as error:
        return error
    notes = [f"engine: {choice.spec.name} ({choice.why})"]
    for target in job.targets:
        if target in choice.spec.remarks and not job.transcribes:
            notes.append(f"{_named(target)}: {choice.spec.remarks[target]}")
        if target in choice.unspoken:
            notes.append(f"{_named(target)}: text only, {choice.spec.name} has no voice for it")
    for note in notes:
        _note_once(note, assembled.notes)
    return choice


def _source(text: str | None) -> str | None:
    """None where none is given; empty where it is left to the engine."""
    if text == ANY_SOURCE:
        return ""
    return _language(text) if text else None


def _language(text: str) -> str:
    return resolve_language(text).code


def _named(code: str) -> str:
    return f"{LANGUAGES[code].name} ({code})"


def _note_once(note: str, notes: list[str]) -> None:
    if note not in notes:
        notes.append(note)

"""From options to what will run: inputs, languages, engines, one job for each recording."""

from dataclasses import dataclass, replace
from pathlib import Path

from audio_io.errors import S2stError, UsageError
from cli.file.command import FileOptions
from cli.file.inputs import InputOptions, find_inputs
from cli.options.shared import unclear_words
from cli.options.wording import worded
from cli.terminal.verbosity import is_verbose
from engine.agent import Task
from engine.batch.job import FORMATS, WAV, BatchPlan, Input, Job
from engine.errors import LanguageError
from engine.hearing.which_sound import sound_choice
from engine.registry.ask import (
    DEFAULT_SOURCE,
    Asked,
    Called,
    Speak,
    Wish,
    ask,
    check_voices,
    named,
    read_voices,
)

CALLED = Called(source="--src", targets="--tgt")
SPEAKER = "--speaker"


@dataclass(slots=True)
class Assembled:
    """A run, ready to start."""

    plan: BatchPlan
    jobs: list[Job]
    notes: list[str]
    """What was chosen and why."""
    notices: list[str]
    """What must be known about the engines."""


def assemble(options: FileOptions) -> Assembled:
    """Raises a `UsageError` for what can never work, an `EngineError` for what is missing."""
    plan = _plan(options)
    notes: list[str] = []
    inputs = find_inputs(
        options.inputs,
        InputOptions(options.output, options.audio_root, options.allow_addresses),
        notes,
    )
    sound = sound_choice(options.sound.track, options.sound.channel)
    inputs = [replace(item, sound=sound.over(item.sound)) for item in inputs]
    if plan.raw_rate_hz is not None and all(item.path is not None for item in inputs):
        raise UsageError("--rate is for raw sound on standard input.", hint="Add the input `-`.")
    if "audio_root" in options.given and all(item.manifest is None for item in inputs):
        raise UsageError("--audio-root is the folder of a manifest's recordings, and none is here.")
    if plan.trace == Path("-"):
        raise UsageError("--trace takes the name of a file, not -.")
    if plan.trace is not None and len(inputs) > 1:
        raise UsageError("--trace is of one recording.", hint="Name one input.")
    planner = _Planner(options, plan)
    jobs = [planner.job(item) for item in inputs]
    if all(job.refusal for job in jobs):
        # Nothing can run: this is one error, not one for each recording.
        raise planner.errors[0]
    targets = [job.request.targets for job in jobs if job.request is not None]
    check_voices(plan.speakers, targets, SPEAKER)
    used = {asked.spec.name: asked.spec for asked in planner.asked}
    for spec in used.values():
        options.engine_options.refuse_what_means_nothing(spec)
        options.engine_options.check_device(spec, options.ray)
    about_speech = (
        {"timeline", "mix_original_db", "mux"} & options.given if plan.timeline else set()
    )
    if about_speech and not any(form == WAV for job in jobs for _, form in job.outputs(plan)):
        raise UsageError(f"⟦{min(about_speech)}⟧ is about speech, and nothing is spoken here.")
    notes += [note for asked in planner.asked for note in asked.notes]
    notes += options.engine_options.notes
    notices = [spec.notice for spec in used.values() if spec.notice]
    return Assembled(plan, jobs, list(dict.fromkeys(notes)), notices)


def _plan(options: FileOptions) -> BatchPlan:
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
    if options.mux and WAV not in options.formats:
        raise UsageError("--mux needs the format wav.", hint="Add it to --format.")
    if "timeline" in options.given and options.timeline and WAV not in options.formats:
        raise UsageError("--timeline places speech.", hint="Add wav to --format.")
    shows_partials = "jsonl" in options.formats or options.json
    if "partials" in options.given and options.partials and not shows_partials:
        raise UsageError("--partials go into jsonl and --json.", hint="Add jsonl to --format.")
    timeline = (options.timeline or options.mux or mix_db is not None) and WAV in options.formats
    if timeline:
        _require_stretch()
    return BatchPlan(
        formats=options.formats,
        timeline=timeline,
        mix_original_db=mix_db,
        mux=options.mux,
        min_confidence=options.min_confidence,
        unclear=unclear_words(options.unclear),
        partials=options.partials and shows_partials,
        load_options=options.engine_options.load_options(options.voice_detector, options.agent),
        policy_values={
            **options.engine_options.policy,
            **({"trace": True} if options.trace else {}),
        },
        speakers=read_voices(options.engine_options.speakers, SPEAKER),
        trace=options.trace,
        raw_rate_hz=options.raw_rate_hz,
        keeps_changes=options.resume,
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


class _Planner:
    """Finds each recording's languages and engine; those of the same languages ask once."""

    def __init__(self, options: FileOptions, plan: BatchPlan) -> None:
        self._options = options
        self._plan = plan
        self.errors: list[S2stError] = []
        """Why jobs were refused."""
        self._by_words: dict[tuple[str | None, str | None], Asked | S2stError] = {}

    @property
    def asked(self) -> list[Asked]:
        return [each for each in self._by_words.values() if isinstance(each, Asked)]

    def job(self, item: Input) -> Job:
        """A row of a manifest may ask for what cannot be done; that is this row's failure."""
        if self._plan.mux and item.path is None:
            once = UsageError(
                f"--mux reads a recording twice, which {item.label} does not allow.",
                hint="Save it to a file first.",
            )
            return self._refused(item, once)
        words = (item.source, item.target)
        if words not in self._by_words:
            try:
                self._by_words[words] = ask(self._wish(*words))
            except S2stError as error:
                self._by_words[words] = error
        found = self._by_words[words]
        if isinstance(found, S2stError):
            return self._refused(item, found)
        spec, request = found.spec, found.request
        job = Job(item, spec.name, request, "", spec.tells_source, spec.batches)
        if job.outputs(self._plan):
            return job
        if request.task is Task.ASR:
            seen: S2stError = UsageError(f"{named(request.targets[0])} to itself is text only.")
        else:
            names = " and ".join(map(named, request.targets))
            seen = LanguageError(f"T{spec.title[1:]} only writes {names}.")
        seen.hint = "Add srt or txt to --format."
        return self._refused(item, seen)

    def _wish(self, source: str | None, target: str | None) -> Wish:
        """The command line wins over a row of a manifest, and a row over the configuration."""
        options, plan = self._options, self._plan
        named_targets = options.targets if "targets" in options.given else ()
        return Wish(
            CALLED,
            source=(options.source if "source" in options.given else None) or source,
            targets=named_targets or ((target,) if target else ()),
            default_source=options.source or DEFAULT_SOURCE,
            default_targets=options.targets,
            engine=options.engine,
            speak=Speak.EVERY if WAV in plan.formats else Speak.NONE,
            partials=plan.partials,
            min_confidence=plan.min_confidence,
            unclear=plan.unclear,
            voices=plan.speakers,
            load_options=plan.load_options,
            policy=plan.policy_values,
        )

    def _refused(self, item: Input, error: S2stError) -> Job:
        self.errors.append(error)
        return Job(item, self._options.engine, None, worded(str(error)))

"""What `s2st live` was asked, and what will run: languages and engine. Opens nothing."""

from dataclasses import dataclass, replace

from audio_io.errors import S2stError, UsageError
from cli.file.plan import ANY_SOURCE, DEFAULT_SOURCE, DEFAULT_TARGET, DEFAULT_TARGET_OF_ENGLISH
from cli.live.command import LiveOptions
from cli.options.voices import check_voices, chosen_voices, read_voices
from engine.agent import StreamRequest, Task
from engine.errors import LanguageError
from engine.languages import language_name, resolve_language
from engine.registry import Choice, EngineSpec, LoadOptions, choose_engine

NO_SPEECH = "none"


@dataclass(frozen=True, slots=True)
class LivePlan:
    """What will run."""

    options: LiveOptions
    spec: EngineSpec
    load_options: LoadOptions
    request: StreamRequest
    spoken: str | None
    """The target that is heard; None when there is only text."""
    swapped: StreamRequest | None
    """The request with source and first target exchanged; None where the engine cannot do that."""
    notes: tuple[str, ...]
    """What was chosen and why."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Every language that is written: the source, and the targets."""
        source = self.request.source
        return tuple(dict.fromkeys([*((source,) if source else ()), *self.request.targets]))


def plan_live(options: LiveOptions) -> LivePlan:
    """Raises a `UsageError` for what can never work, an `EngineError` for what is missing."""
    notes: list[str] = []
    source: str | None = None
    if options.source != ANY_SOURCE:
        source = resolve_language(options.source).code if options.source else DEFAULT_SOURCE
    if not options.source and source is not None:
        notes.append(f"--src not given: taking {language_name(source)} ({source})")
    targets = tuple(dict.fromkeys(resolve_language(target).code for target in options.targets))
    if not targets:
        targets = (DEFAULT_TARGET_OF_ENGLISH if source == "eng" else DEFAULT_TARGET,)
        notes.append(f"--tgt not given: taking {language_name(targets[0])} ({targets[0]})")
    if len(targets) > 1:  # what is heard is shown anyway
        targets = tuple(target for target in targets if target != source)
    speak = NO_SPEECH if options.no_speech else options.speak
    spoken = _spoken(speak, source, targets)
    voices = read_voices(options.engine_options.speakers)
    check_voices(voices, [targets])
    request = StreamRequest(
        source=source,
        targets=targets,
        task=_task(source, targets, spoken),
        spoken=(spoken,) if spoken else (),
        live=True,
        partials=not options.plain,
        min_confidence=options.min_confidence,
        speakers=chosen_voices(voices, targets),
    )
    load_options = options.engine_options.load_options(options.voice_detector, options.agent)
    choice = choose_engine(options.engine, request, options=load_options)
    notes.append(f"engine: {choice.spec.name} ({choice.why})")
    if choice.unspoken:
        _unspoken(speak, choice, notes)
        spoken = None
        request = replace(request, task=_task(source, targets, spoken), spoken=())
    options.engine_options.refuse_what_means_nothing(choice.spec)
    notes.extend(options.engine_options.notes)
    # Whoever talks by hand waits for the whole of it, as for a recording.
    mode = "file" if options.push_to_talk else "live"
    request = replace(request, policy=choice.spec.policy(mode, options.engine_options.policy))
    for target in targets:
        if target in choice.spec.remarks and request.task is not Task.ASR:
            notes.append(f"{language_name(target)} ({target}): {choice.spec.remarks[target]}")
    swapped = _swapped(request, choice.spec, load_options)
    return LivePlan(options, choice.spec, load_options, request, spoken, swapped, tuple(notes))


def without_speech(plan: LivePlan) -> LivePlan:
    """The same, as text only."""
    request = replace(
        plan.request, task=_task(plan.request.source, plan.request.targets, None), spoken=()
    )
    swapped = None
    if plan.swapped is not None:
        task = _task(plan.swapped.source, plan.swapped.targets, None)
        swapped = replace(plan.swapped, task=task, spoken=())
    return replace(plan, request=request, swapped=swapped, spoken=None)


def _spoken(asked: str | None, source: str | None, targets: tuple[str, ...]) -> str | None:
    if source is not None and targets == (source,):
        if asked not in (None, NO_SPEECH):
            raise UsageError(
                f"{language_name(source)} to itself is text only.", hint="Leave out --speak."
            )
        return None
    if asked is None:
        return targets[0]
    if asked == NO_SPEECH:
        return None
    wanted = resolve_language(asked).code
    if wanted not in targets:
        raise UsageError(
            f"--speak {asked} is none of the targets: {', '.join(targets)}.",
            hint=f"Add it to --tgt, or give --speak {NO_SPEECH}.",
        )
    return wanted


def _unspoken(asked: str | None, choice: Choice, notes: list[str]) -> None:
    """The engine only writes what was to be spoken: an error for whoever asked for it."""
    [target] = choice.unspoken
    name = f"{language_name(target)} ({target})"
    if asked is not None:
        raise LanguageError(
            f"T{choice.spec.title[1:]} has no voice for {name}.",
            hint=f"Give --speak {NO_SPEECH}.",
        )
    notes.append(f"{name}: text only, {choice.spec.name} has no voice for it")


def _task(source: str | None, targets: tuple[str, ...], spoken: str | None) -> Task:
    if targets == (source,):
        return Task.ASR
    return Task.S2ST if spoken else Task.S2TT


def _swapped(
    request: StreamRequest, spec: EngineSpec, load_options: LoadOptions
) -> StreamRequest | None:
    if len(request.targets) != 1 or request.source is None or request.task is Task.ASR:
        return None
    swapped = replace(
        request,
        source=request.targets[0],
        targets=(request.source,),
        spoken=(request.source,) if request.spoken else (),
    )
    try:
        if spec.uncovered(swapped) or spec.missing(swapped, load_options):
            return None
    except S2stError:
        return None
    return swapped

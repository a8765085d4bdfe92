"""`ask`: from what somebody wishes, in words, to an engine and the stream that is asked of it.

The one planner. Commands and servers differ only in what they call things, which is `Called`.
"""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from audio_io.errors import S2stError, UsageError
from engine.agent import StreamRequest, Task, Unclear
from engine.errors import LanguageError
from engine.languages import language_name, resolve_language
from engine.registry.choose import AUTO, choose_engine
from engine.registry.spec import EngineSpec, LoadOptions

ANY_SOURCE = "auto"
"""Leaves it to the engine which language is spoken."""
DEFAULT_SOURCE = "eng"
DEFAULT_TARGET = "eng"
DEFAULT_TARGET_OF_ENGLISH = "spa"
THE_ONLY_ONE = ""
"""Stands for the target of a voice, where there is one."""


class Speak(enum.Enum):
    """Which of the targets are spoken, where none is named."""

    EVERY = enum.auto()
    FIRST = enum.auto()
    NONE = enum.auto()


@dataclass(frozen=True, slots=True)
class Called:
    """What things are called where a wish comes from, for notes and errors."""

    source: str
    targets: str
    speak: str = ""
    for_text_only: str = ""
    """What to do for text alone."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wishes. Languages are names or codes, as people write them."""

    called: Called
    source: str | None = None
    """None takes the default; `ANY_SOURCE` leaves it to the engine."""
    targets: tuple[str, ...] = ()
    default_source: str = DEFAULT_SOURCE
    """Taken where there is no source, and remarked on."""
    default_targets: tuple[str, ...] = ()
    """Taken where there are no targets. Empty: Spanish of English, and English of the rest."""
    engine: str = AUTO
    speak: Speak | str = Speak.EVERY
    """Or one of them by name."""
    insists: bool = False
    """Whether speech that cannot be had is an error, and not text with a remark."""
    task: Task | None = None
    """None: what languages and speech come to."""
    live: bool = False
    partials: bool = True
    min_confidence: float | None = None
    unclear: Unclear = Unclear.MARK
    voices: Mapping[str, str] = field(default_factory=dict)
    """Of `read_voices`."""
    load_options: LoadOptions = field(default_factory=LoadOptions)
    mode: str = "file"
    """Whose policy of the engine's it starts from: that of `file` or of `live`."""
    policy: Mapping[str, Any] = field(default_factory=dict)
    """Fields of it, by name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An engine, and what is asked of it."""

    spec: EngineSpec
    request: StreamRequest
    notes: tuple[str, ...]
    """What was chosen and why."""


def ask(wish: Wish) -> Asked:
    """Chooses languages, engine, voices and policy. Loads nothing.

    Raises:
        UsageError: what can never be done; a `LanguageError` for languages nobody covers.
        EngineError: something is missing on this machine.
    """
    notes: list[str] = []
    request = _request(wish, notes)
    choice = choose_engine(wish.engine, request, options=wish.load_options)
    spec = choice.spec
    notes.append(f"engine: {spec.name} ({choice.why})")
    if choice.unspoken:
        if wish.insists:
            raise LanguageError(
                f"T{spec.title[1:]} has no voice for {_all_named(choice.unspoken)}.",
                hint=wish.called.for_text_only,
            )
        request = request.without_speech_of(choice.unspoken)
        if not request.spoken:
            request = without_speech(request)
    request = replace(request, policy=spec.policy(wish.mode, wish.policy))
    for target in request.targets:
        if target in spec.remarks and request.task is not Task.ASR:
            notes.append(f"{named(target)}: {spec.remarks[target]}")
        if target in choice.unspoken:
            notes.append(f"{named(target)}: text only, {spec.name} has no voice for it")
    return Asked(spec, request, tuple(notes))


def _request(wish: Wish, notes: list[str]) -> StreamRequest:
    source = _code(wish.source or wish.default_source)
    if not wish.source and source is not None:
        notes.append(f"{wish.called.source} not given: taking {named(source)}")
    targets = _codes(wish.targets)
    if not targets:
        default = DEFAULT_TARGET_OF_ENGLISH if source == "eng" else DEFAULT_TARGET
        targets = _codes(wish.default_targets) or (default,)
        notes.append(f"{wish.called.targets} not given: taking {_all_named(targets)}")
    if len(targets) > 1:  # what is heard is written anyway
        targets = tuple(target for target in targets if target != source)
    spoken = _spoken(wish, source, targets)
    task = Task.S2TT if spoken == () else Task.S2ST
    return StreamRequest(
        source=source,
        targets=targets,
        task=wish.task or (Task.ASR if targets == (source,) else task),
        spoken=spoken,
        live=wish.live,
        partials=wish.partials,
        min_confidence=wish.min_confidence,
        unclear=wish.unclear,
        speakers=_voices_of(wish.voices, targets),
    )


def _spoken(wish: Wish, source: str | None, targets: tuple[str, ...]) -> tuple[str, ...] | None:
    """The targets of which speech is wanted, as a `StreamRequest` has them."""
    if wish.speak is Speak.EVERY:
        return None
    if source is not None and targets == (source,):
        if isinstance(wish.speak, str):
            raise UsageError(
                f"{language_name(source)} to itself is text only.",
                hint=f"Leave out {wish.called.speak}.",
            )
        return ()
    if wish.speak is Speak.NONE:
        return ()
    if isinstance(wish.speak, Speak):
        return targets[:1]
    wanted = resolve_language(wish.speak).code
    if wanted not in targets:
        raise UsageError(
            f"{wish.called.speak} {wish.speak} is none of the targets: {', '.join(targets)}.",
            hint=f"Add it to {wish.called.targets}, or give {wish.called.speak} none.",
        )
    return (wanted,)


def without_speech(request: StreamRequest) -> StreamRequest:
    """The same, as text only."""
    task = Task.ASR if request.targets == (request.source,) else Task.S2TT
    return replace(request, task=task, spoken=())


def swapped(asked: Asked, options: LoadOptions) -> StreamRequest | None:
    """The request with source and target exchanged; None where the engine cannot do that."""
    request, spec = asked.request, asked.spec
    if len(request.targets) != 1 or request.source is None or request.task is Task.ASR:
        return None
    around = replace(
        request,
        source=request.targets[0],
        targets=(request.source,),
        spoken=(request.source,) if request.spoken else (),
    )
    try:
        return None if spec.uncovered(around) or spec.missing(around, options) else around
    except S2stError:
        return None


def read_voices(words: Iterable[str], called: str) -> dict[str, str]:
    """Voices by target, of words such as `spa=NAME` or `NAME`. Raises a `UsageError` for what
    cannot be meant."""
    voices: dict[str, str] = {}
    for word in words:
        name, has_language, voice = word.rpartition("=")
        language = resolve_language(name).code if has_language else THE_ONLY_ONE
        if not voice:
            raise UsageError(f"{called} {word} names no voice.")
        if voices.setdefault(language, voice) != voice:
            whom = language_name(language) if language else "the same target"
            raise UsageError(f"{called} gives {whom} two voices: {voices[language]} and {voice}.")
    return voices


def check_voices(
    voices: Mapping[str, str], targets: Iterable[tuple[str, ...]], called: str
) -> None:
    """Raise a `UsageError` for voices that none of the streams with these targets will use."""
    every = list(targets)
    for language, voice in voices.items():
        if language and not any(language in each for each in every):
            raise UsageError(
                f"{called} {language}={voice}: {language_name(language)} is none of the targets."
            )
        if not language and any(len(each) != 1 for each in every):
            example = next(each for each in every if len(each) != 1)[0]
            raise UsageError(
                f"{called} {voice} does not say of which target.",
                hint=f"For example {called} {example}={voice}.",
            )


def _voices_of(voices: Mapping[str, str], targets: tuple[str, ...]) -> dict[str, str]:
    """The voices of one stream's targets."""
    chosen = {target: voices[target] for target in targets if target in voices}
    if len(targets) == 1 and THE_ONLY_ONE in voices:
        chosen.setdefault(targets[0], voices[THE_ONLY_ONE])
    return chosen


def named(code: str) -> str:
    """`Spanish (spa)`."""
    return f"{language_name(code)} ({code})"


def _all_named(codes: Iterable[str]) -> str:
    return " and ".join(map(named, codes))


def _code(text: str) -> str | None:
    return None if text == ANY_SOURCE else resolve_language(text).code


def _codes(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(resolve_language(text).code for text in texts))

"""What `s2st live` was asked, and what will run: languages and engine. Opens nothing."""

from dataclasses import dataclass, replace

from audio_io.sound_choice import SoundChoice
from cli.live.command import LiveOptions
from cli.options.shared import unclear_words
from engine.agent import StreamRequest
from engine.hearing.which_sound import sound_choice
from engine.registry import EngineSpec, LoadOptions
from engine.registry.ask import (
    Called,
    Speak,
    Wish,
    ask,
    check_voices,
    read_voices,
    swapped,
    without_speech,
)

NO_SPEECH = "none"
CALLED = Called("--src", "--tgt", "--speak", f"Give --speak {NO_SPEECH}.")
SPEAKER = "--speaker"


@dataclass(frozen=True, slots=True)
class LivePlan:
    """What will run."""

    options: LiveOptions
    spec: EngineSpec
    load_options: LoadOptions
    request: StreamRequest
    swapped: StreamRequest | None
    """The request with source and first target exchanged; None where the engine cannot do that."""
    sound: SoundChoice
    """Which sound of a recording or pipe is heard."""
    notes: tuple[str, ...]
    """What was chosen and why."""

    @property
    def spoken(self) -> str | None:
        """The target that is heard; None when there is only text."""
        return self.request.spoken[0] if self.request.spoken else None

    @property
    def languages(self) -> tuple[str, ...]:
        """Every language that is written: the source, and the targets."""
        source = self.request.source
        return tuple(dict.fromkeys([*((source,) if source else ()), *self.request.targets]))


def plan_live(options: LiveOptions) -> LivePlan:
    """Raises a `UsageError` for what can never work, an `EngineError` for what is missing."""
    engine = options.engine_options
    speak: Speak | str = Speak.FIRST if options.speak is None else options.speak
    if options.no_speech or speak == NO_SPEECH:
        speak = Speak.NONE
    load_options = engine.load_options(options.voice_detector, options.agent)
    voices = read_voices(engine.speakers, SPEAKER)
    asked = ask(
        Wish(
            CALLED,
            source=options.source,
            targets=options.targets,
            engine=options.engine,
            speak=speak,
            insists=isinstance(speak, str),
            live=True,
            partials=not options.plain,
            min_confidence=options.min_confidence,
            unclear=unclear_words(options.unclear),
            voices=voices,
            load_options=load_options,
            # Whoever talks by hand waits for the whole of it, as for a recording.
            mode="file" if options.push_to_talk else "live",
            policy=engine.policy,
        )
    )
    check_voices(voices, [asked.request.targets], SPEAKER)
    engine.refuse_what_means_nothing(asked.spec)
    engine.check_device(asked.spec)
    notes = (*asked.notes, *engine.notes)
    around = swapped(asked, load_options)
    sound = sound_choice(options.sound.track, options.sound.channel)
    return LivePlan(options, asked.spec, load_options, asked.request, around, sound, notes)


def as_text_only(plan: LivePlan) -> LivePlan:
    """The same without speech."""
    around = None if plan.swapped is None else without_speech(plan.swapped)
    return replace(plan, request=without_speech(plan.request), swapped=around)

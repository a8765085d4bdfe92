"""What a batch does: the choices for all recordings, and one job for each."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from audio_io.paths import fitting
from audio_io.sound_choice import ANY_SOUND, SoundChoice
from engine.agent import StreamRequest, Task, Unclear
from engine.registry import LoadOptions
from engine.text.writers import TEXT_FORMATS

WAV = "wav"
VIDEO = "mkv"
"""No format that is asked for by name: speech is put into it beside the picture."""
FORMATS = (WAV, *TEXT_FORMATS)


@dataclass(frozen=True, slots=True)
class Input:
    """One recording to translate."""

    path: Path | None
    """None for what this process has open already, such as standard input."""
    label: str
    """What the user calls it."""
    folder: Path
    """Where its outputs go."""
    stem: str
    """What the names of its outputs start with, as far as there is room for it."""
    source: str | None = None
    """Language of the speech, as a manifest's row says it."""
    target: str | None = None
    manifest: Path | None = None
    """The manifest that lists it."""
    address: str = ""
    """Where it is on the network; empty where it is a path or open already."""
    sound: SoundChoice = ANY_SOUND
    """Which of its sounds is heard."""
    descriptor: int = 0
    """What is open already; 0 is standard input."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """Choices that hold for every recording of a run. Travels to worker processes."""

    formats: tuple[str, ...] = ("wav", "srt")
    timeline: bool = False
    """Whether speech stands where its source stands, instead of one utterance after the other."""
    mix_original_db: float | None = None
    """Level of the original under the translation, in dB; None leaves it out."""
    mux: bool = False
    """Whether speech is also put beside the picture of its recording, as a video."""
    min_confidence: float | None = None
    """None takes the engine's own."""
    unclear: Unclear = Unclear.MARK
    partials: bool = False
    load_options: LoadOptions = field(default_factory=LoadOptions)
    """What the engine is told when it is loaded."""
    policy_values: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the engine's policy that were asked for."""
    speakers: Mapping[str, str] = field(default_factory=dict)
    """Voice by target; under an empty name the voice of the only one."""
    trace: Path | None = None
    """Where every step of the engine is written down."""
    raw_rate_hz: int | None = None
    """Sample rate of raw samples on standard input; None for a file of any kind."""
    keeps_changes: bool = False
    """Whether an output that was there, and that somebody changed since, stays as it is."""
    event_records: bool = False
    """Whether every event is reported."""
    verbose: bool = False
    """Whether worker processes say what goes on inside."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One recording, and what is asked of which engine. Each is itself and no other."""

    input: Input
    engine: str
    request: StreamRequest | None
    """None where nothing can be asked."""
    refusal: str = ""
    """Why it cannot be done at all; empty when it can be tried."""
    tells_source: bool = True
    """Whether the engine also says what it heard."""
    batches: bool = False
    """Whether the engine computes several recordings together."""

    @property
    def transcribes(self) -> bool:
        """Whether the only target is the source: text of the same language, no speech."""
        return self.request is not None and self.request.task is Task.ASR

    def outputs(self, plan: BatchPlan) -> dict[tuple[str, str], Path]:
        """The path of each output by language and format: speech and text of every target, a video
        of each that is spoken if there are to be videos, and the text of the source where the
        engine tells it. A job that is refused has none."""
        request = self.request
        if request is None:
            return {}
        pairs = [
            (target, form)
            for target in request.targets
            for form in plan.formats
            if form != WAV or request.speaks(target)
        ]
        if plan.mux:
            pairs += [(target, VIDEO) for target, form in pairs if form == WAV]
        if self.tells_source and not self.transcribes:
            pairs += [(request.source or "", form) for form in plan.formats if form != WAV]
        return {
            (language, form): self.input.folder / fitting(self.input.stem, f".{language}.{form}")
            for language, form in pairs
        }

    def at_absolute_paths(self) -> "Job":
        """The same, for a process that stands in another folder."""
        path = self.input.path and self.input.path.absolute()
        return replace(
            self, input=replace(self.input, path=path, folder=self.input.folder.absolute())
        )

    def fingerprint(self, plan: BatchPlan) -> str:
        """Of everything but the input that shapes the outputs."""
        assert self.request is not None
        wants_speech = WAV in plan.formats and not self.transcribes
        unspoken = [each for each in self.request.targets if not self.request.speaks(each)]
        shaping = asdict(plan) | {
            "keeps_changes": None,
            "event_records": None,
            "verbose": None,
            "trace": None,
            "policy_values": {**plan.policy_values, "trace": None},
            "formats": sorted(plan.formats),
            "engine": self.engine,
            "source": self.request.source or "",
            "targets": sorted(self.request.targets),
            "sound": asdict(self.input.sound),
            "unspoken": sorted(unspoken) if wants_speech else [],
            "version": version("s2st"),
        }
        words = json.dumps(shaping, default=str)
        return hashlib.blake2b(words.encode(), digest_size=16).hexdigest()

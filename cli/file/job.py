"""What a `s2st file` run does: the choices for all recordings, and one job for each."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cli.file.inputs import Input
from cli.options.voices import chosen_voices
from engine.agent import StreamRequest, Task
from engine.registry import LoadOptions

WAV = "wav"
FORMATS = ("wav", "srt", "vtt", "txt", "jsonl", "tsv")


@dataclass(frozen=True, slots=True)
class FilePlan:
    """Choices that hold for every recording of a run. Travels to worker processes."""

    formats: tuple[str, ...] = ("wav", "srt")
    timeline: bool = False
    """Whether speech stands where its source stands, instead of one utterance after the other."""
    mix_original_db: float | None = None
    """Level of the original under the translation, in dB; None leaves it out."""
    min_confidence: float | None = None
    """None takes the engine's own."""
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
    event_records: bool = False
    """Whether every event is reported, for `--json`."""
    verbose: bool = False
    """Whether worker processes say what goes on inside."""


@dataclass(frozen=True, slots=True)
class Job:
    """One recording, its languages and engine."""

    input: Input
    engine: str
    source: str
    """Empty where it is left to the engine."""
    targets: tuple[str, ...]
    refusal: str = ""
    """Why it cannot be done at all; empty when it can be tried."""
    tells_source: bool = True
    """Whether the engine also says what it heard."""
    batches: bool = False
    """Whether the engine computes several recordings together."""
    unspoken: tuple[str, ...] = ()
    """Targets that the engine only writes."""

    @property
    def transcribes(self) -> bool:
        """Whether the only target is the source: text of the same language, no speech."""
        return self.targets == (self.source,)

    def speaks(self, plan: FilePlan) -> bool:
        return WAV in plan.formats and not self.transcribes

    def outputs(self, plan: FilePlan) -> dict[tuple[str, str], Path]:
        """The path of each output by language and format: speech and text of every target, and
        the text of the source where the engine tells it. A job that is refused has none."""
        if self.refusal:
            return {}
        pairs = []
        if self.transcribes or self.tells_source:
            pairs = [(self.source, form) for form in plan.formats if form != WAV]
        if not self.transcribes:
            pairs = [
                (target, form)
                for target in self.targets
                for form in plan.formats
                if form != WAV or target not in self.unspoken
            ] + pairs
        return {
            (language, form): self.input.folder / f"{self.input.stem}.{language}.{form}"
            for language, form in pairs
        }

    def request(self, plan: FilePlan, policy: object | None = None) -> StreamRequest:
        """The stream this job asks of its engine, with a policy of that engine."""
        request = StreamRequest(
            source=self.source or None,
            targets=self.targets,
            task=Task.ASR if self.transcribes else Task.S2ST if self.speaks(plan) else Task.S2TT,
            partials=plan.partials,
            min_confidence=plan.min_confidence,
            speakers=chosen_voices(plan.speakers, self.targets),
            policy=policy,
        )
        return request.without_speech_of(self.unspoken)

    def fingerprint(self, plan: FilePlan) -> str:
        """Of everything but the input that shapes the outputs."""
        shaping = asdict(plan) | {
            "event_records": None,
            "verbose": None,
            "trace": None,
            "policy_values": {**plan.policy_values, "trace": None},
            "formats": sorted(plan.formats),
            "engine": self.engine,
            "source": self.source,
            "targets": sorted(self.targets),
            "unspoken": sorted(self.unspoken),
            "version": version("s2st"),
        }
        words = json.dumps(shaping, default=str)
        return hashlib.blake2b(words.encode(), digest_size=16).hexdigest()

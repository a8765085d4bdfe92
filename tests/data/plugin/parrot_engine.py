"""An engine of another package, with a setting, a model and a check of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from audio_io.chunk import AudioChunk, Boundary
from engine.agent import Agent, StreamRequest
from engine.events import Event, TargetText, UtteranceEnded
from engine.registry import (
    EngineSpec,
    Finding,
    LoadOptions,
    Missing,
    ModelFile,
    ModelSpec,
    Setting,
)


@dataclass(frozen=True, slots=True)
class ParrotPolicy:
    times: int = 1

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError("times is at least 1")


class Parrot(Agent[AudioChunk, Event, ParrotPolicy]):
    """Says one word, however often it was asked to."""

    def new_state(self, request: StreamRequest) -> ParrotPolicy:
        assert isinstance(request.policy, ParrotPolicy)
        return request.policy

    def step(self, chunk: AudioChunk, state: ParrotPolicy) -> Iterator[Event]:
        if chunk.boundary is Boundary.STREAM:
            yield TargetText(0, "spa", " ".join(["loro"] * state.times), 0.0, 1.0, True)
            yield UtteranceEnded(0, 0.0, 1.0)


def _load(options: LoadOptions) -> Parrot:
    return Parrot()


def _missing(request: StreamRequest, options: LoadOptions) -> list[Missing]:
    return []


def _findings() -> Iterator[Finding]:
    yield Finding("beak of parrot", True, "opens and closes")


def _convert(source: Path, target: Path, progress: Callable[[str, int, int], None]) -> None:
    words = (source / "words.txt").read_text(encoding="utf-8").upper()
    (target / "words.txt").write_text(words, encoding="utf-8")
    progress("words.txt", len(words), len(words))


SPEC = EngineSpec(
    name="parrot",
    summary="says one word",
    sources=frozenset({"eng"}),
    text_targets=frozenset({"spa"}),
    speech_targets=frozenset({"spa"}),
    input_rate_hz=16_000,
    output_rate_hz=16_000,
    load=_load,
    missing=_missing,
    findings=_findings,
    policies={"file": ParrotPolicy(), "live": ParrotPolicy()},
    settings=(Setting("times", int, "How often the word is said (1).", least=1),),
    models=(
        ModelSpec(
            name="parrot-words",
            summary="the word that a parrot says",
            licence="free as a bird",
            formats=("parrot",),
            convert=_convert,
            files=(ModelFile("words.txt", url="http://127.0.0.1:9/words.txt", size_bytes=5),),
        ),
    ),
)

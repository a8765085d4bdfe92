"""What is known of one item of a test set: what was asked, and what came of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audio_io.sound_choice import ANY_SOUND, SoundChoice


@dataclass(frozen=True, slots=True)
class Item:
    """One recording of a test set."""

    index: int
    """Position in the whole test set, from 0; SimulEval's number of it."""
    id: str
    audio: Path
    target: str
    """Language of the reference, ISO 639-3."""
    reference: str | None
    """None where the sentences of a talk have references of their own, or nothing is scored."""
    source_text: str | None = None
    """What is said, where that is known."""
    sound: SoundChoice = ANY_SOUND
    """Which of the recording's sounds is heard."""


@dataclass(frozen=True, slots=True)
class TextOutput:
    """The text written of one recording."""

    text: str
    """As it is read, and scored."""
    units: tuple[str, ...]
    """Words, characters or pieces: what latency is counted in."""
    delays_ms: tuple[float, ...]
    """For each unit: how much of the source had been sent when it was written."""
    elapsed_ms: tuple[float, ...]
    """The same, and all the time the engine had needed until then."""
    erased: int | None = None
    """Units that were shown and taken back; None where nobody looked at unfinished text."""


@dataclass(frozen=True, slots=True)
class SpeechOutput:
    """The speech made of one recording, one entry a chunk."""

    wav: str
    """Path below the output folder; empty when there was no speech. Its sound begins at the
    first delay."""
    sample_rate_hz: int
    delays_ms: tuple[float, ...]
    elapsed_ms: tuple[float, ...]
    durations_ms: tuple[float, ...]

    @property
    def intervals_ms(self) -> tuple[tuple[float, float], ...]:
        """Start and duration of each chunk when it plays as soon as it is there, and none over
        another."""
        return playing(self.delays_ms, self.durations_ms)


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What came of one item. `error` says why nothing did."""

    index: int
    id: str
    audio: str
    target: str
    reference: str | None
    source_text: str | None
    source_ms: float = 0.0
    """Length of the recording."""
    source_rate_hz: int = 0
    """Sample rate the agent heard it at."""
    text: TextOutput | None = None
    """None where no text was asked for."""
    speech: SpeechOutput | None = None
    """None where no speech was asked for."""
    compute_ms: float = 0.0
    """Clock time the engine needed for the whole item."""
    at_once: int = 1
    """How many items were at work then."""
    ran_on: str = ""
    """The machine, and for a foreign agent its Python and SimulEval."""
    lost_ms: float = 0.0
    """Source sound that could not be read."""
    lost: str = ""
    """What of it was lost, in words."""
    taken: str = ""
    """Which of its sounds was heard; empty where there was nothing to choose."""
    unclear: int = 0
    """Marks for words the engine was not sure of, which are no words of the text."""
    error: str = ""


def playing(
    starts_ms: tuple[float, ...], durations_ms: tuple[float, ...]
) -> tuple[tuple[float, float], ...]:
    """Chunks that come at `starts_ms`, each played when the one before is over."""
    intervals = []
    end_ms = 0.0
    for ready_ms, duration_ms in zip(starts_ms, durations_ms, strict=True):
        start_ms = max(ready_ms, end_ms)
        intervals.append((start_ms, duration_ms))
        end_ms = start_ms + duration_ms
    return tuple(intervals)


def from_record(record: dict[str, Any]) -> ItemResult:
    """An item's result from what `dataclasses.asdict` made of it, by way of JSON. Raises
    `ValueError`, `TypeError` or `KeyError` when it is no such thing."""
    fields = dict(record)
    text, speech = fields.pop("text"), fields.pop("speech")
    return ItemResult(
        **fields,
        text=None if text is None else TextOutput(**_tuples(text)),
        speech=None if speech is None else SpeechOutput(**_tuples(speech)),
    )


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }

"""What a decoder hands over: mono sound at whatever rate it was recorded."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from audio_io.chunk import Samples


@dataclass(frozen=True, slots=True, eq=False)
class DecodedBlock:
    samples: Samples
    """float32 in [-1, 1], shape (samples,). Empty only where `lost_s` or `lost_reason` says why."""
    sample_rate_hz: int
    """May change from block to block: some broadcasts do."""
    lost_s: float = 0.0
    """Seconds that should have come just before these samples and could not be read."""
    lost_reason: str = ""
    """Why sound is missing or damaged before these samples; with `lost_s` of 0 nobody knows how
    much it is."""
    late_s: float = 0.0
    """How much later than their place in the stream a player shows these samples; negative:
    earlier."""


class Decoder(Protocol):
    """Reads one recording from its first sample to its last, once."""

    @property
    def duration_s(self) -> float | None:
        """How long the recording says it is, or seems; None when nobody knows beforehand."""

    @property
    def taken(self) -> str:
        """What was heard of a recording that holds more than one sound; empty where there was
        nothing to choose. Known in full at the end."""

    def __iter__(self) -> Iterator[DecodedBlock]:
        """Blocks in order, none longer than a few seconds."""

    def close(self) -> None:
        """Forget the recording. May be called twice."""

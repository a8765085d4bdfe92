"""The shape of a voice."""

from collections.abc import Iterator
from typing import Protocol

from audio_io.chunk import Samples


class Synthesizer(Protocol):
    """Text to speech. Shared by streams."""

    targets: frozenset[str]
    """Languages it speaks, as ISO 639-3 codes."""
    sample_rate_hz: int

    def speak(self, text: str, target: str, speaker: str | None) -> Iterator[Samples]:
        """Sound, piece by piece as it is made. Raises `EngineError` when it cannot."""

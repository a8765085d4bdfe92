"""`AudioChunk`, the one thing that flows between files, and the `Boundary` it may end with."""

import enum
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float32]


class Boundary(enum.Enum):
    """What ends where a chunk ends."""

    NONE = "none"
    UTTERANCE = "utterance"
    STREAM = "stream"
    """The last chunk of a stream. It ends the utterance too, and may hold no samples."""


@dataclass(frozen=True, slots=True, eq=False)
class AudioChunk:
    """A stretch of mono sound.

    Chunks of one stream follow each other: each starts at the `end_sample` of the one before.
    A jump means that the sound between was lost.
    """

    samples: Samples
    """float32 in [-1, 1], shape (samples,). Never written to once the chunk is made."""
    sample_rate_hz: int
    start_sample: int = 0
    """Stream time of the first sample, counted at `sample_rate_hz`."""
    captured_at_s: float | None = None
    """Clock time at which the last sample was captured; None for a file."""
    boundary: Boundary = Boundary.NONE
    """What ends with the last sample."""
    lost_reason: str = ""
    """Why sound is missing before this chunk, where `start_sample` jumps; without a jump, why it is
    damaged there and nobody knows how much."""

    @property
    def end_sample(self) -> int:
        return self.start_sample + len(self.samples)

    @property
    def start_s(self) -> float:
        """Stream time of the first sample, in seconds."""
        return self.start_sample / self.sample_rate_hz

    @property
    def end_s(self) -> float:
        """Stream time just after the last sample, in seconds."""
        return self.end_sample / self.sample_rate_hz

    @property
    def duration_ms(self) -> float:
        return 1000.0 * len(self.samples) / self.sample_rate_hz


def silence(samples: int) -> Samples:
    return np.zeros(samples, dtype=np.float32)

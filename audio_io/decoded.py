"""What a decoder hands over: mono sound at whatever rate it was recorded."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from audio_io.chunk import Samples

_FULL_SCALE = {"uint8": 128.0, "int16": 32768.0, "int32": 2147483648.0}


@dataclass(frozen=True, slots=True, eq=False)
class DecodedBlock:
    samples: Samples
    """float32 in [-1, 1], shape (samples,). Empty only where `lost_s` has something to say."""
    sample_rate_hz: int
    """May change from block to block: some broadcasts do."""
    lost_s: float = 0.0
    """Seconds that should have come just before these samples and could not be read."""


class Decoder(Protocol):
    """Reads one recording from its first sample to its last, once."""

    @property
    def duration_s(self) -> float | None:
        """How long the recording says it is, or seems; None when nobody knows beforehand."""

    def __iter__(self) -> Iterator[DecodedBlock]:
        """Blocks in order, none longer than a few seconds."""

    def close(self) -> None:
        """Forget the recording. May be called twice."""


def mixed_to_mono(data: NDArray[Any]) -> Samples:
    """The mean of all channels, in [-1, 1].

    `data` has shape (channels, samples), and is float or 8 (unsigned), 16 or 32-bit integer.
    NaN and infinity become 0 before they can spread to the other channels or into a filter.
    """
    full_scale = _FULL_SCALE.get(data.dtype.name)
    with np.errstate(over="ignore", invalid="ignore"):
        channels = data.astype(np.float32)
    if full_scale is None:
        np.nan_to_num(channels, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        np.clip(channels, -1.0, 1.0, out=channels)
    else:
        if data.dtype == np.uint8:
            channels -= np.float32(full_scale)
        channels /= np.float32(full_scale)
    mono: Samples = channels[0] if len(channels) == 1 else channels.mean(axis=0)
    return mono

"""Samples as the 16-bit little-endian bytes of pipes, sockets and wav files, and back."""

import numpy as np

from audio_io.chunk import Samples

_FULL_SCALE = 32768


def to_pcm16(samples: Samples) -> bytes:
    """Two bytes a sample. What lies outside [-1, 1] is clipped, and what is no number is 0."""
    scaled = np.nan_to_num(samples * np.float32(_FULL_SCALE), nan=0.0)
    rounded = np.clip(np.rint(scaled), -_FULL_SCALE, _FULL_SCALE - 1)
    data: bytes = rounded.astype("<i2").tobytes()
    return data


def from_pcm16(data: bytes) -> Samples:
    """Samples in [-1, 1), shape (len(data) // 2,).

    Raises:
        ValueError: `data` ends in half a sample.
    """
    if len(data) % 2:
        raise ValueError(f"{len(data)} bytes are not a whole number of 16-bit samples")
    return np.frombuffer(data, dtype="<i2").astype(np.float32) / np.float32(_FULL_SCALE)

"""Where speech pauses: the places at which sound may be cut without cutting a word."""

import numpy as np

from audio_io.chunk import Samples

FRAME_MS = 10
PAUSE_MS = 100
"""The closure of a plosive lasts up to 80 ms; what is longer lies between words."""
QUIET_SHARE = 0.35
"""How far up from the quietest to the loudest frames, in dB, still counts as quiet."""


def levels_db(samples: Samples, sample_rate_hz: int) -> Samples:
    """Level of each whole frame of 10 ms, in dB of full scale, shape (frames,)."""
    size = sample_rate_hz * FRAME_MS // 1000
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    levels: Samples = (10 * np.log10(power + 1e-10)).astype(np.float32)
    return levels


def find_pauses(samples: Samples, sample_rate_hz: int) -> list[int]:
    """The middle of each pause of at least 100 ms, in samples."""
    levels = levels_db(samples, sample_rate_hz)
    if not len(levels):
        return []
    low, high = np.percentile(levels, [5, 95])
    quiet = levels <= low + QUIET_SHARE * (high - low)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet.astype(np.int8), [0]])))
    size = sample_rate_hz * FRAME_MS // 1000
    return [
        int((start + end) // 2 * size)
        for start, end in zip(edges[::2], edges[1::2], strict=True)
        if (end - start) * FRAME_MS >= PAUSE_MS
    ]


def quietest_point(samples: Samples, sample_rate_hz: int) -> int:
    """The middle of the quietest 100 ms, in samples."""
    levels = levels_db(samples, sample_rate_hz)
    width = PAUSE_MS // FRAME_MS
    if len(levels) <= width:
        return len(samples) // 2
    power = np.convolve(10 ** (levels / 10), np.ones(width), mode="valid")
    return (int(np.argmin(power)) + width // 2) * (sample_rate_hz * FRAME_MS // 1000)

"""What an agent may write: text that is text, and speech that can be played."""

import numpy as np

from audio_io.chunk import Samples

LOWEST_RATE_HZ = 1000
HIGHEST_RATE_HZ = 384_000


def check_text(content: object) -> None:
    """Raises a `ValueError` that says what stands in its place."""
    if not isinstance(content, str):
        raise ValueError(f"the agent wrote text that is no str but {type(content).__name__}")


def check_speech(samples: Samples, sample_rate: float) -> int:
    """The rate in Hz. Raises a `ValueError` that says what is wrong with it or with the samples."""
    if sample_rate <= 0:
        raise ValueError("the agent wrote speech without a sample rate")
    rate = f"{sample_rate:.15g} Hz"
    if not LOWEST_RATE_HZ <= sample_rate <= HIGHEST_RATE_HZ:
        raise ValueError(
            f"the agent's speech has a sample rate of {rate}; "
            f"{LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} are possible"
        )
    if sample_rate != int(sample_rate):
        raise ValueError(f"the agent's speech has a sample rate of {rate}, not a whole number")
    if not np.isfinite(samples).all():
        what = "NaN" if np.isnan(samples).any() else "inf"
        raise ValueError(f"the agent wrote speech with {what} in it")
    return int(sample_rate)

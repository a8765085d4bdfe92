"""Sound as SeamlessM4T hears it: normalised filter banks, two frames in one.

Letters: F frames of 10 ms, M mel bins.
"""

import numpy as np
from numpy.typing import NDArray

from audio_io.chunk import Samples
from engine.layers.features import BINS, RATE_HZ, FilterBank

STRIDE = 2
"""Frames that become one."""
SAMPLES_OF_16_BIT = float(2**15)
PAIRS_A_SECOND = 50
PAIRS_A_STATE = 8
"""Pairs of frames that become one state of the encoder."""
LEAST_SAMPLES = RATE_HZ // 10
"""Shorter sound has too few frames to be normalised."""


class Listener:
    """Filter banks of one stream as it comes, not normalised: that takes all that is kept."""

    def __init__(self) -> None:
        self._bank = FilterBank(SAMPLES_OF_16_BIT)
        self._odd: NDArray[np.float32] = np.zeros((0, BINS), np.float32)

    def hear(self, samples: Samples) -> NDArray[np.float32]:
        """The pairs of frames that are complete now, shape (F // 2, 2, M)."""
        frames = np.concatenate([self._odd, self._bank.hear(samples)])
        whole = len(frames) // STRIDE * STRIDE
        self._odd = frames[whole:]
        return frames[:whole].reshape(-1, STRIDE, BINS)


def normalised(pairs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pairs (F // 2, 2, M) with mean 0 and variance 1 in each bin, as the encoder takes them:
    (F // 2, 2 * M)."""
    return _normalised(pairs.reshape(-1, BINS)).reshape(-1, STRIDE * BINS)


def whole_features(samples: Samples) -> NDArray[np.float32]:
    """A whole utterance for the encoder, shape (F // 2, 2 * M).

    Equal to transformers' `SeamlessM4TFeatureExtractor` where its mask is 1: an odd last frame
    counts for the mean and is left out.
    """
    frames = _normalised(FilterBank(SAMPLES_OF_16_BIT).hear(samples))
    whole = len(frames) // STRIDE * STRIDE
    return frames[:whole].reshape(-1, STRIDE * BINS)


def _normalised(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    spread = np.sqrt(frames.var(axis=0, ddof=1, keepdims=True) + 1e-7)
    scaled: NDArray[np.float32] = (frames - frames.mean(axis=0, keepdims=True)) / spread
    return scaled

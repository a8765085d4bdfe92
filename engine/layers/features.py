"""`FilterBank`: log-mel features of a stream of sound, frame by frame as it comes."""

import kaldi_native_fbank
import numpy as np
from numpy.typing import NDArray

from audio_io.chunk import Samples

RATE_HZ = 16_000
BINS = 80
SHIFT_MS = 10


class FilterBank:
    """Kaldi's log-mel filter bank of one stream: 80 bins, windows of 25 ms every 10 ms.

    Samples are in [-1, 1]; neither dither nor normalisation. How the sound is cut into chunks does
    not matter. Equal to the reference's features within 4e-4.
    """

    def __init__(self, scale: float = 1.0) -> None:
        """`scale` is what samples are multiplied by: 2**15 where a model knows 16 bit."""
        options = kaldi_native_fbank.FbankOptions()
        options.frame_opts.dither = 0.0
        options.frame_opts.snip_edges = True
        options.frame_opts.samp_freq = RATE_HZ
        options.mel_opts.num_bins = BINS
        self._fbank = kaldi_native_fbank.OnlineFbank(options)
        self._scale = scale
        self._taken = 0

    def hear(self, samples: Samples) -> NDArray[np.float32]:
        """The frames that are complete now, shape (frames, 80)."""
        if len(samples):
            scaled = samples if self._scale == 1.0 else samples * np.float32(self._scale)
            # The binding takes each number by itself; a list is its fastest way.
            self._fbank.accept_waveform(RATE_HZ, scaled.tolist())
        ready: int = self._fbank.num_frames_ready
        if ready == self._taken:
            return np.zeros((0, BINS), np.float32)
        # What it gives is a view of its own memory, gone once the frames are popped.
        frames = [self._fbank.get_frame(index) for index in range(self._taken, ready)]
        stacked: NDArray[np.float32] = np.stack(frames)
        self._fbank.pop(ready - self._taken)
        self._taken = ready
        return stacked

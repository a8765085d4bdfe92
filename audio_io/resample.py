"""`StreamResampler`: the rate of a stream of sound, changed as it comes."""

import numpy as np
import soxr

from audio_io.chunk import Samples


class StreamResampler:
    """Changes the rate of one stream of mono sound, and remembers where it is in it.

    How the sound is cut into blocks does not change the result. What comes out lags behind what
    went in by the length of soxr's filter, until the last block brings the rest.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if from_hz <= 0 or to_hz <= 0:
            raise ValueError(f"cannot change a rate from {from_hz} to {to_hz} Hz")
        self._stream = (
            None
            if from_hz == to_hz
            else soxr.ResampleStream(from_hz, to_hz, num_channels=1, dtype="float32")
        )
        self._ended = False

    def process(self, samples: Samples, last: bool = False) -> Samples:
        """What is ready after `samples`; with `last`, everything that is left.

        Over a whole stream of n samples, `n * to_hz / from_hz` come out, within one.

        Raises:
            ValueError: the stream has ended already.
        """
        if self._ended:
            raise ValueError("this stream of sound has ended; resample another with a new one")
        self._ended = last
        samples = np.ascontiguousarray(samples, dtype=np.float32)
        if self._stream is None:
            return samples
        resampled: Samples = self._stream.resample_chunk(samples, last=last)
        return resampled

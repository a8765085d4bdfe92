"""`PeakLimited`: a sink whose true peak stays below what players and encoders can take."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from audio_io.chunk import AudioChunk, Samples, silence
from audio_io.ports import AudioSink

CEILING_DB = -1.0
"""The most that EBU R 128 allows of a true peak: dBTP, relative to full scale."""
WINDOW_MS = 20
"""The gain falls before a peak and rises after it within so much time."""
_OVERSAMPLED = 4
_TAPS = 16
"""Of the filters that tell what the sound is between two samples, as ITU-R BS.1770, annex 2."""


class PeakLimited:
    """Hands sound on with a gain of 1, and less around peaks above the ceiling.

        peaks     __|__________||______
        least     --\\___/----\\____/----    the least gain that anything half a window away needs
        gain      ---\\_/------\\__/-----    its mean over the window: nowhere more than is needed

    The gain of a sample depends on what lies within a window of it and on nothing else, so how the
    sound is cut into chunks changes nothing. It is written one window later than it comes.
    """

    def __init__(self, sink: AudioSink, ceiling_db: float = CEILING_DB) -> None:
        self.sample_rate_hz = sink.sample_rate_hz
        self._sink = sink
        self._ceiling = 10.0 ** (ceiling_db / 20.0)
        self._half = max(1, self.sample_rate_hz * WINDOW_MS // 2000)
        self._around = 2 * self._half + _TAPS // 2
        """Samples before and after one that its gain depends on."""
        self._past = silence(self._around)
        """What was written last."""
        self._held = silence(0)
        self._next_sample = 0
        """Where what is held begins."""

    def write(self, chunk: AudioChunk) -> None:
        if chunk.start_sample > self._next_sample + len(self._held):
            self.flush()  # silence lies between: neither reaches the other's peaks
            self._next_sample = chunk.start_sample
        self._held = np.concatenate([self._held, chunk.samples])
        if len(self._held) > self._around:
            self._write(len(self._held) - self._around)

    def flush(self) -> None:
        """Write what is held. More may come."""
        count = len(self._held)
        if count:
            self._held = np.concatenate([self._held, silence(self._around)])
            self._write(count)
        self._past, self._held = silence(self._around), silence(0)

    def close(self) -> None:
        """Write what is held, and close the sink."""
        self.flush()
        self._sink.close()

    def _write(self, count: int) -> None:
        """The first `count` of what is held, behind which lies as much as their gain depends on."""
        whole = np.concatenate([self._past, self._held[: count + self._around]])
        samples = self._held[:count]
        self._sink.write(
            AudioChunk(samples * self._gain(whole), self.sample_rate_hz, self._next_sample)
        )
        self._past = whole[count : count + self._around]
        self._held = self._held[count:]
        self._next_sample += count

    def _gain(self, whole: Samples) -> Samples:
        """Of all but what lies around."""
        peaks = true_peaks(whole)[_TAPS // 2 : -_TAPS // 2]
        if peaks.max() <= self._ceiling:
            return np.ones(len(whole) - 2 * self._around, np.float32)
        needed = np.minimum(1.0, self._ceiling / np.maximum(peaks, 1e-9))
        window = 2 * self._half + 1
        least = sliding_window_view(needed, window).min(axis=1)
        sums = np.cumsum(np.concatenate([[0.0], least]))
        gain: Samples = ((sums[window:] - sums[:-window]) / window).astype(np.float32)
        return gain


def true_peaks(samples: Samples) -> Samples:
    """At each sample the loudest that the sound becomes there or before the next one. The last few
    and the first few lack neighbours."""
    loudest = np.abs(samples)
    places = np.arange(_TAPS) - _TAPS // 2 + 1
    padded = np.concatenate([silence(_TAPS // 2 - 1), samples, silence(_TAPS // 2)])
    for part in range(1, _OVERSAMPLED):
        offsets = places - part / _OVERSAMPLED
        filter_ = np.sinc(offsets) * np.cos(np.pi * offsets / _TAPS) ** 2
        between = np.convolve(padded, (filter_ / filter_.sum())[::-1], "valid")
        loudest = np.maximum(loudest, np.abs(between))
    return loudest.astype(np.float32)

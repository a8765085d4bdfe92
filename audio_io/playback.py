"""`Playback`: what the speaker really played, and when.

The speaker's callback tells of every block that it handed to the device; whoever asks, brings it
up to date. The echo guard compares the microphone with it, the meter reads the times.
"""

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np

from audio_io.chunk import Samples, silence
from audio_io.resample import StreamResampler
from audio_io.ring import BlockRing

KEPT_S = 4.0
"""How far back the played signal can be asked for."""
KEPT_BLOCKS = 2000
"""Of so many blocks the times are known: 40 s."""
SMOOTHED_BLOCKS = 50
"""The device's clock is read off this many blocks: one block's time jumps by as much as it lasts.
"""


@dataclass(frozen=True, slots=True)
class _Played:
    first_frame: int
    """The device's own count, silence included, since the stream was opened."""
    first_sample: int
    """How much speech had been taken before."""
    samples: int
    """How much of it is speech."""


class Playback:
    """History of one output stream. May be asked from any ordinary thread."""

    def __init__(self, played: BlockRing, rate_hz: int, heard_hz: int) -> None:
        """`played` brings the blocks as they left, with the clock time at which each is heard and
        as mark and count how much speech had been taken before and how much of it is speech. The
        signal is kept at `heard_hz`, the microphone's rate."""
        self._played = played
        self._rate_hz = rate_hz
        self._heard_hz = heard_hz
        self._lock = threading.Lock()
        self._blocks: deque[_Played] = deque(maxlen=KEPT_BLOCKS)
        self._offsets_s: deque[float] = deque(maxlen=SMOOTHED_BLOCKS)
        self._started_at_s: float | None = None
        """Clock time of the device's frame 0, as smoothed."""
        self._resampler = StreamResampler(rate_hz, heard_hz)
        self._signal = silence(round(KEPT_S * heard_hz))
        self._next_frame = 0
        self._signal_end = 0
        """How much signal there has been, at `heard_hz`."""

    def around(self, end_at_s: float, samples: int) -> Samples:
        """What was played during the `samples` (at the microphone's rate) before `end_at_s`.

        Zeros where nothing was played, or where it is not known any more.
        """
        with self._lock:
            self._update()
            out = silence(samples)
            if self._started_at_s is None:
                return out
            end = round((end_at_s - self._started_at_s) * self._heard_hz)
            start = end - samples
            size = len(self._signal)
            low = max(start, self._signal_end - size, 0)
            high = min(end, self._signal_end)
            if low < high:
                places = np.arange(low, high) % size
                out[low - start : high - start] = self._signal[places]
            return out

    def heard_at_s(self, sample: int) -> float | None:
        """Clock time at which a sample of speech was heard; None while it is not known to have
        left, or when it was passed over."""
        with self._lock:
            self._update()
            if self._started_at_s is None:
                return None
            for block in reversed(self._blocks):
                inside = sample - block.first_sample
                if 0 <= inside < block.samples:
                    return self._started_at_s + (block.first_frame + inside) / self._rate_hz
            return None

    def update(self) -> None:
        """Take what the callback has told. Must be called at least once a second."""
        with self._lock:
            self._update()

    def _update(self) -> None:
        while (block := self._played.read()) is not None:
            self._bridge(block.first_sample)
            self._blocks.append(_Played(block.first_sample, block.mark, block.count))
            self._offsets_s.append(block.at_s - block.first_sample / self._rate_hz)
            self._keep(self._resampler.process(block.samples))
            self._next_frame = block.first_sample + len(block.samples)
        if self._offsets_s:
            self._started_at_s = float(np.median(self._offsets_s))

    def _bridge(self, first_frame: int) -> None:
        """Zeros for blocks of which nobody told, so that what follows is in its place."""
        missing = first_frame - self._next_frame
        while missing > 0:
            block = min(missing, self._rate_hz)
            self._keep(self._resampler.process(silence(block)))
            missing -= block

    def _keep(self, signal: Samples) -> None:
        places = np.arange(self._signal_end, self._signal_end + len(signal)) % len(self._signal)
        self._signal[places] = signal
        self._signal_end += len(signal)

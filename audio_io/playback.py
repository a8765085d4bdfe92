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
from audio_io.ring import Block, BlockRing

KEPT_S = 4.0
"""How far back the played signal can be asked for."""
KEPT_BLOCKS = 2000
"""Of so many blocks the times are known: 40 s."""
SMOOTHED_BLOCKS = 50
"""The device's clock is read off this many blocks: one block's time jumps by as much as it lasts.
"""
STOOD_S = 0.1
"""A block that is heard so much later than the ones before it say comes after a standstill."""


@dataclass(frozen=True, slots=True)
class _Played:
    first_frame: int
    """The device's own count, silence included, since the stream was opened; and what it would have
    played while it stood still, as when our process was held."""
    first_sample: int
    """How much speech had been taken before."""
    samples: int
    """How much of it is speech."""


class Playback:
    """History of one output stream. May be asked from any ordinary thread."""

    def __init__(self, played: BlockRing, rate_hz: int, heard_hz: int) -> None:
        """`played` brings the blocks as they left, with the clock time at which each is heard and
        as mark and count how much speech had been taken before and how much of it is speech; a
        count of -1 says that it is silent, and nobody knows when it is heard. The signal is kept at
        `heard_hz`, the microphone's rate."""
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
        self._begins_anew = False
        """Whether the device began, or ran dry, before the next block."""
        self._stood_frames = 0
        """What the device would have played while it stood still."""
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
            if block.count < 0:
                self._begins_anew = True
                continue
            offset_s = self._offset_s(block)
            stood_s = 0.0 if self._started_at_s is None else offset_s - self._started_at_s
            if stood_s > (0.0 if self._begins_anew else STOOD_S):
                self._stood_frames += round(stood_s * self._rate_hz)
                offset_s = self._offset_s(block)
            if self._begins_anew:
                self._offsets_s.clear()
                self._begins_anew = False
            frame = block.first_sample + self._stood_frames
            self._bridge(frame)
            self._blocks.append(_Played(frame, block.mark, block.count))
            self._offsets_s.append(offset_s)
            self._started_at_s = float(np.median(self._offsets_s))
            self._keep(self._resampler.process(block.samples))
            self._next_frame = frame + len(block.samples)

    def _offset_s(self, block: Block) -> float:
        """Clock time of frame 0, as one block has it."""
        return block.at_s - (block.first_sample + self._stood_frames) / self._rate_hz

    def _bridge(self, first_frame: int) -> None:
        """Zeros for blocks of which nobody told, so that what follows is in its place."""
        missing = first_frame - self._next_frame
        if missing > KEPT_S * self._rate_hz:  # nothing is left of what was before
            self._signal[:] = 0.0
            self._resampler = StreamResampler(self._rate_hz, self._heard_hz)
            self._signal_end = round(first_frame * self._heard_hz / self._rate_hz)
            return
        while missing > 0:
            block = min(missing, self._rate_hz)
            self._keep(self._resampler.process(silence(block)))
            missing -= block

    def _keep(self, signal: Samples) -> None:
        places = np.arange(self._signal_end, self._signal_end + len(signal)) % len(self._signal)
        self._signal[places] = signal
        self._signal_end += len(signal)

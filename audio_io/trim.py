"""`SilenceTrimmer`: long silences in a stream of speech become short ones."""

import numpy as np

from audio_io.chunk import Samples, silence

FRAME_MS = 10
QUIET_DB = -50.0
"""Below this a frame of made speech is silence: synthesizers have next to no noise."""


class SilenceTrimmer:
    """One clause of speech without its silences: none before, none after, short ones inside.

    How the sound is cut into blocks does not change the result.
    """

    def __init__(self, sample_rate_hz: int, longest_ms: int = 250) -> None:
        self._size = sample_rate_hz * FRAME_MS // 1000
        self._longest = longest_ms // FRAME_MS * self._size
        self._rest = silence(0)
        self._quiet: list[Samples] = []
        """Silence not handed on yet: speech may follow, or not."""
        self._quiet_samples = 0
        self._began = False

    def process(self, samples: Samples, last: bool = False) -> Samples:
        """What is ready after `samples`; with `last`, the rest."""
        sound = np.concatenate([self._rest, samples])
        whole = len(sound) // self._size * self._size
        self._rest = sound[whole:]
        frames = sound[:whole].reshape(-1, self._size)
        loud = np.mean(np.square(frames), axis=1) > 10 ** (QUIET_DB / 10) if whole else []
        out: list[Samples] = []
        for frame, is_loud in zip(frames, loud, strict=True):
            if is_loud:
                if self._began:
                    out.extend(self._quiet)
                elif self._quiet:
                    out.append(self._quiet[-1])  # where the first sound comes from
                self._quiet, self._quiet_samples = [], 0
                self._began = True
                out.append(frame)
            elif self._quiet_samples < self._longest or not self._began:
                if not self._began:
                    self._quiet.clear()
                self._quiet.append(frame)
                self._quiet_samples += len(frame)
        if last and self._began and not self._quiet:
            out.append(self._rest)
        return np.concatenate(out) if out else silence(0)

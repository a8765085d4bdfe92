"""Rings between a sound card's callback and an ordinary thread: neither side ever waits.

Each ring has one writer and one reader. What the two share are two counters that only go up, each
written by one side alone, so no lock is needed.
"""

from dataclasses import dataclass

import numpy as np

from audio_io.chunk import Samples


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One block of sound, as a callback saw it."""

    samples: Samples
    first_sample: int
    """Where it begins, as the callback counts."""
    at_s: float
    """A clock time, as the callback measures it."""
    mark: int
    count: int
    """Two numbers the callback adds."""


class BlockRing:
    """Blocks with their times. When it is full, the new block is dropped and counted."""

    def __init__(self, slots: int, block_samples: int) -> None:
        """Holds up to `slots` blocks of at most `block_samples` each."""
        self._sound = np.zeros((slots, block_samples), np.float32)
        self._lengths = [0] * slots
        self._first_samples = [0] * slots
        self._at_s = [0.0] * slots
        self._marks = [0] * slots
        self._counts = [0] * slots
        self._slots = slots
        self.block_samples = block_samples
        """The longest block it takes."""
        self._written = 0
        self._read = 0
        self.dropped_samples = 0
        """Samples that found no room."""

    def try_write(
        self, samples: Samples, first_sample: int, at_s: float, mark: int = 0, count: int = 0
    ) -> bool:
        """Copy one block into a free slot. For the writer."""
        length = len(samples)
        if self._written - self._read >= self._slots or length > self.block_samples:
            self.dropped_samples += length
            return False
        slot = self._written % self._slots
        self._sound[slot, :length] = samples
        self._lengths[slot] = length
        self._first_samples[slot] = first_sample
        self._at_s[slot] = at_s
        self._marks[slot] = mark
        self._counts[slot] = count
        self._written += 1
        return True

    def read(self) -> Block | None:
        """The oldest block, copied out of the ring; None when there is none. For the reader."""
        if self._read == self._written:
            return None
        slot = self._read % self._slots
        samples = self._sound[slot, : self._lengths[slot]].copy()
        block = Block(
            samples,
            self._first_samples[slot],
            self._at_s[slot],
            self._marks[slot],
            self._counts[slot],
        )
        self._read += 1
        return block

    @property
    def waiting(self) -> int:
        """Blocks that wait to be read."""
        return self._written - self._read


class SampleRing:
    """Samples on their way to a callback that takes as many as it needs."""

    def __init__(self, size_samples: int) -> None:
        self._sound = np.zeros(size_samples, np.float32)
        self._size = size_samples
        self._written = 0
        self._read = 0
        self._skip_to = 0

    def write(self, samples: Samples) -> int:
        """Take as many samples as there is room for; how many that was. For the writer."""
        taken = min(len(samples), self._size - (self._written - self._read))
        start = self._written % self._size
        first = min(taken, self._size - start)
        self._sound[start : start + first] = samples[:first]
        self._sound[: taken - first] = samples[first:taken]
        self._written += taken
        return taken

    def read_into(self, out: Samples) -> int:
        """Fill `out`, with zeros where samples are short; how many there were. For the reader."""
        self._read = max(self._read, self._skip_to)
        taken = min(len(out), self._written - self._read)
        start = self._read % self._size
        first = min(taken, self._size - start)
        out[:first] = self._sound[start : start + first]
        out[first:taken] = self._sound[: taken - first]
        out[taken:] = 0.0
        self._read += taken
        return taken

    def skip(self) -> None:
        """Have the reader pass over all that waits now. From any thread."""
        self._skip_to = self._written

    @property
    def written(self) -> int:
        """Samples taken since the beginning."""
        return self._written

    @property
    def read(self) -> int:
        """Samples that have left, or were passed over."""
        return self._read

    @property
    def waiting(self) -> int:
        return self._written - max(self._read, self._skip_to)

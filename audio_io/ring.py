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

    def skip(self, written: int | None = None) -> None:
        """Have the reader pass over all that waits now, or that waited when so much was `written`.
        From any thread."""
        self._skip_to = self._written if written is None else written

    @property
    def written(self) -> int:
        """Samples taken since the beginning."""
        return self._written

    @property
    def read(self) -> int:
        """Samples that have left, or were passed over."""
        return self._read

    @property
    def next_position(self) -> int:
        """Which sample is read next, counted as they were written."""
        return max(self._read, self._skip_to)

    @property
    def waiting(self) -> int:
        return self._written - self.next_position


class StartGate:
    """The last place before the card, where a clause that comes too late is stopped.

    Between the thread that writes clauses into a ring and the callback that empties it: however
    long either of them was kept from working, what the callback lets pass is in time.
    """

    def __init__(self) -> None:
        self._clause = (-1, 0.0)
        """Position of the first sample of the clause that is being written, and the clock time by
        which it must be heard. Set by the writer alone."""
        self._judged = -1
        """The same position, once that is decided. Set by the callback alone, as is the next."""
        self._refused = -1

    def begin(self, position: int, latest_s: float) -> None:
        """What is written from that position on is a clause. For the writer."""
        self._clause = (position, latest_s)

    def has_refused(self, position: int) -> bool:
        """Whether the clause that began there came too late; none of it is played. The newest is
        remembered. For the writer."""
        return self._refused == position

    def judge(self, ring: SampleRing, frames: int, heard_at_s: float, rate_hz: int) -> None:
        """Before so many frames are read, the first of which is heard then. For the callback."""
        written = ring.written  # first: what is written later may be of another clause
        position, latest_s = self._clause
        if self._judged == self._refused >= 0:  # all up to the next clause goes with it
            ring.skip(written if position == self._judged else position)
        ahead = position - ring.next_position
        if position == self._judged or ahead >= frames:
            return
        if heard_at_s + max(0, ahead) / rate_hz > latest_s:
            self._refused = position
            ring.skip(written)
        self._judged = position

"""`StreamClock`: where the stream stands at a moment of the clock, the one anchor of a session.

Marks, the times in what is written, and the tracks of a recording are all laid by it, so they stay
in step whatever the sound does: drifts, comes in bursts, is lost for a while, or stalls.
"""

import threading
from collections import deque
from collections.abc import Iterator
from itertools import pairwise

from audio_io.chunk import AudioChunk
from audio_io.ports import AudioSource

KEPT = 3000
"""Anchors: a minute of blocks."""
GRACE_S = 0.05
"""Sound that stalls is waited for so long before its time stands."""


class StreamClock:
    """Told by the thread that reads the sound; any ordinary thread may ask.

    sound     |----a----b----c                    d----e----
    a microphone: missing sound takes its time      its time flows
    a pipe:       nothing is missing before d       its time stands until d has come
    """

    def __init__(self) -> None:
        self.flows = True
        """Whether time goes on while no sound comes. Not so in a pipe."""
        self._anchors: deque[tuple[float, float]] = deque(maxlen=KEPT)
        """Clock time and stream time of the end of each chunk, both never falling."""
        self._lock = threading.Lock()

    def note(self, chunk: AudioChunk) -> None:
        """A chunk has come."""
        if chunk.captured_at_s is None or not len(chunk.samples):
            return
        with self._lock:
            while self._anchors and self._anchors[-1][0] >= chunk.captured_at_s:
                self._anchors.pop()  # that was a worse guess
            self._anchors.append((chunk.captured_at_s, chunk.end_s))

    def stream_s(self, at_s: float) -> float:
        """Stream time at a clock time, in seconds; 0 before the sound began."""
        with self._lock:
            if not self._anchors:
                return 0.0
            clock_s, stream_s = self._anchors[-1]
            if at_s >= clock_s:
                ahead_s = at_s - clock_s
                return stream_s + (ahead_s if self.flows else min(ahead_s, GRACE_S))
            for (after_s, limit_s), (clock_s, stream_s) in pairwise(reversed(self._anchors)):
                if clock_s <= at_s < after_s:
                    return min(stream_s + at_s - clock_s, limit_s)
            clock_s, stream_s = self._anchors[0]
            return max(0.0, stream_s - (clock_s - at_s))


class ClockedSource:
    """An `AudioSource` that tells a clock of everything it hands on."""

    def __init__(self, source: AudioSource, clock: StreamClock) -> None:
        self.sample_rate_hz = source.sample_rate_hz
        self._source = source
        self._clock = clock

    @property
    def duration_s(self) -> float | None:
        return self._source.duration_s

    def __iter__(self) -> Iterator[AudioChunk]:
        for chunk in self._source:
            self._clock.note(chunk)
            yield chunk

    def close(self) -> None:
        self._source.close()

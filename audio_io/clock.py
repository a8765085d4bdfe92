"""The clocks a session reads."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import Protocol

from audio_io.chunk import AudioChunk
from audio_io.ports import AudioSource

TICK_S = 0.05
HELD_S = 0.2
"""Being late by less is no sign that the process was held."""
ANCHORS = 3000
"""As many are kept: a minute of blocks."""
GRACE_S = 0.05
"""Sound that stalls is waited for so long before its time stands."""


class Clock(Protocol):
    def now_s(self) -> float:
        """Seconds since some fixed moment; never goes back."""


class WallClock:
    """The time that passes for people."""

    def now_s(self) -> float:
        return time.monotonic()


class RunningClock:
    """The time in which this process ran: it stands while the process is held, as by Ctrl-Z.

    A thread looks at the clock again and again; where it could not for a while, nobody here could.
    """

    def __init__(self) -> None:
        self._held_s = 0.0
        self._looked_at_s = time.monotonic()
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="running-clock", daemon=True).start()

    def now_s(self) -> float:
        return time.monotonic() - self.held_s()

    def held_s(self) -> float:
        """For how long the process was held so far."""
        return self._held_s + self._missed_s(time.monotonic())

    def close(self) -> None:
        self._ended.set()

    def _missed_s(self, now_s: float) -> float:
        missed_s = now_s - self._looked_at_s - TICK_S
        return missed_s if missed_s > HELD_S else 0.0

    def _run(self) -> None:
        while not self._ended.wait(TICK_S):
            now_s = time.monotonic()
            self._held_s += self._missed_s(now_s)
            self._looked_at_s = now_s


class StreamClock:
    """Where the stream stands at a moment of the clock, the one anchor of a session: marks, the
    times in what is written, and the tracks of a recording are all laid by it, so they stay in step
    whatever the sound does. Told by the thread that reads it; any ordinary thread may ask.

    sound     |----a----b----c                    d----e----
    a microphone: missing sound takes its time      its time flows
    a pipe:       nothing is missing before d       its time stands until d has come
    """

    def __init__(self) -> None:
        self.flows = True
        """Whether time goes on while no sound comes. Not so in a pipe."""
        self._anchors: deque[tuple[float, float]] = deque(maxlen=ANCHORS)
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

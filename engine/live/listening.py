"""`Listening`: when a conversation is heard, and when what is said is nobody's business.

Somebody pauses, or lets go of the key of push-to-talk, at a moment of the stream, wherever the
engine is by then. What was said before it is heard to its end; what is said from then on is silence
for everyone behind, the recording included, until the moment it goes on.
"""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from audio_io.chunk import AudioChunk
from audio_io.ports import AudioSource

KEPT = 1000
"""Moments that are remembered."""


class Listening:
    """Switched by one thread, asked by another."""

    def __init__(self, listens: bool = True) -> None:
        self._switches: deque[tuple[float, bool]] = deque([(0.0, listens)], maxlen=KEPT)
        """Stream times, in seconds, and what holds from then on."""
        self._lock = threading.Lock()

    def switch(self, at_s: float, listens: bool) -> None:
        """From a moment of the stream on."""
        with self._lock:
            self._switches.append((max(at_s, self._switches[-1][0]), listens))

    def at(self, stream_s: float) -> bool:
        """Whether what is said just before a moment is heard."""
        with self._lock:
            for at_s, listens in reversed(self._switches):
                if at_s < stream_s:
                    return listens
            return self._switches[0][1]

    def heard(self, chunk: AudioChunk) -> AudioChunk:
        """A chunk with silence where nobody listens."""
        with self._lock:
            switches = list(self._switches)
        samples = None
        ends_s = chunk.end_s
        for at_s, listens in reversed(switches):
            if not listens and at_s < ends_s:
                samples = chunk.samples.copy() if samples is None else samples
                first, end = (
                    min(max(0, round(s * chunk.sample_rate_hz) - chunk.start_sample), len(samples))
                    for s in (at_s, ends_s)
                )
                samples[first:end] = 0.0
            ends_s = min(ends_s, at_s)
            if at_s <= chunk.start_s:
                break
        return chunk if samples is None else replace(chunk, samples=samples)


class HeardSource:
    """An `AudioSource` of what is heard: silence of the same length where nobody listens."""

    def __init__(self, source: AudioSource, listening: Listening) -> None:
        self.sample_rate_hz = source.sample_rate_hz
        self._source = source
        self._listening = listening

    @property
    def duration_s(self) -> float | None:
        return self._source.duration_s

    def __iter__(self) -> Iterator[AudioChunk]:
        for chunk in self._source:
            yield self._listening.heard(chunk)

    def close(self) -> None:
        self._source.close()

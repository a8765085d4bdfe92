"""`CatchUp`: when the engine is slower than people talk, the oldest unheard sound is skipped.

heard so far |-- unheard: words   pause   words words   pause   words --| now
              handed on first   |        skipped in one piece  |  handed on
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from audio_io.chunk import AudioChunk, Boundary, Samples
from audio_io.clock import Clock, WallClock
from audio_io.pauses import find_pauses, quietest_point
from audio_io.ports import AudioSource

FAST = 0.5
"""An engine that needs less for a second of sound soon catches up."""
REASON = "the engine is slower than the speech"


@dataclass(frozen=True, slots=True)
class CatchUpConfig:
    limit_ms: float = 3000
    """Unheard sound at which an engine that is too slow skips some."""
    hard_limit_ms: float = 6000
    """Unheard sound at which any engine does."""
    keep_ms: float = 750
    """About how much unheard sound is left after that."""
    measured_s: float = 10.0
    """Over how much sound the engine's speed is measured."""

    def __post_init__(self) -> None:
        if not 0 < self.keep_ms < self.limit_ms <= self.hard_limit_ms:
            raise ValueError("keep_ms < limit_ms <= hard_limit_ms does not hold")


class CatchUp:
    """An `AudioSource` in front of an engine, which it times from one chunk to the next.

    What is skipped starts and ends at pauses where there are any, else at the quietest points,
    and shows as one jump of `start_sample`.
    """

    def __init__(
        self,
        source: AudioSource,
        waiting_ms: Callable[[], float],
        config: CatchUpConfig | None = None,
        clock: Clock | None = None,
        held_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`waiting_ms` says how much sound has come that `source` did not hand on; iterating must
        not wait for that much. `held_s` says for how long this process was held so far, as by
        Ctrl-Z: what came meanwhile is caught up with, where the engine is fast enough."""
        self.sample_rate_hz = source.sample_rate_hz
        self._source = source
        self._waiting_ms = waiting_ms
        self._config = config or CatchUpConfig()
        self._clock = clock or WallClock()
        self._steps: deque[tuple[float, float]] = deque()
        """Sound handed on and how long the engine was busy with it, in seconds."""
        self._steps_s = 0.0
        """All of that sound."""
        self._unheard: deque[AudioChunk] = deque()
        self._held_s = held_s
        self._held_before_s = held_s()
        """The same when all had been heard."""

    @property
    def duration_s(self) -> float | None:
        return self._source.duration_s

    @property
    def slowness(self) -> float:
        """How many seconds the engine needed for one second of sound, lately."""
        busy_s = sum(busy for _, busy in self._steps)
        return busy_s / self._steps_s if self._steps_s else 0.0

    @property
    def waiting_ms(self) -> float:
        return self._waiting_ms() + sum(chunk.duration_ms for chunk in self._unheard)

    def __iter__(self) -> Iterator[AudioChunk]:
        chunks = iter(self._source)
        while True:
            while not self._unheard or (self._waiting_ms() > 0 and not self._is_over):
                chunk = next(chunks, None)
                if chunk is None:
                    break
                self._unheard.append(chunk)
            if not self._unheard:
                return
            if self._is_too_much():
                self._skip()
            chunk = self._unheard.popleft()
            before_s = self._clock.now_s()
            yield chunk
            self._note(chunk.duration_ms / 1000, self._clock.now_s() - before_s)

    def close(self) -> None:
        self._source.close()

    @property
    def _is_over(self) -> bool:
        return bool(self._unheard) and self._unheard[-1].boundary is Boundary.STREAM

    def _note(self, sound_s: float, busy_s: float) -> None:
        self._steps.append((sound_s, busy_s))
        self._steps_s += sound_s
        while self._steps_s > self._config.measured_s:
            self._steps_s -= self._steps.popleft()[0]

    def _is_too_much(self) -> bool:
        unheard_ms = sum(chunk.duration_ms for chunk in self._unheard)
        if len(self._unheard) <= 1:
            self._held_before_s = self._held_s()
        elif self.slowness < FAST:
            unheard_ms -= 1000 * (self._held_s() - self._held_before_s)
        if unheard_ms <= self._config.limit_ms:
            return False
        return unheard_ms > self._config.hard_limit_ms or self.slowness > 1.0

    def _skip(self) -> None:
        """Leave out a piece of the newest run of sound without losses in it."""
        chunks: list[AudioChunk] = []
        while self._unheard:
            chunk = self._unheard.popleft()
            if chunks and chunk.start_sample != chunks[-1].end_sample:
                chunks.clear()  # what is before another loss goes in the same piece
            chunks.append(chunk)
        if sum(chunk.duration_ms for chunk in chunks) <= self._config.limit_ms:
            self._unheard.extend(chunks)  # what was before the loss was the whole of it
            return
        samples = np.concatenate([chunk.samples for chunk in chunks])
        start, end = self._piece(samples)
        first = chunks[0].start_sample
        kept = [part for chunk in chunks if (part := _before(chunk, first + start)) is not None]
        rest = [part for chunk in chunks if (part := _after(chunk, first + end)) is not None]
        if rest:
            rest[0] = replace(rest[0], lost_reason=REASON)
        self._unheard.extend([*kept, *rest])

    def _piece(self, samples: Samples) -> tuple[int, int]:
        """Which part to skip, as samples from and to."""
        rate = self.sample_rate_hz
        pauses = find_pauses(samples, rate)
        early = len(samples) // 3
        latest = len(samples) - round(self._config.keep_ms * rate / 1000)
        start = next((pause for pause in pauses if pause <= early), None)
        if start is None:
            start = quietest_point(samples[:early], rate)
        after = [pause for pause in pauses if pause >= latest]
        before = [pause for pause in pauses if 2 * early <= pause < latest]
        if after:
            return start, after[0]
        if before:
            return start, before[-1]
        return start, 2 * early + quietest_point(samples[2 * early : latest], rate)


def _before(chunk: AudioChunk, sample: int) -> AudioChunk | None:
    """The part of a chunk before a moment of the stream."""
    if chunk.end_sample <= sample:
        return chunk
    if chunk.start_sample >= sample:
        return None
    samples = chunk.samples[: sample - chunk.start_sample]
    return replace(chunk, samples=samples, boundary=Boundary.NONE)


def _after(chunk: AudioChunk, sample: int) -> AudioChunk | None:
    if chunk.end_sample < sample or (
        chunk.end_sample == sample and chunk.boundary is not Boundary.STREAM
    ):
        return None
    if chunk.start_sample >= sample:
        return chunk
    return replace(chunk, samples=chunk.samples[sample - chunk.start_sample :], start_sample=sample)

"""`PushSource` and `PacedSink`: sound that others bring and fetch, as through a socket."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from audio_io.clock import Clock, WallClock

REASON = "nobody took it in time"
BLOCK_MS = 20
"""How much is handed on at a time."""
NAP_S = 0.1
"""The longest sleep before it is looked whether to go on waiting."""
SOON_S = 0.001
"""What is due so soon is not waited for."""
KEPT_RUNS = 1000
"""Of so many runs of speech without a gap it is known when they were heard."""


class PushSource:
    """An `AudioSource` that is given its sound, from any thread.

    What waits is bounded: when it is too much, the oldest is dropped, which shows as a jump of
    `start_sample`. Time of capture is when the sound was put. Ends after what was put before `end`.
    """

    def __init__(
        self, sample_rate_hz: int, limit_ms: float = 30_000, clock: Clock | None = None
    ) -> None:
        """`limit_ms`: how long the engine may be busy before sound is lost here."""
        self.sample_rate_hz = sample_rate_hz
        self.dropped_samples = 0
        """Samples for which there was no room."""
        self._limit_samples = round(limit_ms * sample_rate_hz / 1000)
        self._clock = clock or WallClock()
        self._changed = threading.Condition()
        """Guards all that follows."""
        self._waiting: deque[AudioChunk] = deque()
        self._waiting_samples = 0
        self._put_samples = 0
        """Stream time of what is put next."""
        self._ended = False

    duration_s = None

    @property
    def waiting_ms(self) -> float:
        """Sound that was put and not yet handed on."""
        return 1000.0 * self._waiting_samples / self.sample_rate_hz

    def put(self, samples: Samples) -> bool:
        """Take sound, at `sample_rate_hz`, as a copy. Never waits. False when the source has ended:
        who brings sound need not know that somebody else hung up."""
        sound = np.clip(samples, -1.0, 1.0).astype(np.float32, copy=False)
        with self._changed:
            if self._ended:
                return False
            if len(sound):
                at_s = self._clock.now_s()
                self._waiting.append(
                    AudioChunk(sound, self.sample_rate_hz, self._put_samples, at_s)
                )
                self._put_samples += len(sound)
                self._waiting_samples += len(sound)
                self._drop(self._waiting_samples - self._limit_samples)
                self._changed.notify_all()
            return True

    def end(self) -> None:
        """The source ends after what was put by now. From any thread."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[AudioChunk]:
        next_sample = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if not self._waiting:
                    break
                chunk = self._waiting.popleft()
                self._waiting_samples -= len(chunk.samples)
            if chunk.start_sample > next_sample:
                chunk = replace(chunk, lost_reason=REASON)
            next_sample = chunk.end_sample
            yield chunk
        at_s = self._clock.now_s()
        yield AudioChunk(silence(0), self.sample_rate_hz, next_sample, at_s, Boundary.STREAM)

    def close(self) -> None:
        """What waits is forgotten."""
        with self._changed:
            self._waiting.clear()
            self._waiting_samples = 0
        self.end()

    def _drop(self, samples: int) -> None:
        """The oldest of what waits, held."""
        while samples > 0:
            oldest = self._waiting.popleft()
            dropped = min(samples, len(oldest.samples))
            if dropped < len(oldest.samples):
                rest, start = oldest.samples[dropped:], oldest.start_sample + dropped
                self._waiting.appendleft(replace(oldest, samples=rest, start_sample=start))
            samples -= dropped
            self._waiting_samples -= dropped
            self.dropped_samples += dropped


@dataclass(slots=True)
class _Run:
    """Speech that is played without a gap."""

    first: int
    """Position of its first sample."""
    end: int
    begins_s: float
    """Clock time at which the first sample is due."""


class PacedSink:
    """A `LiveSink` for speech that somebody else plays, at the end of a socket.

    It has no device, but a clock: what is written is due at once, or when what was written before
    it has been played. It is handed on at most `lead_ms` before it is due; until then `write`
    waits, so nothing gathers here.

        written   |---- due, played ----|---- handed on early ----|  write waits
                                       now                  now + lead_ms
    """

    def __init__(
        self,
        sample_rate_hz: int,
        send: Callable[[AudioChunk], None],
        *,
        lead_ms: float = 200,
        delay_ms: float = 0,
        drop: Callable[[], None] | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`send` is given the speech in pieces, on the thread that writes; it may wait, and what it
        raises passes through. `start_sample` counts speech alone, so a gap in time is no jump.
        `delay_ms` passes between due and heard: the way, and what the player keeps ready. `drop` is
        told when what was sent and is not yet due shall not be heard, on the thread that drops."""
        self.sample_rate_hz = sample_rate_hz
        self._send = send
        self._drop = drop
        self._lead_s = lead_ms / 1000
        self._delay_s = delay_ms / 1000
        self._clock = clock or WallClock()
        self._sleep = sleep
        self._lock = threading.Lock()
        """Guards all that follows; never held while somebody waits."""
        self._runs: deque[_Run] = deque(maxlen=KEPT_RUNS)
        self._free_at_s = 0.0
        """When all that was written has been played."""
        self._position = 0
        self._drops = 0
        """How often what waits was dropped."""
        self._dropped_samples = 0
        self._latest_s = math.inf
        """Clock time by which the clause that is written must be heard."""
        self._begins = self._refuses = False
        """Whether none of it was handed on yet; whether none will be."""
        self._refused = -1
        """Position of the newest clause that came too late."""
        self._is_open = True

    @property
    def ready(self) -> bool:
        """Whether what is written now will be heard."""
        return self._is_open

    def check(self) -> None:
        """There is no device to look after."""

    def write(self, chunk: AudioChunk) -> None:
        """Waits while it is too early. What is dropped meanwhile is not sent."""
        samples = np.clip(chunk.samples, -1.0, 1.0)
        block = self.sample_rate_hz * BLOCK_MS // 1000
        drops = self._drops
        for start in range(0, len(samples), block):
            piece = self._due(samples[start : start + block], drops)
            if piece is None:
                return
            self._send(piece)

    def begin(self, latest_s: float) -> None:
        """What is written next is a clause, which is sent only if it is heard by a clock time."""
        self._latest_s, self._begins, self._refuses = latest_s, True, False

    def has_refused(self, position: int) -> bool:
        """Whether the clause that began there came too late, and was not sent."""
        return self._refused == position

    def close(self) -> None:
        self._is_open = False

    @property
    def queued_ms(self) -> float:
        """Speech handed on and not yet due."""
        return 1000 * max(0.0, self._free_at_s - self._clock.now_s())

    @property
    def ahead_s(self) -> float:
        """How long from now what is written now will be heard."""
        return self.queued_ms / 1000 + self._delay_s

    @property
    def position(self) -> int:
        """The number of the sample that is written next."""
        return self._position

    @property
    def played_samples(self) -> int:
        """Speech that was due by now."""
        with self._lock:
            now_s = self._clock.now_s()
            undue = sum(self._undue(run, now_s) for run in self._runs)
            return self._position - undue - self._dropped_samples

    def heard_at_s(self, position: int) -> float | None:
        """Clock time at which a sample was heard; None if it is not due or was dropped."""
        with self._lock:
            for run in reversed(self._runs):
                if run.first <= position < run.end:
                    due_s = run.begins_s + (position - run.first) / self.sample_rate_hz
                    return due_s + self._delay_s if due_s < self._clock.now_s() else None
            return None

    def drop_unplayed(self) -> int:
        """Everything that is not due. From any thread."""
        with self._lock:
            now_s = self._clock.now_s()
            dropped = 0
            for run in self._runs:
                undue = self._undue(run, now_s)
                run.end -= undue
                dropped += undue
            self._free_at_s = min(self._free_at_s, now_s)
            self._drops += 1
            self._dropped_samples += dropped
        if dropped and self._drop is not None:
            self._drop()
        return dropped

    def _due(self, samples: Samples, drops: int) -> AudioChunk | None:
        """The piece, once it is time to hand it on; None when it need not be any more."""
        while True:
            with self._lock:
                if not self._is_open or self._drops != drops:
                    return None
                now_s = self._clock.now_s()
                early_s = self._free_at_s - now_s - self._lead_s
                if early_s < SOON_S:
                    if self._is_refused(now_s):
                        return None
                    return self._noted(samples, now_s)
            self._sleep(min(early_s, NAP_S))

    def _is_refused(self, now_s: float) -> bool:
        """Whether what is written now belongs to a clause that comes too late. Held."""
        if self._begins:
            self._begins = False
            if max(now_s, self._free_at_s) + self._delay_s > self._latest_s:
                self._refused, self._refuses = self._position, True
        return self._refuses

    def _noted(self, samples: Samples, now_s: float) -> AudioChunk:
        """The piece, with its place in time kept. Held."""
        first = self._position
        self._position += len(samples)
        if self._runs and now_s <= self._free_at_s and self._runs[-1].end == first:
            self._runs[-1].end = self._position
        else:
            self._free_at_s = max(now_s, self._free_at_s)
            self._runs.append(_Run(first, self._position, self._free_at_s))
        self._free_at_s += len(samples) / self.sample_rate_hz
        return AudioChunk(samples, self.sample_rate_hz, first)

    def _undue(self, run: _Run, now_s: float) -> int:
        """How many samples of a run are not due."""
        played = round(max(0.0, now_s - run.begins_s) * self.sample_rate_hz)
        return max(0, run.end - run.first - played)

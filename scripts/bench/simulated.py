"""What an hour of live sound is made of where no hour is to pass: a clock, a speaker, an engine
that takes its time, and recordings without end."""

import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from virtual import RATE_HZ

from audio_io.chunk import AudioChunk, Boundary
from engine.agent import Agent, StreamControls, StreamRequest
from engine.events import Event, TargetAudio
from engine.speaking.live_voice import LiveVoice

DEVICE_S = 0.16
"""What the virtual speaker takes, as `live_lag.py` measures it."""
TICK_S = 0.01


class SimulatedClock:
    """Time that goes on when somebody waits or computes."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.voice: LiveVoice | None = None

    def now_s(self) -> float:
        return self.time_s

    def advance(self, seconds: float) -> None:
        """Let time pass; the voice has its turns meanwhile."""
        until_s = self.time_s + seconds
        while self.time_s < until_s:
            if self.voice is not None:
                while not self.voice.turn():
                    pass
            self.time_s = min(until_s, self.time_s + TICK_S)


class SimulatedSpeaker:
    """Plays on a simulated clock, without ever running dry in the middle of a block."""

    ready = True

    def __init__(self, rate_hz: int, clock: SimulatedClock) -> None:
        self.sample_rate_hz = rate_hz
        self._clock = clock
        self._written = 0
        self._ends_at_s = 0.0
        """When what was written will have left."""
        self._placed: deque[tuple[int, int, float]] = deque(maxlen=4096)
        """Samples from and to, and when the first of them is heard."""

    def write(self, chunk: AudioChunk) -> None:
        starts_at_s = max(self._ends_at_s, self._clock.now_s())
        end = self._written + len(chunk.samples)
        self._placed.append((self._written, end, starts_at_s + DEVICE_S))
        self._written = end
        self._ends_at_s = starts_at_s + len(chunk.samples) / self.sample_rate_hz

    def begin(self, latest_s: float) -> None:
        """It plays at once what it is given: nothing comes between."""

    def has_refused(self, position: int) -> bool:
        return False

    def heard_at_s(self, position: int) -> float | None:
        for start, end, at_s in reversed(self._placed):
            if start <= position < end:
                heard_at_s = at_s + (position - start) / self.sample_rate_hz
                return heard_at_s if heard_at_s <= self._clock.now_s() else None
        return None

    @property
    def queued_ms(self) -> float:
        return max(0.0, 1000 * (self._ends_at_s - self._clock.now_s()))

    @property
    def ahead_s(self) -> float:
        return self.queued_ms / 1000 + DEVICE_S

    @property
    def position(self) -> int:
        return self._written

    @property
    def played_samples(self) -> int:
        return self._written

    def drop_unplayed(self) -> int:
        return 0

    def check(self) -> None:
        pass

    def close(self) -> None:
        pass


class Timed(Agent[AudioChunk, Event, Any]):
    """An agent whose computing takes simulated time, and whose speech may be made longer."""

    def __init__(
        self,
        agent: Agent[AudioChunk, Event, Any],
        clock: SimulatedClock,
        slowness: float,
        length: float,
    ) -> None:
        self._agent = agent
        self._clock = clock
        self._slowness = slowness
        self._length = length
        self.busy_s = 0.0

    def new_state(self, request: StreamRequest) -> Any:
        return self._agent.new_state(request)

    def control(self, controls: StreamControls, state: Any) -> None:
        self._agent.control(controls, state)

    def release(self, state: Any) -> None:
        self._agent.release(state)

    def close(self) -> None:
        self._agent.close()

    def step(self, item: AudioChunk, state: Any) -> Iterator[Event]:
        if self._slowness:
            self._spend(self._slowness * item.duration_ms / 1000)
        events = self._agent.step(item, state)
        while True:
            begun_s = time.perf_counter()
            event = next(events, None)
            if not self._slowness:
                self._spend(time.perf_counter() - begun_s)
            if event is None:
                return
            if isinstance(event, TargetAudio) and self._length != 1.0:
                samples = event.chunk.samples
                wanted = round(len(samples) * self._length)
                longer = np.resize(samples, wanted)  # the speech, and its beginning once more
                event = replace(event, chunk=replace(event.chunk, samples=longer))
            yield event

    def _spend(self, seconds: float) -> None:
        self.busy_s += seconds
        self._clock.advance(seconds)


@dataclass(slots=True)
class Endless:
    """Recordings in random order with pauses, as a source of a given length."""

    recordings: Sequence[NDArray[np.float32]]
    duration_s: float
    sample_rate_hz: int = RATE_HZ
    block: int = RATE_HZ // 25
    dice: random.Random = field(default_factory=lambda: random.Random(0))

    def __iter__(self) -> Iterator[AudioChunk]:
        position, rest = 0, np.zeros(0, np.float32)
        while position < self.duration_s * RATE_HZ:
            while len(rest) < self.block:
                pause = np.zeros(round(self.dice.uniform(0.4, 2.0) * RATE_HZ), np.float32)
                rest = np.concatenate([rest, self.dice.choice(self.recordings), pause])
            yield AudioChunk(rest[: self.block], RATE_HZ, position)
            rest, position = rest[self.block :], position + self.block
        yield AudioChunk(rest[:0], RATE_HZ, position, boundary=Boundary.STREAM)

    def close(self) -> None:
        pass

"""When translated speech is heard, and how fast it is spoken."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from audio_io.chunk import AudioChunk
from audio_io.stretch import Stretch
from engine.events import TargetAudio


class Pacer(Protocol):
    """Places the speech of one language. Belongs to one stream."""

    def pace(self, event: TargetAudio) -> Iterator[AudioChunk]:
        """Take the next piece of speech; gives what is placed now, its `start_sample` counted in
        the output."""

    def end_utterance(self) -> Iterator[AudioChunk]:
        """No more speech of this utterance comes: give what was held back."""

    @property
    def lag_s(self) -> float:
        """How long after its source the speech placed last ends, in seconds of stream time."""


class OneAfterAnother:
    """Every utterance follows the one before, after a short pause. Nothing is sped up."""

    lag_s = 0.0

    def __init__(self, pause_ms: int = 300) -> None:
        self._pause_ms = pause_ms
        self._utterance: int | None = None
        self._next_sample = 0

    def pace(self, event: TargetAudio) -> Iterator[AudioChunk]:
        chunk = event.chunk
        if self._utterance not in (None, event.utterance):
            self._next_sample += chunk.sample_rate_hz * self._pause_ms // 1000
        self._utterance = event.utterance
        yield AudioChunk(chunk.samples, chunk.sample_rate_hz, self._next_sample)
        self._next_sample += len(chunk.samples)

    def end_utterance(self) -> Iterator[AudioChunk]:
        yield from ()


@dataclass(frozen=True, slots=True)
class TimelineConfig:
    max_speed: float = 1.3
    """How many times faster than it was made speech may be played to keep up."""

    def __post_init__(self) -> None:
        if not 1.0 <= self.max_speed <= 1.3:
            raise ValueError(f"max_speed {self.max_speed} is not between 1 and 1.3")


class Timeline:
    """Speech starts no earlier than its source, and is sped up when it would end after it.

        source   |---- a ----|-- b --|        |- c -|
        output   |---- a -----|--- b ---|     |- c -|      b is faster, c is in time again

    An utterance is placed when it is complete, since its length decides its speed. This is for
    recordings: it makes speech wait.
    """

    def __init__(self, config: TimelineConfig | None = None) -> None:
        self._config = config or TimelineConfig()
        self._pieces: list[TargetAudio] = []
        """The open utterance."""
        self._next_sample = 0
        self._lag_s = 0.0

    @property
    def lag_s(self) -> float:
        return self._lag_s

    def pace(self, event: TargetAudio) -> Iterator[AudioChunk]:
        self._pieces.append(event)
        yield from ()

    def end_utterance(self) -> Iterator[AudioChunk]:
        if not self._pieces:
            return
        rate = self._pieces[0].chunk.sample_rate_hz
        source_start_s = min(piece.start_s for piece in self._pieces)
        source_end_s = max(piece.end_s for piece in self._pieces)
        samples = np.concatenate([piece.chunk.samples for piece in self._pieces])
        self._pieces.clear()
        start_sample = max(self._next_sample, round(source_start_s * rate))
        room = max(1, round(source_end_s * rate) - start_sample)
        speed = min(self._config.max_speed, max(1.0, len(samples) / room))
        if speed > 1.0:
            samples = Stretch(rate, speed).process(samples, last=True)
        self._next_sample = start_sample + len(samples)
        self._lag_s = self._next_sample / rate - source_end_s
        yield AudioChunk(samples, rate, start_sample)

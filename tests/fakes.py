"""Small real parts for tests: a source and a sink in memory, a clock, an agent that repeats."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from audio_io.chunk import AudioChunk, Boundary, Samples
from engine.agent import Agent, StreamControls, StreamRequest
from engine.events import Event, TargetAudio, TargetText, UtteranceEnded

DATA = Path(__file__).parent / "data"
RATE_HZ = 16_000


def speech(name: str) -> Samples:
    """A bundled recording, float32 at 16 kHz."""
    samples, rate_hz = soundfile.read(DATA / name, dtype="float32")
    assert rate_hz == RATE_HZ
    sound: Samples = samples
    return sound


def chunks(
    samples: Samples, sizes: Sequence[int] = (1600,), rate_hz: int = RATE_HZ
) -> list[AudioChunk]:
    """Sound cut into chunks of the sizes given, in turn; the last one ends the stream."""
    borders = [0]
    while borders[-1] < len(samples):
        size = sizes[(len(borders) - 1) % len(sizes)]
        borders.append(min(len(samples), borders[-1] + size))
    made = [AudioChunk(samples[a:b], rate_hz, a) for a, b in pairwise(borders)]
    end = AudioChunk(samples[:0], rate_hz, len(samples), boundary=Boundary.STREAM)
    return [*made, end]


@dataclass
class ListSource:
    """A source of chunks that are there already."""

    items: list[AudioChunk]
    sample_rate_hz: int = RATE_HZ
    closed: bool = False

    @property
    def duration_s(self) -> float | None:
        return self.items[-1].end_s

    def __iter__(self) -> Iterator[AudioChunk]:
        return iter(self.items)

    def close(self) -> None:
        self.closed = True


@dataclass
class ListSink:
    """A sink that keeps what it is given."""

    written: list[AudioChunk] = field(default_factory=list)
    sample_rate_hz: int = RATE_HZ

    def write(self, chunk: AudioChunk) -> None:
        self.written.append(chunk)

    def close(self) -> None:
        pass


class FakeClock:
    """Goes on by one second every time it is read."""

    def __init__(self) -> None:
        self.time_s = 0.0

    def now_s(self) -> float:
        self.time_s += 1.0
        return self.time_s


@dataclass
class ParrotState:
    request: StreamRequest
    heard: list[Samples] = field(default_factory=list)
    controls: list[StreamControls] = field(default_factory=list)
    utterance: int = 0
    released: int = 0


class ParrotAgent(Agent[AudioChunk, Event, ParrotState]):
    """Says every utterance again, in each target language, once it has ended."""

    def new_state(self, request: StreamRequest) -> ParrotState:
        return ParrotState(request)

    def step(self, chunk: AudioChunk, state: ParrotState) -> Iterator[Event]:
        state.heard.append(chunk.samples)
        if chunk.boundary is Boundary.NONE:
            return
        sound = np.concatenate(state.heard)
        state.heard.clear()
        span = (chunk.end_s - len(sound) / chunk.sample_rate_hz, chunk.end_s)
        for target in state.request.targets:
            yield TargetText(state.utterance, target, f" {len(sound)}", *span, committed=True)
            said = AudioChunk(sound, chunk.sample_rate_hz)
            yield TargetAudio(state.utterance, target, said, *span)
        yield UtteranceEnded(state.utterance, *span)
        state.utterance += 1

    def control(self, controls: StreamControls, state: ParrotState) -> None:
        state.controls.append(controls)

    def release(self, state: ParrotState) -> None:
        state.released += 1

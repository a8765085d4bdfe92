"""Small real parts for tests of live sound: a clock moved by hand, words made of noise, waiting."""

import re
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from audio_io.chunk import AudioChunk, Samples, silence
from engine.errors import EngineError
from engine.events import Event
from tests.fakes import RATE_HZ, ParrotAgent, ParrotState


class HandClock:
    """Stands still until it is moved."""

    def __init__(self, time_s: float = 0.0) -> None:
        self.time_s = time_s

    def now_s(self) -> float:
        return self.time_s

    def advance(self, seconds: float) -> None:
        self.time_s += seconds


def noise(samples: int, level: float = 0.1, seed: int = 1) -> Samples:
    """White noise in which no two samples in a row are equal."""
    made = np.random.default_rng(seed).standard_normal(samples) * level
    return np.clip(made, -0.99, 0.99).astype(np.float32)


def words(count: int, word_s: float = 0.3, pause_s: float = 0.15, seed_from: int = 2) -> Samples:
    """Bursts of noise with pauses between them, which are not quite silent."""
    word, pause = round(word_s * RATE_HZ), round(pause_s * RATE_HZ)
    sound = noise(count * (word + pause), 0.0005)
    for number in range(count):
        start = number * (word + pause)
        sound[start : start + word] += noise(word, 0.1, seed=number + seed_from)
    return sound


def joined(parts: list[Samples]) -> Samples:
    return np.concatenate(parts) if parts else silence(0)


def until(done: Callable[[], bool], deadline_s: float = 10.0) -> bool:
    """Look again and again until something is so; False when the deadline passes first."""
    end_s = time.monotonic() + deadline_s
    while not done():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.002)
    return True


class AwkwardAgent(ParrotAgent):
    """A parrot that does something else when the first sample of a chunk is a number of `ORDERS`.

    Its loaders below can be named in another process.
    """

    def step(self, chunk: AudioChunk, state: ParrotState) -> Iterator[Event]:
        order = int(chunk.samples[0]) if len(chunk.samples) else 0
        if order in ERRORS:
            raise ERRORS[order]
        if order == BUSY:
            began_s = time.monotonic()
            while time.monotonic() - began_s < 0.5:
                # Looks for what is not there, in one call that never lets go of the interpreter.
                re.match(r"(a+)+$", "a" * 23 + "b")
        elif order == SLEEP:
            time.sleep(0.5)
        elif order == HANG:
            time.sleep(60)
        elif order == LEAVE:
            sys.exit(3)
        yield from super().step(chunk, state)


BUSY, SLEEP, HANG, LEAVE = 10, 11, 12, 13
ERRORS = {
    1: ValueError("too many notes"),
    2: EngineError("The parrot is hoarse.", hint="Give it a nut."),
    3: FileNotFoundError("no cage"),
    4: BrokenPipeError("its helper is gone"),
}


def load_parrot() -> ParrotAgent:
    return ParrotAgent()


def load_awkward() -> ParrotAgent:
    return AwkwardAgent()


def load_nothing() -> ParrotAgent:
    raise EngineError("There is no parrot here.", hint="Buy one.")


def load_broken() -> ParrotAgent:
    raise BrokenPipeError("the shop is closed")

"""SeamlessM4T v2 as an agent: each stream in the mode its policy names, over one set of weights."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from audio_io.chunk import AudioChunk, Boundary
from engine.agent import Agent, StreamControls, StreamRequest
from engine.events import Event
from engine.layers.features import RATE_HZ
from engine.m4t.chunked import ChunkedAgent
from engine.m4t.complete import CompleteAgent
from engine.m4t.config import CHUNKED, COMPLETE, FILE_POLICY, LIVE_POLICY, STREAMATT, M4tPolicy
from engine.m4t.loading import M4tModel
from engine.m4t.streamatt import StreamAttAgent

MEASURED_S = 8
"""Sound on which the speed is tried."""


@dataclass(frozen=True, slots=True)
class M4tState:
    mode: str
    inner: Any
    """The mode's own memory of the stream."""


class M4tAgent(Agent[AudioChunk, Event, M4tState]):
    """The weights are shared by all streams; nothing of a stream is kept here."""

    def __init__(self, model: M4tModel) -> None:
        self._modes: dict[str, Agent[AudioChunk, Event, Any]] = {
            COMPLETE: CompleteAgent(model),
            CHUNKED: ChunkedAgent(model),
            STREAMATT: StreamAttAgent(model),
        }

    def new_state(self, request: StreamRequest) -> M4tState:
        policy = request.policy or (LIVE_POLICY if request.live else FILE_POLICY)
        if not isinstance(policy, M4tPolicy):
            raise TypeError(f"m4t takes an M4tPolicy, not {type(policy).__name__}")
        inner = self._modes[policy.mode].new_state(replace(request, policy=policy))
        return M4tState(policy.mode, inner)

    def step(self, item: AudioChunk, state: M4tState) -> Iterator[Event]:
        return self._modes[state.mode].step(item, state.inner)

    def step_many(
        self, batch: Sequence[tuple[AudioChunk, M4tState]]
    ) -> list[list[Event] | Exception]:
        made: list[list[Event] | Exception] = [[] for _ in batch]
        for mode, agent in self._modes.items():
            places = [place for place, (_, state) in enumerate(batch) if state.mode == mode]
            results = agent.step_many([(batch[k][0], batch[k][1].inner) for k in places])
            for place, result in zip(places, results, strict=True):
                made[place] = result
        return made

    def control(self, controls: StreamControls, state: M4tState) -> None:
        self._modes[state.mode].control(controls, state.inner)

    def measure(self, request: StreamRequest) -> float | None:
        """On some seconds of noise that swells and fades, as speech does."""
        chance = np.random.default_rng(0)
        count = MEASURED_S * RATE_HZ
        swell = np.abs(np.sin(np.arange(count) * 4 * np.pi / RATE_HZ))
        sound = (0.2 * swell * chance.standard_normal(count)).astype(np.float32)
        state = self.new_state(request)
        begun_s = time.perf_counter()
        for first in range(0, count, RATE_HZ // 10):
            last = Boundary.STREAM if first + RATE_HZ // 10 >= count else Boundary.NONE
            piece = sound[first : first + RATE_HZ // 10]
            for _ in self.step(AudioChunk(piece, RATE_HZ, first, boundary=last), state):
                pass
        return (time.perf_counter() - begun_s) / MEASURED_S

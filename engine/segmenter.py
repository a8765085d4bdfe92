"""`Segmenter`: cuts a stream of sound into utterances and drops the silence between them.

sound       ....ssssssssssss...........sssssss....
detector    ......ssssssssssss...........sssssss..   late by its reaction time
utterance  |pre-roll+speech+silence|   |...        what is handed on
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from engine.agent import Agent, StreamRequest
from engine.vad.detector import VoiceDetector


@dataclass(frozen=True, slots=True)
class SegmenterConfig:
    silence_ms: int = 700
    """Silence that ends an utterance. Shorter cuts sooner and splits sentences."""
    pre_roll_ms: int = 360
    """Sound kept from before the detector noticed speech, so that no first syllable is lost."""

    def __post_init__(self) -> None:
        if self.silence_ms < 0 or self.pre_roll_ms < 0:
            raise ValueError("silence_ms and pre_roll_ms cannot be negative")


@dataclass(slots=True)
class SegmenterState:
    detector: Any
    """The voice detector's memory."""
    next_sample: int | None = None
    """Where the next chunk must start; None before the first."""
    rest: Samples = field(default_factory=lambda: silence(0))
    """Samples that do not fill a frame yet."""
    pre_roll: deque[Samples] = field(default_factory=deque)
    """Frames heard since the last utterance, the oldest dropped when it is full."""
    speaking: bool = False
    """Whether an utterance is open."""
    quiet_ms: float = 0.0
    """Silence at the end of the open utterance."""


class Segmenter(Agent[AudioChunk, AudioChunk, SegmenterState]):
    """Yields the sound of utterances only. The last chunk of each says `Boundary.UTTERANCE`."""

    def __init__(self, detector: VoiceDetector[Any], config: SegmenterConfig | None = None) -> None:
        self._detector = detector
        self._config = config or SegmenterConfig()
        self._frame_ms = 1000 * detector.frame_samples / detector.sample_rate_hz
        # The detector says "quiet" only after its own reaction time; that much has passed already.
        self._hangover_ms = self._config.silence_ms - detector.reaction_ms
        self._pre_roll_frames = round(self._config.pre_roll_ms / self._frame_ms)

    def new_state(self, request: StreamRequest) -> SegmenterState:
        state = SegmenterState(detector=self._detector.new_state())
        state.pre_roll = deque(maxlen=self._pre_roll_frames)
        return state

    def step(self, chunk: AudioChunk, state: SegmenterState) -> Iterator[AudioChunk]:
        if state.next_sample is not None and chunk.start_sample != state.next_sample:
            yield from self._close_at_gap(state)
        state.next_sample = chunk.end_sample
        sound = np.concatenate([state.rest, chunk.samples])
        size = self._detector.frame_samples
        position = chunk.end_sample - len(sound)
        whole = len(sound) // size * size
        for start in range(0, whole, size):
            yield from self._hear(sound[start : start + size], position + start, state)
        state.rest = sound[whole:]
        if chunk.boundary is Boundary.STREAM:
            tail = state.rest if state.speaking else silence(0)
            start_sample = chunk.end_sample - len(tail)
            state.rest = silence(0)
            yield self._chunk(tail, start_sample, Boundary.STREAM)

    def _hear(
        self, frame: Samples, start_sample: int, state: SegmenterState
    ) -> Iterator[AudioChunk]:
        voiced = self._detector.in_speech(frame, state.detector)
        if not state.speaking:
            if not voiced:
                state.pre_roll.append(frame)
                return
            kept = np.concatenate([*state.pre_roll, frame])
            start_sample -= len(kept) - len(frame)
            state.pre_roll.clear()
            state.speaking, state.quiet_ms = True, 0.0
            yield self._chunk(kept, start_sample, Boundary.NONE)
            return
        state.quiet_ms = 0.0 if voiced else state.quiet_ms + self._frame_ms
        if not voiced and state.quiet_ms >= self._hangover_ms:
            state.speaking = False
            yield self._chunk(frame, start_sample, Boundary.UTTERANCE)
        else:
            yield self._chunk(frame, start_sample, Boundary.NONE)

    def _close_at_gap(self, state: SegmenterState) -> Iterator[AudioChunk]:
        """Sound was lost: what was open ends before the gap, and listening starts afresh."""
        assert state.next_sample is not None
        if state.speaking:
            start_sample = state.next_sample - len(state.rest)
            yield self._chunk(state.rest, start_sample, Boundary.UTTERANCE)
        state.detector = self._detector.new_state()
        state.rest = silence(0)
        state.pre_roll.clear()
        state.speaking = False

    def _chunk(self, samples: Samples, start_sample: int, boundary: Boundary) -> AudioChunk:
        rate = self._detector.sample_rate_hz
        return AudioChunk(samples, rate, start_sample, boundary=boundary)

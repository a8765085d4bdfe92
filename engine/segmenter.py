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
        if chunk.sample_rate_hz != self._detector.sample_rate_hz:
            raise ValueError(f"the segmenter hears {self._detector.sample_rate_hz} Hz only")
        if state.next_sample is not None and chunk.start_sample != state.next_sample:
            yield from self._close_at_gap(state)
        state.next_sample = chunk.end_sample
        sound = np.concatenate([state.rest, chunk.samples])
        size = self._detector.frame_samples
        position = chunk.end_sample - len(sound)
        whole = len(sound) // size * size
        state.rest = sound[whole:]
        due: list[Samples] = []
        """What this step hands on of the open utterance, in one piece."""
        for start in range(0, whole, size):
            ended = self._hear(sound[start : start + size], state, due)
            if ended:
                yield self._chunk(due, position + start + size, Boundary.UTTERANCE)
                due = []
        if chunk.boundary is not Boundary.NONE:
            # Somebody says that the utterance, or the stream, ends here: what is heard ends too.
            if state.speaking:
                due.append(state.rest)
            if state.speaking or chunk.boundary is Boundary.STREAM:
                yield self._chunk(due, chunk.end_sample, chunk.boundary)
            self._forget(state)
        elif due:
            yield self._chunk(due, position + whole, Boundary.NONE)

    def _hear(self, frame: Samples, state: SegmenterState, due: list[Samples]) -> bool:
        """Take one frame; whether it ends an utterance."""
        voiced = self._detector.in_speech(frame, state.detector)
        if not state.speaking:
            if not voiced:
                state.pre_roll.append(frame)
                return False
            due.extend(state.pre_roll)
            state.pre_roll.clear()
            state.speaking, state.quiet_ms = True, 0.0
        due.append(frame)
        state.quiet_ms = 0.0 if voiced else state.quiet_ms + self._frame_ms
        if not voiced and state.quiet_ms >= self._hangover_ms:
            state.speaking = False
        return not state.speaking

    def _close_at_gap(self, state: SegmenterState) -> Iterator[AudioChunk]:
        """Sound was lost: what was open ends before the gap, and listening starts afresh."""
        assert state.next_sample is not None
        if state.speaking:
            yield self._chunk([state.rest], state.next_sample, Boundary.UTTERANCE)
        self._forget(state)

    def _forget(self, state: SegmenterState) -> None:
        state.detector = self._detector.new_state()
        state.rest = silence(0)
        state.pre_roll.clear()
        state.speaking = False

    def _chunk(self, pieces: list[Samples], end_sample: int, boundary: Boundary) -> AudioChunk:
        samples = np.concatenate(pieces) if pieces else silence(0)
        rate = self._detector.sample_rate_hz
        return AudioChunk(samples, rate, end_sample - len(samples), boundary=boundary)

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
from engine.hearing.vad.detector import VoiceDetector


@dataclass(frozen=True, slots=True)
class SegmenterConfig:
    silence_ms: int = 700
    """Silence that ends an utterance. Shorter cuts sooner and splits sentences."""
    pre_roll_ms: int = 360
    """Sound kept from before the detector noticed speech, so that no first syllable is lost."""
    long_ms: int | None = None
    """An utterance longer than this is ended by half as much silence."""
    most_ms: int | None = None
    """The longest utterance: it is cut at a quiet point near this, and the next goes on."""
    search_ms: int = 2000
    """How long before `most_ms` a quiet point is looked for."""

    def __post_init__(self) -> None:
        if self.silence_ms < 0 or self.pre_roll_ms < 0:
            raise ValueError("silence_ms and pre_roll_ms cannot be negative")
        if self.most_ms is not None and self.most_ms < 2 * self.search_ms:
            raise ValueError(f"most_ms {self.most_ms} is less than twice search_ms")


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
    open_ms: float = 0.0
    """Length of the open utterance."""
    quietest: float = np.inf
    """Power of its quietest frame within the time of searching."""


class Segmenter(Agent[AudioChunk, AudioChunk, SegmenterState]):
    """Yields the sound of utterances only. The last chunk of each says `Boundary.UTTERANCE`."""

    def __init__(self, detector: VoiceDetector[Any], config: SegmenterConfig | None = None) -> None:
        self._detector = detector
        self._config = config or SegmenterConfig()
        self._frame_ms = 1000 * detector.frame_samples / detector.sample_rate_hz
        # The detector says "quiet" only after its own reaction time; that much has passed already.
        self._reaction_ms = detector.reaction_ms
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
        """Take one frame; whether it ends an utterance. A cut ends one while speech goes on."""
        voiced = self._detector.in_speech(frame, state.detector)
        if not state.speaking:
            if not voiced:
                state.pre_roll.append(frame)
                return False
            due.extend(state.pre_roll)
            state.pre_roll.clear()
            state.speaking, state.quiet_ms = True, 0.0
            state.open_ms, state.quietest = len(due) * self._frame_ms, np.inf
        due.append(frame)
        state.open_ms += self._frame_ms
        state.quiet_ms = 0.0 if voiced else state.quiet_ms + self._frame_ms
        if not voiced and state.quiet_ms >= self._silence_ms(state) - self._reaction_ms:
            state.speaking = False
            return True
        if self._cuts_here(frame, state):
            state.open_ms, state.quietest = 0.0, np.inf
            return True
        return False

    def _silence_ms(self, state: SegmenterState) -> float:
        """How much silence ends the open utterance."""
        silence_ms, long_ms = self._config.silence_ms, self._config.long_ms
        return silence_ms / 2 if long_ms is not None and state.open_ms > long_ms else silence_ms

    def _cuts_here(self, frame: Samples, state: SegmenterState) -> bool:
        """Whether an utterance without a pause is cut after this frame.

        In the first half of the search only the quietest frame is remembered; in the second, the
        first one as quiet is taken, for what was handed on cannot be taken back.
        """
        most_ms, search_ms = self._config.most_ms, self._config.search_ms
        if most_ms is None or state.open_ms < most_ms - search_ms:
            return False
        power = float(np.mean(np.square(frame)))
        found = state.open_ms >= most_ms - search_ms / 2 and power <= state.quietest
        state.quietest = min(state.quietest, power)
        return found or state.open_ms >= most_ms

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

"""`Session`: one conversation, from the first sample to the last, live or of a recording.

Evaluation has a loop of its own.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from audio_io.chunk import AudioChunk, Boundary
from audio_io.clock import Clock, WallClock
from audio_io.ports import AudioSource
from engine.agent import StreamControls, StreamRequest
from engine.events import AudioLost, Event, Stamped, TargetAudio, UtteranceEnded
from engine.stepper import Stepper
from engine.voice import Voice

KEPT_CHUNKS = 3000
"""Of so many it is known when they were captured: a minute of a microphone."""

Listener: TypeAlias = Callable[[Stamped], None]
"""Hears every event, in order, on the session's thread."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One chunk went through the engine."""

    chunk: AudioChunk
    stepped_at_s: float
    """Clock time at which the engine was given it."""
    done_at_s: float
    """Clock time at which it asked for the next."""


class Session:
    """Feeds a source to an agent and routes what it says: speech to voices, all to listeners.

    Runs once, on the calling thread. It closes the stream's state, but neither source nor sinks:
    whoever opened them does.
    """

    def __init__(
        self,
        source: AudioSource,
        stepper: Stepper,
        request: StreamRequest,
        *,
        voices: Mapping[str, Voice] | None = None,
        listeners: Sequence[Listener] = (),
        controls: Callable[[], StreamControls] = StreamControls,
        progress: Callable[[Heard], None] | None = None,
        clock: Clock | None = None,
        shown: Callable[[Event], Event] = lambda event: event,
        follows: "Session | None" = None,
    ) -> None:
        """`controls` is asked before each step what the user wants now; the session adds how much
        speech waits. `progress` is told after each chunk. `shown` gives every event the times that
        a player shows. Utterances and samples are counted on
        from the session that this one `follows` on the same source."""
        self._source = source
        self._stepper = stepper
        self._request = request
        self._voices = voices or {}
        self._listeners = listeners
        self._controls = controls
        self._progress = progress
        self._clock = clock or WallClock()
        self._shown = shown
        self._first_utterance: int = follows._next_utterance if follows is not None else 0
        self._next_utterance: int = self._first_utterance
        self._next_sample: int = follows._next_sample if follows is not None else 0
        self._newest: AudioChunk | None = None
        """The chunk heard last."""
        self._captured: deque[tuple[float, float]] = deque(maxlen=KEPT_CHUNKS)
        """Stream time of the end of each chunk heard lately, and when it was captured."""
        self._paused = False

    @property
    def heard_s(self) -> float:
        """Stream time that has been heard, in seconds."""
        return self._newest.end_s if self._newest is not None else 0.0

    def run(self) -> None:
        """Until the source ends. Errors of source, agent and sinks pass through."""
        state = self._stepper.open(self._request)
        try:
            for chunk in self._source:
                stepped_at_s = self._clock.now_s()
                self._hear(chunk, state, stepped_at_s)
                self._tell_news(stepped_at_s)
                if self._progress is not None:
                    self._progress(Heard(chunk, stepped_at_s, self._clock.now_s()))
        finally:
            self._stepper.close(state)

    def finish_voices(self) -> None:
        """No session follows this one: wait until what was said is heard, as each voice does."""
        for voice in self._voices.values():
            voice.finish()
            self._tell_news()

    def _hear(self, chunk: AudioChunk, state: Any, stepped_at_s: float) -> None:
        if chunk.start_sample > self._next_sample or chunk.lost_reason:
            start_s = min(chunk.start_s, self._next_sample / chunk.sample_rate_hz)
            reason = chunk.lost_reason or "it could not be read"
            self._tell(self._shown(AudioLost(start_s, chunk.start_s, reason)), stepped_at_s)
        self._next_sample = chunk.end_sample
        queued_ms = {code: voice.queued_ms for code, voice in self._voices.items()}
        controls = replace(self._controls(), queued_ms=queued_ms)
        self._newest = chunk
        if chunk.captured_at_s is not None:
            self._captured.append((chunk.end_s, chunk.captured_at_s))
        was_paused, self._paused = self._paused, controls.paused
        if controls.paused:
            if was_paused and chunk.boundary is not Boundary.STREAM:
                return
            # What is open ends here; of what is said meanwhile the agent hears nothing.
            ends = Boundary.UTTERANCE if chunk.boundary is Boundary.NONE else chunk.boundary
            chunk = replace(chunk, samples=chunk.samples[:0], boundary=ends)
        for event in self._stepper.step(chunk, state, controls):
            self._route(event, stepped_at_s)

    def _route(self, event: Event, stepped_at_s: float) -> None:
        """Speech to its voice; everything to the listeners."""
        if not isinstance(event, AudioLost) and self._first_utterance:
            event = replace(event, utterance=event.utterance + self._first_utterance)
        event = self._shown(event)
        if isinstance(event, TargetAudio) and event.language in self._voices:
            self._voices[event.language].take(event, self._captured_at_s(event.end_s))
        if isinstance(event, UtteranceEnded):
            self._next_utterance = event.utterance + 1
            for voice in self._voices.values():
                voice.end_utterance(event.utterance)
        self._tell(event, stepped_at_s)

    def _tell_news(self, stepped_at_s: float | None = None) -> None:
        """What voices have to say; without a step, at the time it is told."""
        for voice in self._voices.values():
            for event in voice.news():
                self._tell(event, self._clock.now_s() if stepped_at_s is None else stepped_at_s)

    def _captured_at_s(self, stream_s: float) -> float | None:
        """Clock time at which a moment of the stream was captured; None for a file."""
        if not self._captured:
            return None
        end_s, captured_at_s = self._captured[-1]
        for before_s, at_s in reversed(self._captured):
            if before_s < stream_s:
                break
            end_s, captured_at_s = before_s, at_s
        return captured_at_s - (end_s - stream_s)

    def _tell(self, event: Event, stepped_at_s: float) -> None:
        stamped = Stamped(
            event,
            self._clock.now_s(),
            stepped_at_s,
            self.heard_s,
            self._newest.captured_at_s if self._newest is not None else None,
        )
        for listener in self._listeners:
            listener(stamped)

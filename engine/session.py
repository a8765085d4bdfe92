"""`Session`: one conversation, from the first sample to the last. The only loop there is."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from audio_io.chunk import AudioChunk, Boundary
from audio_io.ports import AudioSink, AudioSource
from engine.agent import StreamControls, StreamRequest
from engine.clock import Clock, WallClock
from engine.events import AudioLost, Event, Stamped, TargetAudio, UtteranceEnded
from engine.pacing import Paced, Pacer
from engine.stepper import Stepper

Listener: TypeAlias = Callable[[Stamped], None]
"""Hears every event, in order, on the session's thread."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Where the speech of one target language goes."""

    pacer: Pacer
    sink: AudioSink


class Session:
    """Feeds a source to an agent and routes what it says: speech to sinks, all to listeners.

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
        progress: Callable[[float], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`controls` is asked before each step what the user wants now; the session adds how much
        speech waits. `progress` is told after each chunk how much was heard, in seconds."""
        self._source = source
        self._stepper = stepper
        self._request = request
        self._voices = voices or {}
        self._listeners = listeners
        self._controls = controls
        self._progress = progress
        self._clock = clock or WallClock()
        self._next_sample = 0
        self._newest: AudioChunk | None = None
        """The chunk heard last."""
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
                self._hear(chunk, state)
                if self._progress is not None:
                    self._progress(self.heard_s)
        finally:
            self._stepper.close(state)

    def _hear(self, chunk: AudioChunk, state: Any) -> None:
        stepped_at_s = self._clock.now_s()
        if chunk.start_sample > self._next_sample:
            start_s = self._next_sample / chunk.sample_rate_hz
            reason = chunk.lost_reason or "it could not be read"
            self._tell(AudioLost(start_s, chunk.start_s, reason), stepped_at_s)
        self._next_sample = chunk.end_sample
        queued_ms = {code: voice.sink.queued_ms for code, voice in self._voices.items()}
        controls = replace(self._controls(), queued_ms=queued_ms)
        self._newest = chunk
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
        """Speech to its sink by way of its pacer; everything to the listeners."""
        if isinstance(event, TargetAudio) and event.language in self._voices:
            voice = self._voices[event.language]
            paced = voice.pacer.pace(event, voice.sink.queued_ms)
            self._play(voice, paced, event.utterance, stepped_at_s)
        elif isinstance(event, UtteranceEnded):
            for voice in self._voices.values():
                paced = voice.pacer.end_utterance()
                self._play(voice, paced, event.utterance, stepped_at_s)
        self._tell(event, stepped_at_s)

    def _play(
        self, voice: Voice, paced: Iterator[Paced], utterance: int, stepped_at_s: float
    ) -> None:
        for item in paced:
            if isinstance(item, AudioChunk):
                voice.sink.write(item, utterance)
            else:
                self._tell(item, stepped_at_s)

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

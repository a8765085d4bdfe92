"""`Session`: one conversation, from the first sample to the last. The only loop there is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from audio_io.chunk import AudioChunk
from audio_io.ports import AudioSink, AudioSource
from engine.agent import StreamControls, StreamRequest
from engine.clock import Clock, WallClock
from engine.events import AudioLost, Event, Stamped, TargetAudio
from engine.pacing import Pacer
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
        progress: Callable[[float], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._source = source
        self._stepper = stepper
        self._request = request
        self._voices = voices or {}
        self._listeners = listeners
        self._progress = progress
        self._clock = clock or WallClock()
        self._heard_s = 0.0
        self._next_sample = 0

    @property
    def heard_s(self) -> float:
        """Stream time that has been heard, in seconds."""
        return self._heard_s

    def run(self) -> None:
        """Until the source ends. Errors of source, agent and sinks pass through."""
        state = self._stepper.open(self._request)
        try:
            for chunk in self._source:
                self._notice_gap(chunk)
                self._heard_s = chunk.end_s
                for event in self._stepper.step(chunk, state, self._controls()):
                    self._route(event)
                if self._progress is not None:
                    self._progress(self._heard_s)
        finally:
            self._stepper.close(state)

    def _controls(self) -> StreamControls:
        queued_ms = max((voice.sink.queued_ms for voice in self._voices.values()), default=0.0)
        return StreamControls(queued_ms=queued_ms)

    def _notice_gap(self, chunk: AudioChunk) -> None:
        if chunk.start_sample > self._next_sample:
            start_s = self._next_sample / chunk.sample_rate_hz
            self._route(AudioLost(start_s, chunk.start_s, "it could not be read"))
        self._next_sample = chunk.end_sample

    def _route(self, event: Event) -> None:
        if isinstance(event, TargetAudio) and event.language in self._voices:
            voice = self._voices[event.language]
            for chunk in voice.pacer.pace(event):
                voice.sink.write(chunk, event.utterance)
        stamped = Stamped(event, self._clock.now_s(), self._heard_s)
        for listener in self._listeners:
            listener(stamped)

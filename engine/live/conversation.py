"""`Conversation`: sessions on one source, and what a person may do to them.

It runs on a thread of its own. Terminal and socket steer the same one.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from audio_io.clock import WallClock
from audio_io.cut import CutSource
from engine.agent import StreamControls, StreamRequest
from engine.events import AudioLost, Stamped
from engine.hearing.catch_up import REASON as SKIPPED
from engine.live.happenings import (
    HappeningQueue,
    Mark,
    Switched,
    mark_record,
    switched_record,
)
from engine.live.listening import Listening
from engine.live.recorder import Recorder
from engine.metrics.meter import Meter
from engine.registry import describe
from engine.session import Heard, Session
from engine.speaking.live_voice import LiveVoice
from engine.stepper import Stepper
from engine.voice import Voice
from engine.whisper.check import OutputCheck

LOUDEST_PERCENT = 200
MOST_MISSING = 1000


class Loudness(Protocol):
    """How loud speech is heard."""

    def choose(self, percent: int, *, muted: bool) -> None:
        """What a person wants."""


@dataclass(frozen=True, slots=True)
class Ends:
    """What a conversation runs between."""

    source: CutSource
    end: Callable[[], None]
    """Ends the source, from any thread."""
    voice: LiveVoice | None
    """None where nothing is spoken."""
    loudness: Loudness


class Conversation:
    """Made and steered by one thread."""

    def __init__(
        self,
        request: StreamRequest,
        ends: Ends,
        stepper: Stepper,
        queue: HappeningQueue,
        *,
        swapped: StreamRequest | None = None,
        push_to_talk: bool = False,
        recorder: Recorder | None = None,
        check: OutputCheck | None = None,
        listening: Listening | None = None,
    ) -> None:
        """`swapped` is the request with the languages exchanged, None where that cannot be. With
        `push_to_talk` nothing is translated before `toggle_talk`. `listening` is switched."""
        self.ends = ends
        self.check = check
        self.request = request
        """What is asked of the engine now."""
        self.swapped = swapped
        """What will be asked once the languages are exchanged."""
        self.push_to_talk = push_to_talk
        self.meter = Meter(_spoken(request))
        self.paused = False
        self.talking = not push_to_talk
        """Whether what is heard is meant to be translated."""
        self.muted = False
        self.volume_percent = 100
        self.marks = 0
        self.heard_s = 0.0
        """Stream time heard so far."""
        self.missing: list[AudioLost] = []
        """What the source itself did not have; the first of it, should that be much."""
        self.over = threading.Event()
        self.error: BaseException | None = None
        """What ended the session, if it was an error."""
        self._listening = listening or Listening(self.talking)
        self._stepper = stepper
        self._queue = queue
        self._recorder = recorder
        self._clock = WallClock()
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)

    def start(self) -> None:
        if self.ends.voice is not None:
            self.ends.voice.start()
        if not self.talking:
            self._tell_switched(0.0)
        self._thread.start()

    def end(self, *, drop: bool) -> None:
        """What was heard by now is translated and spoken to its end, or `drop`ped."""
        if drop and self.ends.voice is not None:
            self.ends.voice.drop("the session was ended")
        self.ends.end()

    def toggle_pause(self) -> None:
        self.paused = not self.paused
        self._switch()

    def toggle_talk(self) -> None:
        """With push-to-talk: begin to talk, or have said all; without it, pause and go on."""
        if self.push_to_talk:
            self.talking = not self.talking
            self._switch()
        else:
            self.toggle_pause()

    def toggle_mute(self) -> None:
        self.muted = not self.muted
        self.ends.loudness.choose(self.volume_percent, muted=self.muted)

    def louder(self, percent: int) -> None:
        self.volume_percent = min(LOUDEST_PERCENT, max(0, self.volume_percent + percent))
        self.ends.loudness.choose(self.volume_percent, muted=self.muted)

    def mark(self) -> Mark:
        """This very moment, wherever the engine is."""
        self.marks += 1
        mark = Mark(self._queue.stream_s(), self.marks)
        at_s = self._queue.put(mark)
        if self._recorder is not None:
            self._recorder.note(mark_record(mark), at_s)
        return mark

    def hear(self, stamped: Stamped) -> None:
        """An event: for whoever looks on, and for the recording."""
        event, room = stamped.event, MOST_MISSING - len(self.missing)
        if isinstance(event, AudioLost) and event.reason != SKIPPED and room > 0:
            self.missing.append(event)
        at_s = self._queue.put(stamped)
        if self._recorder is not None:
            self._recorder.hear(stamped, at_s)

    def swap(self) -> bool:
        """Exchange the languages, if the engine can; what is heard now is translated first."""
        if self.swapped is None:
            return False
        self.ends.source.cut()
        return True

    def _switch(self) -> None:
        """From this very moment on, wherever the engine is."""
        at_s = self._queue.stream_s()
        if self._listens != self._listening.at(math.inf):
            self._listening.switch(at_s, self._listens)
            self._tell_switched(at_s)

    @property
    def _listens(self) -> bool:
        return self.talking and not self.paused

    def _tell_switched(self, moment_s: float) -> None:
        recorder = self._recorder
        recorded = recorder is not None and (self._listens or recorder.keeps_all)
        switched = Switched(self._listens, moment_s, recorded)
        at_s = self._queue.put(switched)
        if recorder is not None:
            recorder.note(switched_record(switched), at_s)

    def _controls(self) -> StreamControls:
        """For the chunk that was handed on last."""
        return StreamControls(paused=not self._listening.at(self.ends.source.end_s))

    def _run(self) -> None:
        try:
            self._run_sessions()
        except BaseException as error:  # for the main thread
            self.error = error
        finally:
            self.over.set()

    def _run_sessions(self) -> None:
        session: Session | None = None
        while True:
            session = self._session(session)
            session.run()
            if self.ends.source.is_over:
                break
            assert self.swapped is not None
            self.request, self.swapped = self.swapped, self.request
            self.meter.speaks = _spoken(self.request)
            if self.check is not None:
                self.check.speaks = self.meter.speaks
            self._queue.put(f"now {describe(self.request)}")
        session.finish_voices()

    def _session(self, before: Session | None) -> Session:
        voices: dict[str, Voice] = {}
        spoken = _spoken(self.request)
        if self.ends.voice is not None and spoken is not None:
            voices[spoken] = self.ends.voice
        listeners: list[Callable[[Stamped], None]] = [self.meter.hear, self.hear]
        if self.check is not None:
            listeners.append(self.check.hear)
        return Session(
            self.ends.source,
            self._stepper,
            self.request,
            voices=voices,
            listeners=listeners,
            controls=self._controls,
            progress=self._progress,
            clock=self._clock,
            follows=before,
        )

    def _progress(self, heard: Heard) -> None:
        if len(heard.chunk.samples):  # an end may lie where sound was lost
            self.heard_s = heard.chunk.end_s
        self.meter.progress(heard)


def _spoken(request: StreamRequest) -> str | None:
    """The target that is heard, if any."""
    return request.spoken[0] if request.spoken else None

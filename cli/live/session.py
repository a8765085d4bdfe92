"""`LiveSession`: one live conversation on a thread of its own, and what a person may do to it."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from audio_io.clock import WallClock
from audio_io.device_stream import DeviceNotice
from cli.live.ends import Ends
from cli.live.output_check import OutputCheck
from cli.live.plan import LivePlan
from cli.live.record import Recorder
from engine.agent import StreamControls
from engine.events import Stamped
from engine.metrics.meter import Meter
from engine.registry import describe
from engine.session import Heard, Session
from engine.stepper import Stepper
from engine.voice import Voice

QUEUE_ITEMS = 10_000
LOUDEST_PERCENT = 200


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment somebody marked."""

    at_s: float
    """Stream time, in seconds."""
    number: int


def mark_record(mark: Mark) -> dict[str, object]:
    return {"type": "mark", "number": mark.number, "start_s": round(mark.at_s, 3)}


Happening: TypeAlias = Stamped | DeviceNotice | Mark | str
"""What the main thread is told: events, what happens to devices, marks, and plain sentences."""


class HappeningQueue:
    """From any thread to the main one. When it is full the oldest is lost, and counted."""

    def __init__(self) -> None:
        self._items: deque[Happening] = deque()
        self._lock = threading.Lock()
        self._lost = 0

    def put(self, item: Happening) -> None:
        with self._lock:
            if len(self._items) >= QUEUE_ITEMS:
                self._items.popleft()
                self._lost += 1
            self._items.append(item)

    def drain(self) -> tuple[list[Happening], int]:
        """All that waits, and how many were lost before it."""
        with self._lock:
            items, lost = list(self._items), self._lost
            self._items.clear()
            self._lost = 0
            return items, lost


class LiveSession:
    """Made and steered by the main thread."""

    def __init__(
        self,
        plan: LivePlan,
        ends: Ends,
        stepper: Stepper,
        queue: HappeningQueue,
        recorder: Recorder | None,
        check: OutputCheck | None = None,
    ) -> None:
        self.plan = plan
        self.ends = ends
        self.check = check
        self.meter = Meter(plan.spoken)
        self.request = plan.request
        self.paused = False
        self.talking = not plan.options.push_to_talk
        """Whether what is heard is meant to be translated."""
        self.muted = False
        self.volume_percent = 100
        self.marks = 0
        self.heard_s = 0.0
        """Stream time heard so far."""
        self.over = threading.Event()
        self.error: BaseException | None = None
        """What ended the session, if it was an error."""
        self._stepper = stepper
        self._queue = queue
        self._recorder = recorder
        self._clock = WallClock()
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)

    def start(self) -> None:
        if self.ends.voice is not None:
            self.ends.voice.start()
        self._thread.start()

    def end(self, *, drop: bool) -> None:
        """What was heard by now is translated and spoken to its end, or `drop`ped."""
        if drop and self.ends.voice is not None:
            self.ends.voice.drop("the session was ended")
        self.ends.end()

    def toggle_pause(self) -> None:
        self.paused = not self.paused

    def toggle_talk(self) -> None:
        """With push-to-talk: begin to talk, or have said all; without it, pause and go on."""
        if self.plan.options.push_to_talk:
            self.talking = not self.talking
        else:
            self.toggle_pause()

    def toggle_mute(self) -> None:
        self.muted = not self.muted
        self.ends.loudness.choose(self.volume_percent, muted=self.muted)

    def louder(self, percent: int) -> None:
        self.volume_percent = min(LOUDEST_PERCENT, max(0, self.volume_percent + percent))
        self.ends.loudness.choose(self.volume_percent, muted=self.muted)

    def mark(self) -> Mark:
        self.marks += 1
        mark = Mark(self.heard_s, self.marks)
        if self._recorder is not None:
            self._recorder.note(mark_record(mark))
        self._queue.put(mark)
        return mark

    def swap(self) -> bool:
        """Exchange the languages, if the engine can; what is heard now is translated first."""
        if self.plan.swapped is None:
            return False
        self.ends.source.cut()
        return True

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
            assert self.plan.swapped is not None
            was_first = self.request is self.plan.request
            self.request = self.plan.swapped if was_first else self.plan.request
            self.meter.speaks = self.request.spoken[0] if self.request.spoken else None
            if self.check is not None:
                self.check.speaks = self.meter.speaks
            self._queue.put(f"now {describe(self.request)}")
        session.finish_voices()

    def _session(self, before: Session | None) -> Session:
        voices: dict[str, Voice] = {}
        if self.ends.voice is not None and self.request.spoken:
            voices[self.request.spoken[0]] = self.ends.voice
        listeners: list[Callable[[Stamped], None]] = [self.meter.hear, self._queue.put]
        if self._recorder is not None:
            listeners.append(self._recorder.hear)
        if self.check is not None:
            listeners.append(self.check.hear)
        return Session(
            self.ends.source,
            self._stepper,
            self.request,
            voices=voices,
            listeners=listeners,
            controls=lambda: StreamControls(paused=self.paused or not self.talking),
            progress=self._progress,
            clock=self._clock,
            follows=before,
        )

    def _progress(self, heard: Heard) -> None:
        self.heard_s = heard.chunk.end_s
        if self._recorder is not None and heard.chunk.captured_at_s is not None:
            self._recorder.heard_at(heard.chunk.captured_at_s, heard.chunk.end_s)
        self.meter.progress(heard)

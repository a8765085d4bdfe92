"""What happens in a conversation, in one order and each with its time, for whoever looks on."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from audio_io.clock import Clock, StreamClock, WallClock
from audio_io.device_stream import DeviceNotice
from engine.events import Stamped

QUEUE_ITEMS = 10_000


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment somebody marked."""

    at_s: float
    """Stream time, in seconds."""
    number: int


@dataclass(frozen=True, slots=True)
class Switched:
    """From now on what is said is heard, or is not: paused, or nobody talks by hand."""

    listens: bool
    at_s: float
    """Stream time, in seconds."""
    recorded: bool
    """Whether what is said is kept."""


@dataclass(frozen=True, slots=True)
class EngineSlow:
    """The engine was found not to keep up."""

    factor: float
    """How many seconds it needs for a second of sound."""


Happening: TypeAlias = Stamped | DeviceNotice | Mark | Switched | EngineSlow | str
"""Events, what happens to devices, marks, and plain sentences."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Something happened."""

    what: Happening
    at_s: float
    """When, in stream time. It never goes back from one to the next."""


class HappeningQueue:
    """From any thread to the main one. When it is full the oldest is lost, and counted."""

    def __init__(self, stream: StreamClock | None = None, clock: Clock | None = None) -> None:
        self.stream = stream or StreamClock()
        """Where the stream stands."""
        self._clock = clock or WallClock()
        self._items: deque[Happened] = deque()
        self._lock = threading.Lock()
        self._lost = 0
        self._at_s = 0.0

    def stream_s(self) -> float:
        """Stream time now, in seconds."""
        return self.stream.stream_s(self._clock.now_s())

    def put(self, item: Happening) -> float:
        """When it happened, in stream time."""
        with self._lock:
            if len(self._items) >= QUEUE_ITEMS:
                self._items.popleft()
                self._lost += 1
            at_s = self._now_s()
            self._items.append(Happened(item, at_s))
            return at_s

    def drain(self) -> tuple[list[Happened], int]:
        """All that waits, and how many were lost before it."""
        with self._lock:
            items, lost = list(self._items), self._lost
            self._items.clear()
            self._lost = 0
            return items, lost

    def last_s(self) -> float:
        """The time of what happens last of all."""
        with self._lock:
            return self._now_s()

    def _now_s(self) -> float:
        self._at_s = max(self._at_s, self.stream_s())
        return self._at_s


def mark_record(mark: Mark) -> dict[str, object]:
    return {"type": "mark", "number": mark.number, "start_s": round(mark.at_s, 3)}


def switched_record(switched: Switched) -> dict[str, object]:
    return {
        "type": "resumed" if switched.listens else "paused",
        "start_s": round(switched.at_s, 3),
        "recorded": switched.recorded,
    }

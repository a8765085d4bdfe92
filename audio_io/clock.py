"""The clocks a session reads."""

import threading
import time
from typing import Protocol

TICK_S = 0.05
HELD_S = 0.2
"""Being late by less is no sign that the process was held."""


class Clock(Protocol):
    def now_s(self) -> float:
        """Seconds since some fixed moment; never goes back."""


class WallClock:
    """The time that passes for people."""

    def now_s(self) -> float:
        return time.monotonic()


class RunningClock:
    """The time in which this process ran: it stands while the process is held, as by Ctrl-Z.

    A thread looks at the clock again and again; where it could not for a while, nobody here could.
    """

    def __init__(self) -> None:
        self._held_s = 0.0
        self._looked_at_s = time.monotonic()
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="running-clock", daemon=True).start()

    def now_s(self) -> float:
        return time.monotonic() - self.held_s()

    def held_s(self) -> float:
        """For how long the process was held so far."""
        return self._held_s + self._missed_s(time.monotonic())

    def close(self) -> None:
        self._ended.set()

    def _missed_s(self, now_s: float) -> float:
        missed_s = now_s - self._looked_at_s - TICK_S
        return missed_s if missed_s > HELD_S else 0.0

    def _run(self) -> None:
        while not self._ended.wait(TICK_S):
            now_s = time.monotonic()
            self._held_s += self._missed_s(now_s)
            self._looked_at_s = now_s

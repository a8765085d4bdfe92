"""The clock a session reads."""

import time
from typing import Protocol


class Clock(Protocol):
    def now_s(self) -> float:
        """Seconds since some fixed moment; never goes back."""


class WallClock:
    """The time that passes for people."""

    def now_s(self) -> float:
        return time.monotonic()

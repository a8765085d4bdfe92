"""Signals that end the program from outside."""

import signal
import sys
from types import FrameType


def leave_on_signals() -> None:
    """TERM and a terminal that closes end the program at once, and in order."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup has SIGHUP ignored
            signal.signal(number, lambda number, _: sys.exit(128 + number))


class Signals:
    """What ends the program from outside. Before the session has begun, at once; then it is only
    noted here, since a handler may interrupt whoever holds a lock."""

    def __init__(self) -> None:
        self.count = 0
        self.number = 0
        """The first that came."""
        self.only_noted = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup has SIGHUP ignored
                signal.signal(number, self._note)

    def _note(self, number: int, _: FrameType | None) -> None:
        if not self.only_noted:
            raise SystemExit(128 + number)
        self.count += 1
        self.number = self.number or number

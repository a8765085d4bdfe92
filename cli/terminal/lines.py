"""`ResultLines`: results on standard output, without waiting for whoever reads them."""

import os
import sys
import threading
import time
from collections import deque

MOST_LINES = 10_000
PATIENCE_S = 5.0
"""How long a reader may take for the rest when all is over."""


class ResultLines:
    """Written by a thread of its own. When too much waits, the oldest lines are lost, and counted.

    Straight to the descriptor: a thread that hangs in Python's own writer would hang its end too.
    """

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._writing = False
        self.lost = 0
        """Lines that nobody took in time."""
        self.error: OSError | None = None
        """Why nothing can be written any more."""
        threading.Thread(target=self._run, name="results", daemon=True).start()

    def put(self, line: str) -> None:
        with self._changed:
            if self.error is not None:
                return
            if len(self._lines) >= MOST_LINES:
                self._lines.popleft()
                self.lost += 1
            self._lines.append(f"{line}\n".encode(errors="surrogateescape"))
            self._changed.notify_all()

    @property
    def reader_has_gone(self) -> bool:
        return isinstance(self.error, BrokenPipeError)

    def finish(self) -> None:
        """Wait until all is written, but not for ever; what is left then is lost."""
        ends_at_s = time.monotonic() + PATIENCE_S
        with self._changed:
            while (self._lines or self._writing) and self.error is None:
                left_s = ends_at_s - time.monotonic()
                if left_s <= 0:
                    self.lost += len(self._lines) + self._writing
                    return
                self._changed.wait(left_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._lines:
                    self._changed.wait()
                data = self._lines.popleft()
                self._writing = True
            try:
                while data and sys.stdout is not None:  # None: closed before we started
                    data = data[os.write(sys.stdout.fileno(), data) :]
            except OSError as error:
                with self._changed:
                    self.error = error
                    self._lines.clear()
            with self._changed:
                self._writing = False
                self._changed.notify_all()

"""What a program last said on standard error, for the message that it died."""

import os
import subprocess
from collections.abc import Sequence
from typing import IO

_KEPT_BYTES = 4096
_KEPT_CHARACTERS = 300


def last_line(said: bytes) -> str:
    """The last line that says something, as one can show it; empty without one."""
    lines = said.decode(errors="replace").split("\n")
    shown = ["".join(filter(str.isprintable, line)).strip() for line in lines]
    return next((line[:_KEPT_CHARACTERS] for line in reversed(shown) if line), "")


class Complaints:
    """What running programs say on standard error: read as it comes, so that none of them waits
    for a reader, and only the end of it kept."""

    def __init__(self) -> None:
        self._said: dict[int, bytes] = {}
        self._names: dict[int, str] = {}
        self._pipes: dict[int, IO[bytes]] = {}

    def listen(self, process: "subprocess.Popen[bytes]", name: str) -> None:
        """To one that was started with a pipe for it."""
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        self._pipes[process.pid] = process.stderr
        self._said[process.pid] = b""
        self._names[process.pid] = name

    @property
    def pipes(self) -> list[IO[bytes]]:
        """Those of programs that may still say something; to be waited for with `select`."""
        return list(self._pipes.values())

    def read(self) -> None:
        """All that was said by now."""
        for pid, pipe in list(self._pipes.items()):
            try:
                while piece := os.read(pipe.fileno(), 65536):
                    self._said[pid] = (self._said[pid] + piece)[-_KEPT_BYTES:]
            except BlockingIOError:
                continue
            self._pipes.pop(pid).close()  # it ended, or will say no more

    def of_the_dead(self, processes: Sequence["subprocess.Popen[bytes]"]) -> str:
        """Which of them failed first in the order of the pipes, and its last line; empty where none
        did. Those behind one that died end well: their input ended."""
        self.read()
        for process in processes:
            if process.poll():
                said = last_line(self._said.get(process.pid, b""))
                name = self._names[process.pid]
                return f"{name} last said: {said}" if said else f"{name} ended without a word"
        return ""

    def close(self) -> None:
        for pipe in self._pipes.values():
            pipe.close()
        self._pipes.clear()
        self._said.clear()
        self._names.clear()

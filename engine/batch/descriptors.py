"""Recordings that this process was started with: standard input, and others that a shell opens."""

import os
import re
import stat
import sys
from pathlib import Path
from typing import IO

from audio_io.errors import SoundFileError

STDIN = 0
_NAMED = re.compile(r"/dev/fd/(\d+)|/proc/(self|thread-self|\d+)/fd/(\d+)")


def descriptor_of(name: str) -> int | None:
    """The number of what is open already and has this name; None for a file like others. `-`,
    `/dev/stdin`, and `/dev/fd/63`, which a shell makes of `<(command)`."""
    if name in ("-", "/dev/stdin"):
        return STDIN
    found = _NAMED.fullmatch(os.path.normpath(name))
    if found is None:
        return None
    number, process, number_there = found.groups()
    if process is None:
        return int(number)
    ours = process in ("self", "thread-self", str(os.getpid()))
    return int(number_there) if ours else None


def open_descriptor(number: int, name: str) -> IO[bytes]:
    """What is open as this number. Raises `SoundFileError` where nothing is."""
    if number == STDIN:
        if sys.stdin is None:
            raise SoundFileError("Standard input is closed.", hint="Pipe a recording into it.")
        return sys.stdin.buffer
    try:
        return open(number, "rb", buffering=0, closefd=False)
    except OSError as error:
        raise SoundFileError(f"{name} cannot be read: {error.strerror}.") from error


def file_behind(stream: IO[bytes]) -> Path | None:
    """A path for the file that `< film.mp4` opened, in which one may go back and forth; None for a
    pipe, and for a file of which something was read already."""
    try:
        number = stream.fileno()
        is_fresh = stat.S_ISREG(os.fstat(number).st_mode) and os.lseek(number, 0, os.SEEK_CUR) == 0
    except OSError:  # not of the system, or nowhere to go back to
        return None
    path = Path(f"/dev/fd/{number}")
    return path if is_fresh and os.access(path, os.R_OK) else None

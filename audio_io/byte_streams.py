"""Bytes of a recording, from a file or from a pipe, in the shape that FFmpeg asks for.

Neither tells its name: FFmpeg then judges by the content alone, and no name can make it open
something else.

PyAV calls `read` and `seek` from within FFmpeg, and loses there what is no `Exception`: Ctrl-C is
printed and forgotten, and a `SystemExit` ends the process on the spot.
"""

import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import IO, TypeAlias

_HEAD_BYTES = 4096


class FileBytes:
    """A file of the disk, in which one may go back and forth."""

    system_error = ""
    """What the system said of what lies behind its end; empty where nothing does."""

    def __init__(self, file: IO[bytes], size_bytes: int) -> None:
        self._file = file
        self.size_bytes = size_bytes
        # The file's own methods, not methods in Python: in these no signal handler can run.
        self.read: Callable[[int], bytes] = file.read
        self.seek: Callable[..., int] = file.seek
        self.tell: Callable[[], int] = file.tell

    @property
    def head(self) -> bytes:
        """The first few thousand bytes."""
        return self.at(0, _HEAD_BYTES)

    def patient(self) -> "FileBytes":
        """The same bytes, which may also be asked to go before the beginning: that raises in the
        file's own method, and FFmpeg asks for it in damaged files."""
        return PiecesBytes([Piece(self._file, 0, self.size_bytes)])

    def at(self, place: int, size_bytes: int) -> bytes:
        """Bytes from somewhere else, without moving."""
        return os.pread(self._file.fileno(), size_bytes, place)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a file."""

    file: IO[bytes]
    start: int
    size_bytes: int


class PiecesBytes(FileBytes):
    """Stretches of files, one after the other, as if they were one file."""

    def __init__(self, pieces: Sequence[Piece], system_error: str = "") -> None:
        self.system_error = system_error
        self._pieces = list(pieces)
        self._ends = list(accumulate(piece.size_bytes for piece in self._pieces))
        self.size_bytes = self._ends[-1] if self._ends else 0
        self._place = 0
        self.read = self._read
        self.seek = self._seek
        self.tell = self._tell

    def patient(self) -> FileBytes:
        return self

    def at(self, place: int, size_bytes: int) -> bytes:
        data = b""
        while len(data) < size_bytes and place < self.size_bytes:
            index = bisect_right(self._ends, place)
            piece = self._pieces[index]
            within = place - (self._ends[index] - piece.size_bytes)
            more_bytes = min(size_bytes - len(data), piece.size_bytes - within)
            got = os.pread(piece.file.fileno(), more_bytes, piece.start + within)
            if not got:
                break  # it has become shorter meanwhile
            data += got
            place += len(got)
        return data

    def _read(self, size_bytes: int = -1) -> bytes:
        try:
            size_bytes = self.size_bytes if size_bytes < 0 else size_bytes
            data = self.at(self._place, size_bytes)
            self._place += len(data)
            return data
        except Exception:
            raise
        except BaseException as error:  # a signal, which FFmpeg would swallow
            raise InterruptedReadError(error) from error

    def _seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.size_bytes}[whence]
        if start + offset < 0:
            return -1  # FFmpeg takes that for an answer
        self._place = start + offset
        return self._place

    def _tell(self) -> int:
        return self._place


class PipeBytes:
    """A pipe, terminal or socket: bytes come once, when they come."""

    size_bytes = None
    system_error = ""

    def __init__(self, stream: IO[bytes]) -> None:
        # `read` of a buffered stream waits until all that was asked for is there, which would
        # hold back seconds of a live stream; `read1` hands over what has come.
        self._read = getattr(stream, "read1", stream.read)
        self.head = b""
        """The first few thousand of the bytes that were read so far."""

    def read(self, size_bytes: int) -> bytes:
        data: bytes = self._read(size_bytes) or b""
        if len(self.head) < _HEAD_BYTES:
            self.head += data[: _HEAD_BYTES - len(self.head)]
        return data


@dataclass(frozen=True, slots=True)
class Address:
    """Something on the network, which FFmpeg reads itself."""

    url: str
    """With whatever password it holds: not for people."""
    head: bytes = b""
    size_bytes: None = None
    system_error: str = ""


Bytes: TypeAlias = FileBytes | PipeBytes | Address


class InterruptedReadError(Exception):
    """Somebody wants to leave while FFmpeg waits for bytes."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__("interrupted while reading")
        self.cause = cause
        """What to raise once FFmpeg has returned."""


class PipeForFfmpeg:
    """A pipe that may keep FFmpeg waiting for long, without holding up those who want to leave."""

    def __init__(self, pipe: PipeBytes) -> None:
        self._pipe = pipe

    def read(self, size_bytes: int) -> bytes:
        try:
            return self._pipe.read(size_bytes)
        except Exception:
            raise
        except BaseException as error:
            raise InterruptedReadError(error) from error

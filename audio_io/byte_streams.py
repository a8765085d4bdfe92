"""Bytes of a recording, from a file or from a pipe, in the shape that FFmpeg asks for.

Neither tells its name: FFmpeg then judges by the content alone, and no name can make it open
something else.

PyAV calls `read` and `seek` from within FFmpeg, and loses there what is no `Exception`: Ctrl-C is
printed and forgotten, and a `SystemExit` ends the process on the spot.
"""

from typing import IO

_HEAD_BYTES = 4096


class FileBytes:
    """A file of the disk, in which one may go back and forth."""

    def __init__(self, file: IO[bytes], size_bytes: int) -> None:
        self._file = file
        self.size_bytes = size_bytes
        # The file's own methods, not methods in Python: in these no signal handler can run.
        self.read = file.read
        self.seek = file.seek
        self.tell = file.tell

    @property
    def head(self) -> bytes:
        """The first few thousand bytes."""
        place = self._file.tell()
        self._file.seek(0)
        head = self._file.read(_HEAD_BYTES)
        self._file.seek(place)
        return head


class PipeBytes:
    """A pipe, terminal or socket: bytes come once, when they come."""

    size_bytes = None

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

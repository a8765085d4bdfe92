"""Bytes of a recording, from a file or from a pipe, in the shape that FFmpeg asks for.

Neither tells its name: FFmpeg then judges by the content alone, and no name can make it open
something else.
"""

import io
from typing import IO

_HEAD_BYTES = 4096


class FileBytes:
    """A file of the disk, in which one may go back and forth."""

    def __init__(self, file: IO[bytes], size_bytes: int) -> None:
        self._file = file
        self.size_bytes = size_bytes

    def read(self, size_bytes: int) -> bytes:
        return self._file.read(size_bytes)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

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

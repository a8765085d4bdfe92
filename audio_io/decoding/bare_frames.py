"""`BareFrames`: what was skipped in a stream of frames that has neither clock nor index."""

from typing import Any

from av.packet import Packet

from audio_io.byte_streams import Bytes, FileBytes
from audio_io.containers.frame_sizes import frame_bytes

_TAGS = (b"TAG", b"APETAGEX", b"ID3", b"LYRICS")
_MOST_PADDING_BYTES = 4096
_COMPARED_BYTES = 16
_SEARCHED_BYTES = 1 << 16
_FARTHEST_BYTES = 1 << 26


class BareFrames:
    """Looks at the packets of one track in order, and at where they really lie in the file.

    FFmpeg drops what it cannot read between two frames, or hands it over together with a frame,
    and counts time on as if nothing had been there. How long it was is told by its bytes, at the
    mean rate of what could be read.
    """

    def __init__(self, codec: str, data: Bytes) -> None:
        self._codec = codec
        self._file = data if isinstance(data, FileBytes) else None
        self._next_at: int | None = None
        """Where the next packet should lie."""
        self._skipped_s = 0.0
        self._read_bytes = 0
        self._read_s = 0.0
        self.is_cut = False
        """Whether the last packet was shorter than it says."""
        self.is_stray = False
        """Whether the last packet was no frame at all."""

    def set_right(self, packet: "Packet[Any]") -> bool:
        """Bring what was skipped into the packet's time stamp. Says whether anything was."""
        data = memoryview(packet)
        whole_bytes = frame_bytes(self._codec, bytes(data[:_COMPARED_BYTES]))
        self.is_stray = whole_bytes is None and bool(self._read_bytes) and packet.size > 0
        if whole_bytes is None and not self._read_bytes:
            return False  # a codec whose frames do not tell
        skipped = self._skipped_before(packet, bytes(data[:_COMPARED_BYTES]))
        if packet.pts is not None and packet.time_base is not None:
            packet.pts += round(self._skipped_s / packet.time_base)
        duration_s = float((packet.duration or 0) * (packet.time_base or 0))
        if whole_bytes is None:
            stray = bytes(data)
            self._skipped_s -= duration_s  # it was counted as if it were a frame
        else:
            self.is_cut = packet.size < whole_bytes
            self._read_bytes += whole_bytes
            self._read_s += duration_s
            stray = bytes(data[whole_bytes:])
        return self._skip(stray) or skipped or self.is_cut

    def _skipped_before(self, packet: "Packet[Any]", head: bytes) -> bool:
        """Whether the packet lies farther on than where the one before ended."""
        if self._file is None:
            return False
        if self._next_at is None:
            self._next_at = packet.pos
        expected_at = self._next_at
        if expected_at is None:
            return False
        at = expected_at
        if self._file.at(at, len(head)) != head:
            at = self._found(expected_at, head)
        self._next_at = at + packet.size
        return at > expected_at and self._skip(
            self._file.at(expected_at, min(at - expected_at, _SEARCHED_BYTES)), at - expected_at
        )

    def _found(self, start: int, head: bytes) -> int:
        """Where the bytes lie at or after `start`; `start` itself where they are not found."""
        assert self._file is not None
        for at in range(start, start + _FARTHEST_BYTES, _SEARCHED_BYTES):
            piece = self._file.at(at, _SEARCHED_BYTES + len(head))
            found = piece.find(head)
            if found >= 0:
                return at + found
            if len(piece) <= len(head):
                break
        return start

    def _skip(self, stray: bytes, size_bytes: int | None = None) -> bool:
        """Count bytes that are no sound, but for tags and padding. `stray` is their beginning."""
        size_bytes = len(stray) if size_bytes is None else size_bytes
        if not size_bytes or stray.startswith(_TAGS) or not self._read_s:
            return False
        if size_bytes <= _MOST_PADDING_BYTES and not stray.strip(b"\0"):
            return False
        self._skipped_s += size_bytes * self._read_s / self._read_bytes
        return True

"""`BareFrames`: what was skipped in a stream of frames that has neither clock nor index."""

from typing import Any

from av.packet import Packet

from audio_io.byte_streams import Bytes, FileBytes
from audio_io.containers.frame_sizes import frame_bytes
from audio_io.containers.promised import id3_bytes

_TAGS = (b"TAG", b"APETAGEX", b"ID3", b"LYRICS")
_TAG_ENDS = (b"APETAGEX", b"Brava Software Inc.")
"""Of tags that have no head: APE version 1, MusicMatch."""
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
        self._tag_left_bytes = 0
        """Of a tag whose beginning was seen. A picture in it may look like frames."""

    def set_right(self, packet: "Packet[Any]") -> bool:
        """Bring what was skipped into the packet's time stamp. Says whether anything was."""
        data = memoryview(packet)
        whole_bytes = frame_bytes(self._codec, bytes(data[:_COMPARED_BYTES]))
        self.is_stray = whole_bytes is None and bool(self._read_bytes) and packet.size > 0
        if whole_bytes is None and not self._read_bytes:
            return False  # a codec whose frames do not tell
        skipped = self._skipped_before(packet, bytes(data[:_COMPARED_BYTES]))
        if self._tag_left_bytes > 0:
            self._tag_left_bytes -= packet.size
            self.is_stray, whole_bytes, data = True, None, data[:0]
        base = packet.time_base
        if packet.pts is not None and base and self._skipped_s:
            packet.pts += round(self._skipped_s * base.denominator / base.numerator)
        duration_s = 0.0
        if packet.duration and base:
            duration_s = packet.duration * base.numerator / base.denominator
        if whole_bytes is None:
            stray = bytes(data)
            self._skipped_s -= duration_s  # it was counted as if it were a frame
        else:
            self.is_cut = packet.size < whole_bytes
            stray = bytes(data[whole_bytes:])
            while self._codec == "eac3" and (more := frame_bytes(self._codec, stray)):
                whole_bytes += more  # further channels come in frames of their own
                stray = stray[more:]
            self._read_bytes += whole_bytes
            self._read_s += duration_s
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
        if at > expected_at and self._tag_left_bytes > 0:
            self._tag_left_bytes -= at - expected_at
            return False
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
        if not size_bytes or not self._read_s:
            return False
        unpadded = stray.lstrip(b"\0")
        padding_bytes = len(stray) - len(unpadded) if unpadded else size_bytes
        is_tag = unpadded.startswith(_TAGS) or any(each in unpadded for each in _TAG_ENDS)
        if padding_bytes <= _MOST_PADDING_BYTES and (is_tag or not unpadded):
            self._tag_left_bytes = _tag_bytes(unpadded) - (size_bytes - padding_bytes)
            return False
        self._skipped_s += size_bytes * self._read_s / self._read_bytes
        return True


def _tag_bytes(head: bytes) -> int:
    """How long a tag says it is; 0 where it does not."""
    if head.startswith(b"APETAGEX") and len(head) >= 16:
        return 32 + int.from_bytes(head[12:16], "little")  # its own 32 bytes are not in it
    if head.startswith(b"ID3") and len(head) >= 10:
        return id3_bytes(head)
    return 0

"""Where packets belong, where FFmpeg only counts those that it comes across."""

from typing import Any

from av.audio.stream import AudioStream
from av.packet import Packet

_CHUNK_HEADER_BYTES = 8


class AviIndex:
    """Time stamps of an avi's chunks by the index of the file."""

    def __init__(self, stream: AudioStream) -> None:
        self._stamps = {
            entry.pos + _CHUNK_HEADER_BYTES: entry.timestamp for entry in stream.index_entries
        }
        self._scale: float | None = None
        """Time stamps of packets for one of the index, which for PCM counts bytes."""
        self._off = 0

    def set_right(self, packet: "Packet[Any]") -> None:
        """Give the packet the time stamp of its place."""
        if packet.pts is None:
            return
        stamp = self._stamps.get(packet.pos) if packet.pos is not None else None
        if stamp:
            if self._scale is None:
                self._scale = packet.pts / stamp
            self._off = round(stamp * self._scale) - packet.pts
        packet.pts += self._off


class FlacNumbers:
    """Time stamps of a flac's frames by the numbers in their headers: RFC 9639, section 9.1."""

    def __init__(self) -> None:
        self._block_samples = 0
        """Of the first frame; only the last may be shorter where blocks are of one size."""

    def set_right(self, packet: "Packet[Any]") -> None:
        """Give the packet the time stamp of its number. Its clock counts samples."""
        head = bytes(memoryview(packet)[:12])
        if len(head) < 12 or head[0] != 0xFF or head[1] & 0xFE != 0xF8:
            return
        number = _coded_number(head[4:])
        if number is None:
            return
        if head[1] & 1:  # blocks of any size: their first sample is counted
            packet.pts = number
        elif number == 0 or self._block_samples:
            self._block_samples = self._block_samples or packet.duration or 0
            packet.pts = number * self._block_samples


def _coded_number(data: bytes) -> int | None:
    """A number as UTF-8 would write it, up to 7 bytes long."""
    first = data[0]
    length = 8 - (first ^ 0xFF).bit_length()
    if not length:
        return first
    if length == 1 or len(data) < length:
        return None
    value = first & (0x7F >> length)
    for byte in data[1:length]:
        if byte & 0xC0 != 0x80:
            return None
        value = value << 6 | byte & 0x3F
    return value

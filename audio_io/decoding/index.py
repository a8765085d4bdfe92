"""`AviIndex`: where each chunk of an avi belongs."""

from typing import Any

from av.audio.stream import AudioStream
from av.packet import Packet

_CHUNK_HEADER_BYTES = 8


class AviIndex:
    """Time stamps by the index of the file: FFmpeg counts the chunks that it comes across."""

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

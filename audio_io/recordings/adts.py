"""AAC as broadcasts have it: each frame behind a header of its own (ADTS, ISO 13818-7, 6.2).

Other containers hold bare frames, and what the headers say once, before all sound. FFmpeg would do
this by itself while it writes, but PyAV's copy of a stream makes it stumble over the latter.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.stream import Stream

from audio_io.decoding.packets import Read

_MOST_PACKETS = 10_000


def has_headers(stream: Stream) -> bool:
    context = stream.codec_context
    return context is not None and context.name == "aac" and not context.extradata


def said_once(packets: Iterable[Read], stream: Stream) -> bytes | None:
    """What the headers say; None where there is no header."""
    bare = BareAac(stream)
    for _, read in zip(range(_MOST_PACKETS), packets, strict=False):
        if read.packet.stream.index == stream.index:
            for packet in bare.filtered(read.packet):
                if packet.has_sidedata("new_extradata"):
                    return bytes(packet.get_sidedata("new_extradata"))
    return None


class BareAac:
    """Takes the headers off."""

    def __init__(self, stream: Stream) -> None:
        self._filter = BitStreamFilterContext("aac_adtstoasc", stream)

    def filtered(self, packet: "Packet[Any]") -> "list[Packet[Any]]":
        """Without what is damaged."""
        with contextlib.suppress(av.FFmpegError):
            return self._filter.filter(packet)
        return []

    def bare(self, packet: "Packet[Any]") -> "Iterator[Packet[Any]]":
        """The same frame, with its time."""
        pts, dts, duration, time_base = packet.pts, packet.dts, packet.duration, packet.time_base
        assert time_base is not None
        for each in self.filtered(packet):  # which takes all of it away
            frame: Packet[Any] = Packet(bytes(each))
            frame.pts, frame.dts, frame.duration, frame.time_base = pts, dts, duration, time_base
            frame.is_keyframe = True
            yield frame

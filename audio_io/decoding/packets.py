"""`Packets`: all packets of a container, past whatever damage can be passed."""

import errno
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet

from audio_io.byte_streams import Bytes, FileBytes, InterruptedReadError
from audio_io.errors import system_said

_MOST_ERRORS_IN_PLACE = 100
_MOST_ERRORS = 100_000
_STRAY_BYTES = 2048
"""Between packets lie headers and padding; more than this belongs to something."""
_BYTES_ADD_UP = {"matroska,webm", "flv", "nut", "asf", "rm", "mxf"}
"""Formats in which packets fill the file but for small headers. In those of MPEG they are strewn
over it."""
FLAGS_THE_LAST = {"wav", "w64", "aiff", "au", "caf", "voc", "ircam", "nistsphere"}
"""Formats in which FFmpeg calls the last, shorter packet corrupt wherever a file may end."""


@dataclass(frozen=True, slots=True)
class Read:
    """One packet, and what is known of the way to it."""

    packet: "Packet[Any]"
    damaged: bool
    """Whether something before it could not be read."""


class Packets:
    """Can be iterated once."""

    def __init__(
        self,
        container: InputContainer,
        data: Bytes,
        damaged_at: Sequence[int] = (),
    ) -> None:
        """`damaged_at` are places in the file that are known to be damaged, in order."""
        self._container = container
        self._damaged_at = deque(damaged_at)
        self._data = data
        self._adds_up = container.format.name in _BYTES_ADD_UP
        self._flags_damage = container.format.name not in FLAGS_THE_LAST
        self.ends_at_s = 0.0
        """Where the last packet of any track ends, subtitles too, by the container's clock."""
        self.missed_track = False
        """Whether a track appeared that was not there at first: PyAV has no place for it."""
        self.system_error = ""
        """What the system said when it could not read on; empty if it always could."""

    def __iter__(self) -> Iterator[Read]:
        place = begun_at = 0
        for packet, failed in self._past_errors():
            if not packet.size:
                continue  # demux ends with one empty packet per track
            self._note_end(packet)
            damaged = failed or (packet.is_corrupt and self._flags_damage)
            if packet.pos is not None and packet.pos >= 0:
                while self._damaged_at and packet.pos >= self._damaged_at[0]:
                    self._damaged_at.popleft()
                    damaged = True
                stray_bytes = packet.pos - place if place else 0
                damaged = damaged or (self._adds_up and stray_bytes > _STRAY_BYTES)
                # Several frames of one block have its place (lacing).
                start = place if packet.pos == begun_at else packet.pos
                begun_at, place = packet.pos, max(place, start + packet.size)
            yield Read(packet, damaged)

    def _past_errors(self) -> Iterator[tuple["Packet[Any]", bool]]:
        in_place = errors = 0
        failed_at: int | None = None
        failed = False
        while in_place < _MOST_ERRORS_IN_PLACE and errors < _MOST_ERRORS:
            try:
                for packet in self._container.demux():
                    in_place = 0
                    yield packet, failed
                    failed = False
            except InterruptedReadError as error:
                raise error.cause from None
            except IndexError:
                failed = self.missed_track = True
            except (av.FFmpegError, OSError) as error:
                # FFmpeg asks for places that no file has: that says nothing of the disk.
                if not isinstance(error, av.FFmpegError) and error.errno != errno.EINVAL:
                    self.system_error = system_said(error)
                    return
                failed = True
            else:
                return
            errors += 1
            at = self._data.tell() if isinstance(self._data, FileBytes) else None
            in_place = in_place + 1 if at == failed_at else 0
            failed_at = at

    def _note_end(self, packet: "Packet[Any]") -> None:
        base = packet.time_base
        if packet.pts is not None and base:
            end_s = (packet.pts + (packet.duration or 0)) * base.numerator / base.denominator
            self.ends_at_s = max(self.ends_at_s, end_s)

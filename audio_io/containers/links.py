"""Recordings that hold several, one after the other: ogg links and wavs that were joined.

FFmpeg goes on into the next only as long as its rate and channels are the same.
"""

import struct
import zlib
from dataclasses import dataclass, field

from audio_io.byte_streams import FileBytes

_BEGINS = 2
_MOST_PAGES = 2_000_000
_MOST_LINKS = 10_000
_SEARCHED_BYTES = 1 << 16
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(slots=True)
class Link:
    """One recording within a file."""

    start: int
    """In bytes."""
    end: int
    damaged_at: list[int] = field(default_factory=list)
    """Where in the file pages are damaged or missing."""


def find_links(data: FileBytes) -> list[Link]:
    """At least one; more than one only where each is complete in itself."""
    head = data.head
    if head[:4] == b"OggS":
        return _ogg_links(data)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return _wav_links(data)
    return [Link(0, data.size_bytes)]


def _ogg_links(data: FileBytes) -> list[Link]:
    """By the pages: RFC 3533, section 6. A page with a wrong check sum is damaged."""
    links = [Link(0, data.size_bytes)]
    numbers: dict[int, int] = {}
    """The last page of each stream."""
    at, in_head = 0, True
    for _ in range(_MOST_PAGES):
        if at >= data.size_bytes:
            break
        head = data.at(at, 27)
        if head[:4] != b"OggS" or len(head) < 27:
            links[-1].damaged_at.append(at)
            found = _find(data, at + 1)
            if found is None:
                break
            at = found
            continue
        flags, serial, number, crc, count = struct.unpack("<5xB8xIIIB", head)
        sizes = data.at(at + 27, count)
        page = head + sizes + data.at(at + 27 + count, sum(sizes))
        if len(page) < 27 + count + sum(sizes) or _ogg_crc(page) != crc:
            links[-1].damaged_at.append(at)
            at = _find(data, at + 1) or data.size_bytes
            continue
        if flags & _BEGINS:
            if not in_head and len(links) < _MOST_LINKS:
                links[-1].end = at
                links.append(Link(at, data.size_bytes))
                numbers.clear()
            in_head = True
        else:
            in_head = False
            if number not in (numbers.get(serial, number - 1) + 1, 0):
                links[-1].damaged_at.append(at)
        numbers[serial] = number
        at += len(page)
    return links


def _find(data: FileBytes, start: int) -> int | None:
    for at in range(start, data.size_bytes, _SEARCHED_BYTES):
        found = data.at(at, _SEARCHED_BYTES + 3).find(b"OggS")
        if found >= 0:
            return at + found
    return None


def _ogg_crc(page: bytes) -> int:
    """The check sum of a page, whose own place counts as zeros. Ogg takes the polynomial of zlib
    from the other end, and neither inverts."""
    reversed_bits = (page[:22] + bytes(4) + page[26:]).translate(_REVERSED)
    crc = zlib.crc32(reversed_bits, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(crc.to_bytes(4, "little").translate(_REVERSED), "big")


def _wav_links(data: FileBytes) -> list[Link]:
    links: list[Link] = []
    at = 0
    while len(links) < _MOST_LINKS:
        head = data.at(at, 12)
        size = int.from_bytes(head[4:8], "little")
        end = at + 8 + size + size % 2
        links.append(Link(at, end))
        following = data.at(end, 12)
        if not size or following[:4] != b"RIFF" or following[8:] != b"WAVE":
            break
        at = end
    links[-1].end = data.size_bytes
    return links

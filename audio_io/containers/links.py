"""Recordings that hold several, one after the other: ogg links and wavs that were joined. On the
way, where what holds them together is damaged.

FFmpeg goes on into the next only as long as its rate and channels are the same.
"""

import struct
import zlib
from dataclasses import dataclass, field

from audio_io.byte_streams import FileBytes

_BEGINS = 2
_PACK, _PROGRAM_END = b"\0\0\1\xba", b"\0\0\1\xb9"
_STRAY_BYTES = 4096
"""As many zeros may be padding between packs."""
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
    if head[:4] == _PACK:
        return [Link(0, data.size_bytes, _mpeg_damage(data))]
    return [Link(0, data.size_bytes)]


def _mpeg_damage(data: FileBytes) -> list[int]:
    """Where what should be a packet of a program stream is none: ISO 13818-1, section 2.5.3."""
    damaged_at: list[int] = []
    at = 0
    while at < data.size_bytes:
        head = data.at(at, 14)
        code = head[3] if head[:3] == b"\0\0\1" and len(head) > 6 else 0
        if code == _PACK[3]:
            at += 14 + (head[13] & 7) if head[4] >> 6 == 1 and len(head) > 13 else 12
        elif code > _PACK[3]:
            at += 6 + int.from_bytes(head[4:6], "big")
        elif head[:4] == _PROGRAM_END:
            at += 4
        else:
            found = _find(data, at + 1, _PACK)
            following = data.size_bytes if found is None else found
            if following - at > _STRAY_BYTES or data.at(at, following - at).strip(b"\0"):
                damaged_at.append(at)
            at = following
    return damaged_at


def _ogg_links(data: FileBytes) -> list[Link]:
    """By the pages: RFC 3533, section 6. A page with a wrong check sum is damaged."""
    links = [Link(0, data.size_bytes)]
    numbers: dict[int, int] = {}
    """The last page of each stream."""
    granules: dict[int, int] = {}
    """And its position: 0 as long as it only has headers."""
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
        flags, granule, serial, number, crc, count = struct.unpack("<5xBqIIIB", head)
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
            # Who tunes in to a broadcast gets its headers, and then the pages from there on.
            follows = number in (numbers.get(serial, number - 1) + 1, 0)
            if not follows and granules.get(serial):
                links[-1].damaged_at.append(at)
        numbers[serial], granules[serial] = number, granule
        at += len(page)
    return links


def _find(data: FileBytes, start: int, mark: bytes = b"OggS") -> int | None:
    for at in range(start, data.size_bytes, _SEARCHED_BYTES):
        found = data.at(at, _SEARCHED_BYTES + 3).find(mark)
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

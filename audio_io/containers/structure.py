"""Whether a recording was cut off, by the sizes that its container promises.

A container says how long its parts are, in bytes. Where the file ends before they do, something
is missing, whatever FFmpeg makes of it.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from audio_io.byte_streams import FileBytes, PipeBytes
from audio_io.containers.promised import PLACEHOLDER_BYTES, STREAMED_AIFF_BYTES

_MOST_PARTS = 1_000_000
_TS_SYNC = 0x47
_OGG_LAST = 4
_FLV_TAGS = (8, 9, 18)
_SMALL_BYTES = 64
_LONGEST_OGG_PAGE_BYTES = 65307
_LAST_PACKS_BYTES = 1 << 16
_MOST_BEHIND_BYTES = 4096
_BOXES = set(b"ftyp moov moof mdat mfra sidx ssix styp free skip wide uuid emsg prft meta".split())
_CAF_CHUNKS = set(
    b"desc chan data pakt kuki strg mark regn inst midi ovvw peak edct info umid uuid free".split()
)
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")


@dataclass(frozen=True, slots=True)
class Cut:
    """The end of a recording is missing."""

    missing_bytes: int
    """0 where nobody can tell."""
    damaged: bool = False
    """Whether what is there makes no sense any more, rather than ends too early."""


class _Ends(Exception):  # noqa: N818  no error: how a walk ends where the file does
    pass


class _Unseen(Exception):  # noqa: N818  as above
    pass


class _Senseless(Exception):  # noqa: N818  as above
    pass


class Looked(Protocol):
    """What a walk looks at."""

    @property
    def size_bytes(self) -> int: ...

    def at(self, place: int, size_bytes: int) -> bytes:
        """The bytes there; fewer only at the end."""


class _Seen:
    """What was seen of a pipe that has ended: its beginning and its end."""

    def __init__(self, pipe: PipeBytes) -> None:
        self._pipe = pipe
        self.size_bytes = pipe.read_bytes

    def at(self, place: int, size_bytes: int) -> bytes:
        end = min(place + size_bytes, self.size_bytes)
        if end <= len(self._pipe.head):
            return self._pipe.head[place:end]
        tail = self._pipe.tail
        start = self.size_bytes - len(tail)
        if place < start:
            raise _Unseen
        return tail[place - start : end - start]


def cut_off(data: FileBytes | PipeBytes, file_format: str) -> Cut | None:
    """What is missing at the end of a file, or of a pipe that has ended, of FFmpeg's
    `file_format`; None where nothing is, or where such a file cannot tell."""
    walk = _WALKS.get(file_format)
    if walk is None:
        return None
    looked: Looked = _Seen(data) if isinstance(data, PipeBytes) else data
    try:
        promised_bytes = walk(looked)
    except _Unseen:
        return None
    except (_Ends, struct.error, OSError):
        return Cut(0)
    except _Senseless:
        return Cut(0, damaged=True)
    if promised_bytes is None or promised_bytes <= looked.size_bytes:
        return None
    return Cut(promised_bytes - looked.size_bytes)


def _read(data: Looked, at: int, size: int) -> bytes:
    got = data.at(at, size)
    if len(got) < size:
        raise _Ends
    return got


def _riff(data: Looked) -> int | None:
    """RIFF, RF64, BW64 and the further RIFFs of an OpenDML avi."""
    end = 0
    while end + 12 <= data.size_bytes:
        kind, size = struct.unpack("<4sI", _read(data, end, 8))
        if kind in (b"RF64", b"BW64"):
            return 8 + int(struct.unpack("<Q", _read(data, 20, 8))[0]) or None
        if kind != b"RIFF":
            break
        if not size or size >= PLACEHOLDER_BYTES:
            return None
        if data.size_bytes < end + 8 + size and _data_is_whole(data, end):
            return None
        end += 8 + size + size % 2
    return end - 1 if end == data.size_bytes + 1 else end  # the last padding byte may be missing


def _data_is_whole(data: Looked, riff_at: int) -> bool:
    """Whether the samples of a wav are all there, though what comes after them is not."""
    at = riff_at + 12
    if _read(data, riff_at + 8, 4) != b"WAVE":
        return False
    while at + 8 <= data.size_bytes:
        name, size = struct.unpack("<4sI", _read(data, at, 8))
        if name == b"data":
            return bool(at + 8 + size <= data.size_bytes)
        at += 8 + size + size % 2
    return False


def _w64(data: Looked) -> int | None:
    size = int(struct.unpack("<Q", _read(data, 16, 8))[0])
    return size if 40 <= size < 1 << 62 else None


def _caf(data: Looked) -> int | None:
    at, is_whole = 8, False
    while at + 12 <= data.size_bytes:
        kind, size = struct.unpack(">4sq", _read(data, at, 12))
        if size < 0:
            return None  # to the end, however far that is
        if is_whole and kind not in _CAF_CHUNKS:
            return None  # something else stands behind it
        at += 12 + size
        if kind == b"data":
            if at > data.size_bytes:
                return int(at)
            is_whole = True
    return int(at)


def _aiff(data: Looked) -> int | None:
    size = int(struct.unpack(">I", _read(data, 4, 4))[0])
    return 8 + size if 0 < size < STREAMED_AIFF_BYTES else None


def _asf(data: Looked) -> int | None:
    kind, size = struct.unpack("<16sQ", _read(data, 0, 24))
    if kind != _ASF_HEADER:
        return None
    at = int(size)
    kind, size = struct.unpack("<16sQ", _read(data, at, 24))
    return at + int(size) if kind == _ASF_DATA and size > 50 else None


def _voc(data: Looked) -> int | None:
    at = int(struct.unpack("<H", _read(data, 20, 2))[0])
    for _ in range(_MOST_PARTS):
        if at >= data.size_bytes:
            break
        kind = _read(data, at, 1)[0]
        if kind > 9 or (not kind and data.size_bytes - at > _SMALL_BYTES):
            raise _Senseless
        if not kind:
            return data.size_bytes
        at += 4 + int.from_bytes(_read(data, at + 1, 3), "little")
    return at


def _wavpack(data: Looked) -> int | None:
    at = 0
    for _ in range(_MOST_PARTS):
        if at >= data.size_bytes:
            break
        head = _read(data, at, 4)
        if head != b"wvpk":
            return None if head[:3] in (b"TAG", b"APE") else data.size_bytes
        at += 8 + int(struct.unpack("<I", _read(data, at + 4, 4))[0])
    return at


def _boxes(data: Looked) -> int | None:
    """The boxes of an mp4: ISO 14496-12, section 4.2. What follows the last may be anything, once
    index and samples were there."""
    at, kinds = 0, set[bytes]()
    for _ in range(_MOST_PARTS):
        if at == data.size_bytes:
            break
        is_complete = {b"moov", b"mdat"} <= kinds
        if is_complete and data.size_bytes - at < 8:
            return None
        size, kind = struct.unpack(">I4s", _read(data, at, 8))
        if not kind.strip(b"\0"):
            if _read(data, data.size_bytes - 8, 8).strip(b"\0"):
                raise _Senseless
            return data.size_bytes  # padding
        if is_complete and kind not in _BOXES:
            if b"moof" in kinds and data.size_bytes - at > _MOST_BEHIND_BYTES:
                raise _Senseless
            return None
        if size == 1:
            size = struct.unpack(">Q", _read(data, at + 8, 8))[0]
        if not size:
            return None  # to the end, however far that is
        if size < 8 or at + size > data.size_bytes:
            return at + max(8, int(size))
        kinds.add(kind)
        at += int(size)
    return at


def _matroska(data: Looked) -> int | None:
    """The segment: RFC 8794, sections 4 and 5."""
    at = 0
    for _ in range(16):
        number, at = _ebml(data, at, keep_marker=True)
        size, at = _ebml(data, at)
        if size is None:
            return None  # unknown: it is being streamed
        if number == 0x18538067:
            return at + size
        at += size
    return None


def _ebml(data: Looked, at: int, *, keep_marker: bool = False) -> tuple[int | None, int]:
    first = _read(data, at, 1)[0]
    length = 9 - first.bit_length()
    if length > 8:
        raise _Ends
    value = int.from_bytes(_read(data, at, length), "big")
    if not keep_marker:
        value &= (1 << 7 * length) - 1
        if value == (1 << 7 * length) - 1:
            return None, at + length
    return value, at + length


def _ogg(data: Looked) -> int | None:
    """The last page must say that it is the last: RFC 3533, section 6."""
    start = max(0, data.size_bytes - _LONGEST_OGG_PAGE_BYTES)
    end = _read(data, start, data.size_bytes - start)
    page_at = end.rfind(b"OggS")
    if page_at < 0 or len(end) < page_at + 27 or not end[page_at + 5] & _OGG_LAST:
        raise _Ends
    sizes = end[page_at + 27 : page_at + 27 + end[page_at + 26]]
    if len(sizes) < end[page_at + 26]:
        raise _Ends
    return start + page_at + 27 + len(sizes) + sum(sizes)


def _flv(data: Looked) -> int | None:
    """Tags, each with its size before and behind it."""
    at = 9 + 4
    for _ in range(_MOST_PARTS):
        if at >= data.size_bytes:
            break
        head = _read(data, at, 4)
        if head[0] & 0x1F not in _FLV_TAGS:
            return None  # damaged before; FFmpeg has found its way past that
        at += 11 + int.from_bytes(head[1:], "big") + 4
    return at - 4 if at - data.size_bytes == 4 else at


def _mpegts(data: Looked) -> int | None:
    """Packets of 188 bytes, or with 4 or 16 more."""
    head = data.at(0, min(data.size_bytes, 2048))
    for size, offset in ((188, 0), (192, 4), (204, 0)):
        places = range(offset, min(len(head), 8 * size), size)
        if len(places) > 1 and all(head[place] == _TS_SYNC for place in places):
            over = data.size_bytes % size
            begun = data.at(data.size_bytes - over + offset, 1) if over > offset else b""
            is_packet = begun == bytes([_TS_SYNC])
            return data.size_bytes + size - over if is_packet else data.size_bytes
    return None


def _mpeg(data: Looked) -> int | None:
    """The last packets of a program stream: ISO 13818-1, sections 2.4.3.6 and 2.5.3."""
    start = max(0, data.size_bytes - _LAST_PACKS_BYTES)
    end = _read(data, start, data.size_bytes - start)
    at = end.find(b"\0\0\1\xba")
    while at >= 0 and at + 6 <= len(end):
        if end[at : at + 3] != b"\0\0\1" or end[at + 3] == 0xB9:
            break
        if end[at + 3] == 0xBA:
            at += 14 + (end[at + 13] & 7) if len(end) > at + 13 and end[at + 4] >> 6 == 1 else 12
        else:
            at += 6 + int.from_bytes(end[at + 4 : at + 6], "big")
    return start + at if at > len(end) else None


def _rm(data: Looked) -> int | None:
    """Chunks with their sizes; that of an unfinished recording is 0."""
    at = 0
    for _ in range(256):
        if at + 8 > data.size_bytes:
            break
        kind, size = struct.unpack(">4sI", _read(data, at, 8))
        if size < 8:
            return None
        at += int(size)
        if kind == b"DATA":
            return at - _SMALL_BYTES  # programs do not agree on what it counts
    return at


def _mxf(data: Looked) -> int | None:
    """KLV triplets, SMPTE ST 336."""
    at = 0
    for _ in range(_MOST_PARTS):
        if at >= data.size_bytes:
            break
        head = _read(data, at, 17)
        if head[:4] != b"\x06\x0e\x2b\x34":
            return None
        size, at = head[16], at + 17
        if size & 0x80:
            more = size & 0x7F
            size = int.from_bytes(_read(data, at, more), "big")
            at += more
        at += size
    return at


def _au(data: Looked) -> int | None:
    start, size = struct.unpack(">II", _read(data, 4, 8))
    return start + size if 0 < size < 0xFFFFFFFF else None


_WALKS: dict[str, Callable[[Looked], int | None]] = {
    **dict.fromkeys(("wav", "avi"), _riff),
    "w64": _w64,
    "caf": _caf,
    "aiff": _aiff,
    "asf": _asf,
    "voc": _voc,
    "wv": _wavpack,
    "mov,mp4,m4a,3gp,3g2,mj2": _boxes,
    "matroska,webm": _matroska,
    "ogg": _ogg,
    "flv": _flv,
    "mpegts": _mpegts,
    "mpeg": _mpeg,
    "rm": _rm,
    "mxf": _mxf,
    "au": _au,
}

"""How long a recording says it is, read from its header.

FFmpeg shortens a wav's length to what the file holds, and guesses an mp3's length from its size.
To notice a recording that was cut off, we look ourselves at what was promised.
"""

import io
import struct
from typing import BinaryIO

from audio_io.byte_streams import Bytes, FileBytes

_PLACEHOLDER_BYTES = 0x7FFF0000
"""Programs that write into a pipe can't know the length, and put 0, the largest number, or
something just under 2 GB in its place (espeak 0x7FFFF000, sox 0x7FFFF024)."""
_FIXED_SIZE_FORMATS = {0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE}
"""Formats where every sample takes the same room: integer, float, A-law, mu-law, extensible."""

_LONGEST_OGG_PAGE_BYTES = 65307


def promised_wav_s(data: Bytes) -> float | None:
    """The length in a wav header, in seconds; None where it has none that can be believed."""
    file: FileBytes | BinaryIO = data if isinstance(data, FileBytes) else io.BytesIO(data.head)
    place = file.tell()
    try:
        return _walk_wav(file)
    except struct.error:
        return None  # the header ends before the sound begins
    finally:
        file.seek(place)


def _walk_wav(file: FileBytes | BinaryIO) -> float | None:
    file.seek(0)
    kind, _, form = struct.unpack("<4sI4s", file.read(12))
    if kind not in (b"RIFF", b"RF64", b"BW64") or form != b"WAVE":
        return None
    long_bytes = bytes_per_s = rate_hz = samples = 0
    while True:
        name, size_bytes = struct.unpack("<4sI", file.read(8))
        body_at = file.tell()
        if name == b"data":
            break
        if name == b"ds64":
            long_bytes = struct.unpack("<8xQ", file.read(16))[0]
        elif name == b"fact" and size_bytes >= 4:
            samples = struct.unpack("<I", file.read(4))[0]
        elif name == b"fmt ":
            format_tag, rate_hz, frame_bytes = struct.unpack("<H2xI4xH", file.read(14))
            if format_tag in _FIXED_SIZE_FORMATS:
                bytes_per_s = rate_hz * frame_bytes
        file.seek(body_at + size_bytes + size_bytes % 2)
    if not bytes_per_s and rate_hz and 0 < samples < 0xFFFFFFFF:
        return samples / rate_hz  # a compressed format: only this chunk knows
    if kind in (b"RF64", b"BW64"):
        size_bytes = long_bytes
    elif size_bytes >= _PLACEHOLDER_BYTES:
        return None
    return size_bytes / bytes_per_s if size_bytes and bytes_per_s else None


def mp3_tells_its_length(data: Bytes) -> bool:
    """Whether an mp3 has the Xing, Info or VBRI header from which FFmpeg knows its length."""
    if not isinstance(data, FileBytes):
        return False  # FFmpeg takes no length from such a header without knowing the file's size
    place = data.tell()
    data.seek(0)
    start = data.read(10)
    if start[:3] == b"ID3" and len(start) == 10:
        # The tag's size comes in 7-bit bytes: https://id3.org/id3v2.4.0-structure, section 3.1
        tag_bytes = 0
        for byte in start[6:]:
            tag_bytes = tag_bytes << 7 | byte & 0x7F
        data.seek(10 + tag_bytes)
    first_frame = data.read(2048)
    data.seek(place)
    return any(name in first_frame for name in (b"Xing", b"Info", b"VBRI"))


def ogg_ends_properly(data: Bytes) -> bool:
    """Whether an ogg's last page says that it is the last. True for a pipe, which can't be asked.

    An ogg has no length in its header, so this is all that tells of a cut.
    """
    if not isinstance(data, FileBytes):
        return True
    place = data.tell()
    data.seek(max(0, data.size_bytes - _LONGEST_OGG_PAGE_BYTES))
    end = data.read(_LONGEST_OGG_PAGE_BYTES)
    data.seek(place)
    # Page header: RFC 3533, section 6. The byte after the version holds the flags; 4 is "last".
    page_at = end.rfind(b"OggS")
    return page_at >= 0 and len(end) > page_at + 5 and bool(end[page_at + 5] & 4)

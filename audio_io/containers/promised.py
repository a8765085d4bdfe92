"""How long a recording says it is, read from its header.

FFmpeg shortens a wav's length to what the file holds, and guesses an mp3's length from its size.
To notice a recording that was cut off, we look ourselves at what was promised.
"""

import io
import struct
from typing import BinaryIO

from audio_io.byte_streams import Bytes, FileBytes
from audio_io.containers.frame_sizes import mpeg_frame_s

PLACEHOLDER_BYTES = 0x7FFF0000
"""Programs that write into a pipe can't know the length, and put 0, the largest number, or
something just under 2 GB in its place (espeak 0x7FFFF000, sox 0x7FFFF024)."""
STREAMED_AIFF_BYTES = 0x7F000000
"""At least as much sox writes into an aiff whose length it cannot know."""
_FIRST_FRAME_BYTES = 2048
_FIXED_SIZE_FORMATS = {0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE}
"""Formats where every sample takes the same room: integer, float, A-law, mu-law, extensible."""


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
        # A compressed format: only this chunk knows. Some programs count each channel in it.
        is_whole = isinstance(file, FileBytes) and body_at + size_bytes <= file.size_bytes
        return None if is_whole and size_bytes else samples / rate_hz
    if kind in (b"RF64", b"BW64"):
        size_bytes = long_bytes
    elif size_bytes >= PLACEHOLDER_BYTES:
        return None
    return size_bytes / bytes_per_s if size_bytes and bytes_per_s else None


def aiff_was_streamed(data: Bytes) -> bool:
    """Whether the length of an aiff was not known when it was begun."""
    return int.from_bytes(data.head[4:8], "big") >= STREAMED_AIFF_BYTES


def promised_mp3_s(data: Bytes) -> float | None:
    """The length in the Xing, Info or VBRI header of an mp3, in seconds; None where there is none.

    FFmpeg's own answer may be a guess by the size of the file, tags and padding included.
    """
    if not isinstance(data, FileBytes):
        return None
    frame_at = id3_bytes(data.head)
    first_frame = data.at(frame_at, _FIRST_FRAME_BYTES)
    head_at = first_frame.find(b"\xff")
    frame_s = mpeg_frame_s(first_frame[head_at : head_at + 4]) if head_at >= 0 else None
    frames = _frames_counted_by_mp3(first_frame)
    return frames * frame_s if frame_s is not None and frames else None


def id3_bytes(head: bytes) -> int:
    """The length of the ID3 tag that begins with `head`; 0 where none does."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    # In 7-bit bytes: https://id3.org/id3v2.4.0-structure, section 3.1
    tag_bytes = 0
    for byte in head[6:10]:
        tag_bytes = tag_bytes << 7 | byte & 0x7F
    return 10 + tag_bytes


def _frames_counted_by_mp3(first_frame: bytes) -> int:
    """0 is unknown."""
    for name in (b"Xing", b"Info"):
        at = first_frame.find(name)
        if at >= 0:
            flags, frames = struct.unpack(">2I", first_frame[at + 4 : at + 12].ljust(8, b"\0"))
            return int(frames) if flags & 1 else 0
    at = first_frame.find(b"VBRI")
    return int.from_bytes(first_frame[at + 14 : at + 18], "big") if at >= 0 else 0

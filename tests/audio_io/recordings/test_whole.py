"""What good recordings of common producers hold, and is no damage."""

import struct
from pathlib import Path

import numpy as np
import pytest

from tests.audio_io.odd import SECONDS, container, heard, lost

_PICTURE = np.random.default_rng(3).integers(0, 256, 200_000, dtype=np.uint8).tobytes()
_ID3V1 = b"TAG" + b"x" * 125


def ape_tag(value: bytes, version: int = 2000) -> bytes:
    """Version 1000 has no head."""
    item = struct.pack("<II", len(value), 2) + b"Cover Art (Front)\0" + value
    ends = [
        b"APETAGEX" + struct.pack("<IIII8x", version, len(item) + 32, 1, flags)
        for flags in (0xA0000000, 0x80000000)
    ]
    return (ends[0] if version == 2000 else b"") + item + ends[1]


def id3_tag(value: bytes) -> bytes:
    frame = b"APIC" + struct.pack(">I2x", len(value)) + value
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frame


@pytest.mark.parametrize(
    "tags",
    [
        _ID3V1,
        ape_tag(b"short"),
        ape_tag(b"short", 1000) + _ID3V1,
        ape_tag(_PICTURE) + _ID3V1,
        b"LYRICSBEGININD0000200LYR00008[00:01]a000029LYRICS200" + _ID3V1,
        bytes(1000) + _ID3V1,
        b"18273645" + bytes(600) + b"Brava Software Inc.".ljust(48) + _ID3V1,
    ],
    ids=["id3v1", "ape", "ape-1", "ape-picture", "lyrics", "padding", "musicmatch"],
)
def test_tags_behind_an_mp3_are_no_damage(tmp_path: Path, tags: bytes) -> None:
    path = container(tmp_path, "a.mp3")
    path.write_bytes(path.read_bytes() + tags)
    chunks = heard(path)
    assert not lost(chunks)
    assert chunks[-1].end_s == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize("tag", [id3_tag(_PICTURE), ape_tag(_PICTURE) + _ID3V1])
def test_pictures_between_joined_mp3s_are_no_damage_and_take_no_time(
    tmp_path: Path, tag: bytes
) -> None:
    path = container(tmp_path, "a.mp3")
    path.write_bytes(path.read_bytes() + tag + path.read_bytes())
    chunks = heard(path)
    assert not lost(chunks)
    assert chunks[-1].end_s == pytest.approx(2 * SECONDS, abs=0.1)


def test_a_wrong_number_of_frames_in_an_mp3_whose_bytes_are_all_there_is_no_cut(
    tmp_path: Path,
) -> None:
    path = container(tmp_path, "a.mp3")
    data = bytearray(path.read_bytes())
    at = data.find(b"Info")
    data[at + 8 : at + 12] = struct.pack(">I", 5000)
    path.write_bytes(data)
    assert not lost(heard(path))

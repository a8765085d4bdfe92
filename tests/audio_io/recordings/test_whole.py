"""What good recordings of common producers hold, and is no damage."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from audio_io.decoding.track import DAMAGED
from audio_io.recordings.recording import open_recording
from tests.audio_io.odd import (
    RATE_HZ,
    SECONDS,
    container,
    heard,
    lost,
    marked_sound,
    tracks,
    zeroed,
)

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


def test_damage_in_the_second_of_two_joined_mp3s_is_told_with_its_seconds(tmp_path: Path) -> None:
    path = container(tmp_path, "a.mp3")
    path.write_bytes(2 * path.read_bytes())
    [(from_s, to_s, _)] = lost(heard(zeroed(path, 0.7, 0.1)))
    assert from_s == pytest.approx(1.4 * SECONDS, abs=0.2)
    assert to_s - from_s == pytest.approx(0.2 * SECONDS, abs=0.2)


def test_the_zeroed_end_of_an_mp3_is_told_with_its_seconds(tmp_path: Path) -> None:
    [(from_s, to_s, _)] = lost(heard(zeroed(container(tmp_path, "a.mp3"), 0.8, 0.2)))
    assert to_s - from_s == pytest.approx(0.2 * SECONDS, abs=0.2)


@pytest.mark.parametrize("behind", [bytes(3), b"abc", _ID3V1, b"made by some camera"])
@pytest.mark.parametrize("name", ["a.m4a", "pieces.mp4"])
def test_what_stands_behind_an_mp4_is_no_cut(tmp_path: Path, name: str, behind: bytes) -> None:
    path = container(tmp_path, name)
    path.write_bytes(path.read_bytes() + behind)
    assert not lost(heard(path))


def test_an_aiff_that_sox_wrote_into_a_pipe_is_no_cut(tmp_path: Path) -> None:
    path = container(tmp_path, "a.aiff")
    data = bytearray(path.read_bytes())
    common, sound = data.find(b"COMM"), data.find(b"SSND")
    data[4:8] = struct.pack(">I", 0x7F000024)
    data[common + 10 : common + 14] = struct.pack(">I", 0x7F000000 // 2)
    data[sound + 4 : sound + 8] = struct.pack(">I", 0x7F000008)
    path.write_bytes(data)
    assert not lost(heard(path))


def test_a_wav_whose_fact_chunk_counts_every_channel_is_no_cut(tmp_path: Path) -> None:
    path = container(tmp_path, "adpcm.wav")
    data = bytearray(path.read_bytes())
    at = data.find(b"fact") + 8
    samples = int.from_bytes(data[at : at + 4], "little")
    data[at : at + 4] = struct.pack("<I", 2 * samples)
    path.write_bytes(data)
    assert not lost(heard(path))


def test_who_tunes_in_to_a_broadcast_of_ogg_gets_no_damage(tmp_path: Path) -> None:
    options = {"page_duration": "200000"}
    path = tracks(tmp_path / "a.opus", [marked_sound()[None]], "libopus", "ogg", options=options)
    pages = [b"OggS" + page for page in path.read_bytes().split(b"OggS")[1:]]
    path.write_bytes(b"".join(pages[:2] + pages[20:]))
    assert not lost(heard(path))


@pytest.mark.parametrize("name", ["a.mpg", "a.vob"])
def test_pictures_between_the_sound_of_a_program_stream_are_no_damage(
    tmp_path: Path, name: str
) -> None:
    path = film(tmp_path / name, "vob" if name == "a.vob" else "mpeg")
    assert not lost(heard(path))
    assert [reason for *_, reason in lost(heard(zeroed(path)))] == [DAMAGED]


def film(path: Path, file_format: str) -> Path:
    random = np.random.default_rng(1)
    with av.open(str(path), "w", format=file_format) as out:
        pictures = out.add_stream("mpeg2video", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 160, 120, "yuv420p"
        pictures.bit_rate = 4_000_000
        sound = out.add_stream("mp2", rate=RATE_HZ, layout="mono")
        for index, part in enumerate(np.split(marked_sound(), SECONDS * 25)):
            noise = random.integers(0, 255, (180, 160), dtype=np.uint8)
            picture = av.VideoFrame.from_ndarray(noise, format="yuv420p")
            picture.pts = index
            out.mux(pictures.encode(picture))
            frame = av.AudioFrame.from_ndarray(part[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, index * len(part)
            out.mux(sound.encode(frame))
        out.mux(pictures.encode(None))
        out.mux(sound.encode(None))
    return path


@pytest.mark.parametrize("laced", [1, 8])
@pytest.mark.parametrize("subtitle_ms", [0, 4_000])
def test_laced_frames_and_late_subtitles_of_an_mkv_are_no_loss(
    tmp_path: Path, laced: int, subtitle_ms: int
) -> None:
    """As mkvmerge writes them; FFmpeg's muxer does not."""
    sound = container(tmp_path, "a.ac3")
    with av.open(str(sound)) as read:
        frames = [bytes(packet) for packet in read.demux() if packet.size]
    path = tmp_path / "a.mkv"
    path.write_bytes(laced_mkv(frames, 32, laced, subtitle_ms))
    assert not lost(heard(path))


def laced_mkv(frames: list[bytes], frame_ms: int, laced: int, subtitle_ms: int) -> bytes:
    """AC-3 in blocks of several frames, and a subtitle of this length behind them."""
    end_ms = len(frames) * frame_ms
    info = element("2ad7b1", (1_000_000).to_bytes(3)) + element(
        "4489", struct.pack(">d", end_ms + subtitle_ms)
    )
    audio = element("b5", struct.pack(">d", RATE_HZ)) + element("9f", b"\1")
    both = mkv_track(1, 2, b"A_AC3", element("e1", audio))
    if subtitle_ms:
        both += mkv_track(2, 17, b"S_TEXT/UTF8")
    clusters = b""
    for first in range(0, len(frames), laced):
        group = frames[first : first + laced]
        head = b"\x81\0\0\x84" + bytes([len(group) - 1]) if len(group) > 1 else b"\x81\0\0\x80"
        time = element("e7", (first * frame_ms).to_bytes(4))
        clusters += element("1f43b675", time + element("a3", head + b"".join(group)))
    if subtitle_ms:
        block = element("a1", b"\x82\0\0\0the end") + element("9b", subtitle_ms.to_bytes(3))
        clusters += element("1f43b675", element("e7", end_ms.to_bytes(4)) + element("a0", block))
    segment = element("1549a966", info) + element("1654ae6b", both) + clusters
    return element("1a45dfa3", element("4282", b"matroska")) + element("18538067", segment)


def mkv_track(number: int, kind: int, codec: bytes, more: bytes = b"") -> bytes:
    numbers = element("d7", bytes([number])) + element("73c5", bytes([number]))
    return element("ae", numbers + element("83", bytes([kind])) + element("86", codec) + more)


def element(number: str, body: bytes) -> bytes:
    return bytes.fromhex(number) + (1 << 56 | len(body)).to_bytes(8) + body


@pytest.mark.parametrize("name", ["a.ts", "a.caf"])
def test_what_stands_behind_other_containers_is_no_cut(tmp_path: Path, name: str) -> None:
    path = container(tmp_path, name)
    path.write_bytes(path.read_bytes() + _ID3V1)
    assert not lost(heard(path))


def test_a_recording_that_grows_while_it_is_read_is_no_cut(tmp_path: Path) -> None:
    path = container(tmp_path, "pcm.wav")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with open_recording(path, 16_000) as recording:
        path.write_bytes(data)
        chunks = list(recording)
    assert not lost(chunks)
    assert chunks[-1].end_s == pytest.approx(SECONDS)

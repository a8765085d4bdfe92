import io
import struct
from pathlib import Path

import pytest

from audio_io.byte_streams import FileBytes, PipeBytes
from audio_io.containers.promised import mp3_tells_its_length, ogg_ends_properly, promised_wav_s
from tests.audio_io.sounds import chirp, cut_in_half, pipe_of, with_ffmpeg, with_libsndfile

FMT = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
JUNK = b"JUNK" + struct.pack("<I", 5) + b"12345\0"


def header(data_bytes: int, before_data: bytes = FMT, kind: bytes = b"RIFF") -> bytes:
    return kind + b"????WAVE" + before_data + b"data" + struct.pack("<I", data_bytes)


CASES = [
    (header(32_000), 1.0),
    (header(32_000, JUNK + FMT + JUNK), 1.0),
    (header(0x7FFEFFFF), 0x7FFEFFFF / 32_000),
    (header(0), None),
    (header(0xFFFFFFFF), None),
    (header(0x7FFFF000), None),  # espeak-ng
    (header(0x7FFFF024), None),  # sox
    (header(32_000, b""), None),  # no format said before the sound
    (header(32_000, FMT.replace(b"\x01\0\x01\0", b"\x11\0\x01\0")), None),  # ADPCM
    (header(0xFFFFFFFF, b"ds64" + struct.pack("<IQQI", 20, 0, 64_000, 0) + FMT, b"RF64"), 2.0),
    (b"RIFF????AVI " + FMT, None),
    (b"RIFF????WAVE" + FMT, None),
    (b"RIFF????WAVE" + FMT + b"LIST" + struct.pack("<I", 2**31), None),
    (b"RIFF", None),
    (b"", None),
]


@pytest.mark.parametrize(("data", "promised_s"), CASES)
def test_the_length_in_a_wav_header_is_believed_where_it_can_be(
    data: bytes, promised_s: float | None
) -> None:
    file = FileBytes(io.BytesIO(data), len(data))
    assert promised_wav_s(file) == promised_s
    assert file.tell() == 0


@pytest.mark.parametrize(("data", "promised_s"), CASES)
def test_a_pipe_tells_as_much_as_was_read_of_it(data: bytes, promised_s: float | None) -> None:
    pipe = PipeBytes(pipe_of(data))
    assert promised_wav_s(pipe) is None
    pipe.read(1000)
    assert promised_wav_s(pipe) == promised_s


def opened(path: Path) -> FileBytes:
    return FileBytes(io.BytesIO(path.read_bytes()), path.stat().st_size)


def test_an_mp3_with_and_without_its_header_are_told_apart(tmp_path: Path) -> None:
    sound = chirp(1, 16_000)
    with_it = with_ffmpeg(tmp_path / "a.mp3", sound, 16_000, codec="mp3")
    without = with_ffmpeg(
        tmp_path / "b.mp3", sound, 16_000, codec="mp3", options={"write_xing": "0"}
    )
    assert mp3_tells_its_length(opened(with_it))
    assert not mp3_tells_its_length(opened(without))


def test_an_mp3_header_is_found_behind_a_large_tag(tmp_path: Path) -> None:
    path = with_ffmpeg(
        tmp_path / "a.mp3", chirp(1, 16_000), 16_000, codec="mp3", options={"id3v2_version": "0"}
    )
    tag = b"ID3\x04\0\0" + bytes([0, 2, 0, 0]) + bytes(2 << 14)
    path.write_bytes(tag + path.read_bytes())
    assert mp3_tells_its_length(opened(path))


def test_an_ogg_that_was_cut_off_has_no_last_page(tmp_path: Path) -> None:
    path = with_libsndfile(tmp_path / "a.ogg", chirp(3, 16_000), 16_000)
    assert ogg_ends_properly(opened(path))
    assert not ogg_ends_properly(opened(cut_in_half(path)))
    assert not ogg_ends_properly(FileBytes(io.BytesIO(b"OggS"), 4))

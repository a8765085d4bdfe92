import io
import struct
from pathlib import Path

import pytest

from audio_io.byte_streams import FileBytes, PipeBytes
from audio_io.containers.promised import promised_mp3_s, promised_wav_s
from tests.audio_io.sounds import chirp, pipe_of, with_ffmpeg

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


def test_an_mp3_tells_its_length_only_in_its_header(tmp_path: Path) -> None:
    sound = chirp(5, 16_000)
    told = with_ffmpeg(tmp_path / "a.mp3", sound, 16_000, codec="mp3").read_bytes()
    untold = with_ffmpeg(
        tmp_path / "b.mp3", sound, 16_000, codec="mp3", options={"write_xing": "0"}
    ).read_bytes()
    assert promised_mp3(tmp_path, told) == pytest.approx(5, abs=0.2)
    assert promised_mp3(tmp_path, told[:-2000]) == pytest.approx(5, abs=0.2)
    assert promised_mp3(tmp_path, untold[:-2000]) is None
    no_frames = told.replace(b"Info\0\0\0\x0f", b"Info\0\0\0\x0e")
    assert promised_mp3(tmp_path, no_frames[:-2000]) is None


def test_an_mp3_header_is_found_behind_a_large_tag(tmp_path: Path) -> None:
    path = with_ffmpeg(
        tmp_path / "a.mp3", chirp(5, 16_000), 16_000, codec="mp3", options={"id3v2_version": "0"}
    )
    tag = b"ID3\x04\0\0" + bytes([0, 2, 0, 0]) + bytes(2 << 14)
    part = promised_mp3(tmp_path, tag + path.read_bytes()[:-2000])
    assert part == pytest.approx(5, abs=0.2)


def promised_mp3(folder: Path, data: bytes) -> float | None:
    path = folder / "promised.mp3"
    path.write_bytes(data)
    with path.open("rb", buffering=0) as file:
        return promised_mp3_s(FileBytes(file, len(data)))

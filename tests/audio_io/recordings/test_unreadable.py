"""What a disk cannot read, as the system says it."""

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest

from audio_io.byte_streams import FileBytes
from audio_io.decoding.libav import LibavDecoder
from audio_io.errors import SoundFileError
from audio_io.recordings import files
from audio_io.recordings.recording import Recording, open_recording
from audio_io.sound_choice import ANY_SOUND
from tests.audio_io.sounds import chirp, joined, with_ffmpeg, with_libsndfile

SECONDS = 6


class Scratched(io.FileIO):
    """A file whose bytes from `bad_from` on raise EIO, as a scratched disk's do."""

    def __init__(self, path: Path, bad_from: int) -> None:
        super().__init__(path, "rb")
        self.bad_from = bad_from

    def read(self, size: Any = -1, /) -> bytes:
        if self.tell() + size > self.bad_from:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(size)


@pytest.fixture
def pread(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Where the bytes of an open file become unreadable, by its number."""
    bad_from: dict[int, int] = {}
    real = os.pread

    def scratched(number: int, size: int, place: int) -> bytes:
        if place + size > bad_from.get(number, 1 << 62):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(number, size, place)

    monkeypatch.setattr(os, "pread", scratched)
    return bad_from


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.flac", "a.mkv"])
def test_what_can_be_read_is_heard_and_the_rest_is_told_as_the_system_does(
    tmp_path: Path, pread: dict[int, int], name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path, sound = tmp_path / name, chirp(SECONDS, 48_000)
    if name == "a.mkv":
        with_ffmpeg(path, sound, 48_000, codec="aac")
    else:
        with_libsndfile(path, sound, 48_000)
    size = path.stat().st_size
    with Scratched(path, size // 2) as file:
        pread[file.fileno()] = size // 2
        decoder = files.open_decoder(path, file, FileBytes(file, size), ANY_SOUND)
        chunks = list(Recording(decoder, 16_000, 100, str(path)))
    assert 0.3 * SECONDS < len(joined(chunks)) / 16_000 < 0.7 * SECONDS
    assert chunks[-1].lost_reason == "the system says: Input/output error"
    assert capfd.readouterr() == ("", "")


def test_a_file_that_cannot_be_read_at_all_is_told_as_the_system_does(
    tmp_path: Path, pread: dict[int, int], capfd: pytest.CaptureFixture[str]
) -> None:
    path = with_libsndfile(tmp_path / "a.wav", chirp(1, 16_000), 16_000)
    with Scratched(path, 0) as file:
        pread[file.fileno()] = 0
        with pytest.raises(SoundFileError, match=r"a\.wav cannot be read: Input/output error\."):
            files.open_decoder(path, file, FileBytes(file, path.stat().st_size), ANY_SOUND)
    assert capfd.readouterr() == ("", "")


def test_a_place_far_behind_that_cannot_be_read_ends_the_sound_there(tmp_path: Path) -> None:
    path = with_libsndfile(tmp_path / "a.wav", chirp(120, 48_000), 48_000)
    size = path.stat().st_size
    with Scratched(path, size - 1_000_000) as file:
        blocks = list(LibavDecoder(FileBytes(file, size), "a.wav"))
    heard_s = sum(len(block.samples) for block in blocks) / 48_000
    assert 100 < heard_s < 110
    assert blocks[-1].lost_s == pytest.approx(120 - heard_s, abs=0.01)
    assert blocks[-1].lost_reason == "the system says: Input/output error"


def test_a_kernel_file_that_answers_eio_is_named_so() -> None:
    if not Path("/proc/self/mem").exists():
        pytest.skip("no /proc here")
    with pytest.raises(SoundFileError, match=r"/proc/self/mem cannot be read: Input/output error"):
        open_recording(Path("/proc/self/mem"), 16_000)

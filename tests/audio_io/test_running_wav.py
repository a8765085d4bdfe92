"""A wav that is whole at every moment of its making."""

import resource
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_io.chunk import AudioChunk, Samples
from audio_io.errors import OutputError
from audio_io.running_wav import RunningWav
from tests.live_fakes import noise

RATE_HZ = 8_000


@contextmanager
def full_disk_after(file_bytes: int) -> Iterator[None]:
    """No file of this process may grow past that size meanwhile, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def chunk(start: int, samples: Samples) -> AudioChunk:
    return AudioChunk(samples, RATE_HZ, start)


def on_disk(path: Path) -> Samples:
    """What any player reads now; two of them agree."""
    samples, rate_hz = soundfile.read(path, dtype="float32")
    assert rate_hz == RATE_HZ
    with wave.open(str(path)) as reader:
        assert (reader.getnchannels(), reader.getsampwidth()) == (1, 2)
        assert reader.getnframes() == len(samples)
        assert len(reader.readframes(reader.getnframes())) == 2 * len(samples)
    sound: Samples = samples
    return sound


def same(found: Samples, wanted: Samples) -> bool:
    return len(found) == len(wanted) and bool(np.all(np.abs(found - wanted) <= 1 / 32768))


def test_it_can_be_read_after_every_write_and_lacks_less_than_a_second(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    wav = RunningWav(path, RATE_HZ)
    assert len(on_disk(path)) == 0
    sound = noise(5 * RATE_HZ)
    sizes = np.random.default_rng(1).integers(0, 1500, 200)
    start = 0
    for size in sizes:
        wav.write(chunk(start, sound[start : start + size]))
        start = min(len(sound), start + int(size))
        found = on_disk(path)
        assert len(found) > start - RATE_HZ
        assert same(found, sound[: len(found)])
    wav.close()
    assert same(on_disk(path), sound)
    assert wav.written_samples == len(sound)


def test_sound_that_comes_later_has_silence_before_it(tmp_path: Path) -> None:
    wav = RunningWav(tmp_path / "a.wav", RATE_HZ)
    one, two = noise(100), noise(200, seed=2)
    wav.write(chunk(50, one))
    wav.write(chunk(300_000, two))  # longer than what is filled at once
    wav.write(chunk(10, one))  # too early: follows
    wav.close()
    found = on_disk(tmp_path / "a.wav")
    assert len(found) == 300_300 == wav.written_samples
    assert not found[:50].any()
    assert same(found[50:150], one)
    assert not found[150:300_000].any()
    assert same(found[300_000:300_200], two)
    assert same(found[300_200:], one)


def test_a_long_silence_alone_is_on_the_disk_too(tmp_path: Path) -> None:
    wav = RunningWav(tmp_path / "a.wav", RATE_HZ)
    wav.fill_to(10 * RATE_HZ)
    assert len(on_disk(tmp_path / "a.wav")) > 9 * RATE_HZ
    wav.fill_to(5 * RATE_HZ)
    wav.close()
    assert len(on_disk(tmp_path / "a.wav")) == 10 * RATE_HZ


def test_what_exists_already_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        RunningWav(path, RATE_HZ)
    assert path.read_bytes() == b"mine"


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written: No such file"):
        RunningWav(tmp_path / "none" / "a.wav", RATE_HZ)


def test_a_closed_one_takes_nothing_and_may_be_closed_again(tmp_path: Path) -> None:
    wav = RunningWav(tmp_path / "a.wav", RATE_HZ)
    wav.write(chunk(0, noise(10)))
    wav.close()
    wav.close()
    with pytest.raises(ValueError, match="closed"):
        wav.write(chunk(10, noise(10)))
    assert len(on_disk(tmp_path / "a.wav")) == 10


def test_another_rate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="8000 Hz, not 16000 Hz"):
        RunningWav(tmp_path / "a.wav", RATE_HZ).write(AudioChunk(noise(10), 16_000))


def test_a_full_disk_is_said_and_what_was_written_can_be_played(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    wav = RunningWav(path, RATE_HZ)
    sound = noise(20 * RATE_HZ)
    written = 0
    with full_disk_after(100_001), pytest.raises(OutputError, match="cannot be written: File too"):
        for at in range(0, len(sound), 400):
            wav.write(chunk(at, sound[at : at + 400]))
            written = at + 400
    found = on_disk(path)
    assert 50_000 - 2 * RATE_HZ < len(found) <= written
    assert same(found, sound[: len(found)])


def test_no_room_for_the_header_is_said(tmp_path: Path) -> None:
    with full_disk_after(20), pytest.raises(OutputError, match="cannot be written"):
        RunningWav(tmp_path / "a.wav", RATE_HZ)


def test_a_writer_that_is_killed_loses_at_most_a_second(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    program = """
import sys
from pathlib import Path
import numpy as np
from audio_io.chunk import AudioChunk
from audio_io.running_wav import RunningWav
wav = RunningWav(Path(sys.argv[1]), 8000)
start = 0
while True:
    samples = ((np.arange(start, start + 160) % 30000) / 32768).astype(np.float32)
    wav.write(AudioChunk(samples, 8000, start))
    start += 160
    if start % 1600 == 0:
        print(start, flush=True)
"""
    writer = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    for line in writer.stdout:
        if int(line) >= 20_000:
            break
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read().split("\n")
    writer.wait()
    told = max([int(word) for word in rest[:-1] if word], default=int(line))
    found = on_disk(path)
    assert len(found) >= told - RATE_HZ
    wanted = (np.arange(len(found)) % 30_000 / 32768).astype(np.float32)
    assert same(found, wanted)
    assert path.stat().st_size >= 44 + 2 * len(found)

import os
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_io.chunk import AudioChunk, Samples
from audio_io.errors import OutputError
from audio_io.ports import AudioSink
from audio_io.wav import LARGEST_WAV_BYTES, WavFile, wav_header
from tests.audio_io.sounds import chirp


def chunk(samples: Samples, start_sample: int = 0, rate_hz: int = 16_000) -> AudioChunk:
    return AudioChunk(samples, rate_hz, start_sample)


def finished(path: Path, *chunks: AudioChunk) -> Samples:
    wav = WavFile(path, 16_000)
    for each in chunks:
        wav.write(each)
    wav.finish()
    samples, rate_hz = soundfile.read(path, dtype="float32")
    assert rate_hz == 16_000
    heard: Samples = samples
    return heard


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    sound = chirp(1, 16_000)
    heard = finished(tmp_path / "a.wav", chunk(sound[:7_000]), chunk(sound[7_000:], 7_000))
    np.testing.assert_allclose(heard, sound, atol=0.6 / 32_768)


def test_other_readers_agree_on_the_header(tmp_path: Path) -> None:
    finished(tmp_path / "a.wav", chunk(chirp(0.5, 16_000)))
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getparams()[:4] == (1, 2, 16_000, 8_000)
    with soundfile.SoundFile(tmp_path / "a.wav") as file:
        assert (file.subtype, file.software) == ("PCM_16", "s2st")
    data = (tmp_path / "a.wav").read_bytes()
    assert data.startswith(wav_header(16_000, 16_000))
    assert int.from_bytes(data[4:8], "little") == len(data) - 8


def test_a_file_without_sound_is_a_wav_of_no_samples(tmp_path: Path) -> None:
    assert len(finished(tmp_path / "a.wav")) == 0


def test_time_that_passed_without_sound_is_silent(tmp_path: Path) -> None:
    sound = chirp(0.1, 16_000)
    heard = finished(tmp_path / "a.wav", chunk(sound, 50_000), chunk(sound, 100_000))
    assert len(heard) == 101_600
    assert not heard[:50_000].any()
    assert not heard[51_600:100_000].any()
    np.testing.assert_allclose(heard[100_000:], sound, atol=0.6 / 32_768)


def test_a_chunk_that_comes_late_is_appended(tmp_path: Path) -> None:
    sound = chirp(0.1, 16_000)
    heard = finished(tmp_path / "a.wav", chunk(sound), chunk(sound, 100), chunk(sound, 3_201))
    assert len(heard) == 3 * 1_600 + 1


def test_it_is_a_sink_that_counts_what_it_has(tmp_path: Path) -> None:
    wav = WavFile(tmp_path / "a.wav", 16_000)
    sink: AudioSink = wav
    sink.write(chunk(chirp(0.1, 16_000), 400))
    assert wav.written_samples == 2_000
    wav.abandon()


def test_closing_does_not_put_the_file_in_place(tmp_path: Path) -> None:
    wav = WavFile(tmp_path / "a.wav", 16_000)
    wav.write(chunk(chirp(0.1, 16_000)))
    wav.close()
    wav.close()
    assert not (tmp_path / "a.wav").exists()
    with pytest.raises(ValueError, match="closed"):
        wav.write(chunk(chirp(0.1, 16_000)))
    wav.finish()
    wav.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_an_abandoned_wav_leaves_nothing(tmp_path: Path) -> None:
    wav = WavFile(tmp_path / "a.wav", 16_000)
    wav.write(chunk(chirp(0.1, 16_000)))
    wav.abandon()
    wav.abandon()
    wav.close()
    assert list(tmp_path.iterdir()) == []


def test_sound_of_another_rate_is_a_mistake_of_ours(tmp_path: Path) -> None:
    wav = WavFile(tmp_path / "a.wav", 16_000)
    with pytest.raises(ValueError, match="takes 16000 Hz, not 24000 Hz"):
        wav.write(chunk(chirp(0.1, 24_000), rate_hz=24_000))
    wav.abandon()


def test_more_than_a_wav_can_hold_is_refused_before_it_is_written(tmp_path: Path) -> None:
    wav = WavFile(tmp_path / "a.wav", 16_000)
    with pytest.raises(OutputError, match="larger than 4 GB"):
        wav.write(chunk(chirp(0.1, 16_000), LARGEST_WAV_BYTES // 2))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.decode().strip()}")
    try:
        (disk / "before.wav").write_bytes(b"old")
        wav = WavFile(disk / "before.wav", 16_000)
        with pytest.raises(OutputError, match=r"the disk is full\. Free some space"):
            for _ in range(100):
                wav.write(chunk(chirp(0.1, 16_000)))
        wav.abandon()
        assert [path.name for path in disk.iterdir()] == ["before.wav"]
        assert (disk / "before.wav").read_bytes() == b"old"

        # So little that only closing meets the full disk.
        (disk / "filler").write_bytes(bytes(56 * 1024))
        wav = WavFile(disk / "late.wav", 16_000)
        wav.write(chunk(chirp(0.5, 16_000)))
        with pytest.raises(OutputError, match="the disk is full"):
            wav.finish()
        assert sorted(path.name for path in disk.iterdir()) == ["before.wav", "filler"]
    finally:
        subprocess.run(["umount", disk], check=True)

"""Speech with the original under it."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_io.errors import SoundFileError
from audio_io.mix import BLOCK_SAMPLES, mix_into
from audio_io.wav import WavFile

RATE_HZ = 8000


def wav(path: Path, level: float, samples: int) -> Path:
    soundfile.write(path, np.full(samples, level, dtype=np.float32), RATE_HZ, subtype="PCM_16")
    return path


@pytest.mark.parametrize(("speech", "original"), [(10, BLOCK_SAMPLES + 10), (300, 100), (0, 5)])
def test_the_sum_is_as_long_as_the_longer_and_the_original_as_quiet_as_asked(
    tmp_path: Path, speech: int, original: int
) -> None:
    out = WavFile(tmp_path / "out.wav", RATE_HZ)
    over, under = wav(tmp_path / "a.wav", 0.25, speech), wav(tmp_path / "b.wav", 0.5, original)
    mix_into(out, over, under, original_db=-20.0)
    out.finish()
    mixed, _ = soundfile.read(tmp_path / "out.wav")
    expected = np.zeros(max(speech, original))
    expected[:speech] += 0.25
    expected[:original] += 0.05  # -20 dB is a tenth
    assert np.abs(mixed - expected).max() < 1e-3


def test_what_is_too_loud_is_made_quieter(tmp_path: Path) -> None:
    out = WavFile(tmp_path / "out.wav", RATE_HZ)
    mix_into(out, wav(tmp_path / "a.wav", 0.9, 2000), wav(tmp_path / "b.wav", 0.9, 2000), 0.0)
    out.finish()
    mixed, _ = soundfile.read(tmp_path / "out.wav")
    assert abs(mixed[1000] - 10 ** (-1 / 20)) < 1e-3  # 1.8, at a decibel below full scale


def test_a_file_that_is_no_wav_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"nothing")
    out = WavFile(tmp_path / "out.wav", RATE_HZ)
    with pytest.raises(SoundFileError, match="cannot be mixed"):
        mix_into(out, tmp_path / "a.wav", wav(tmp_path / "b.wav", 0.1, 10), -6.0)
    out.abandon()

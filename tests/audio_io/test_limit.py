"""The peaks of speech that is written, held against soxr's own oversampling."""

from itertools import pairwise

import numpy as np
import pytest
import soxr

from audio_io.chunk import AudioChunk, Samples
from audio_io.limit import PeakLimited

RATE_HZ = 22_050


class Kept:
    """A sink that puts everything in its place."""

    sample_rate_hz = RATE_HZ

    def __init__(self, samples: int) -> None:
        self.sound = np.full(samples, np.nan, np.float32)

    def write(self, chunk: AudioChunk) -> None:
        assert np.isnan(self.sound[chunk.start_sample : chunk.end_sample]).all()
        self.sound[chunk.start_sample : chunk.end_sample] = chunk.samples

    def close(self) -> None:
        pass


def limited(samples: Samples, *cuts: int) -> Samples:
    kept = Kept(len(samples))
    limiter = PeakLimited(kept)
    for start, end in pairwise([0, *cuts, len(samples)]):
        limiter.write(AudioChunk(samples[start:end], RATE_HZ, start))
    limiter.close()
    assert not np.isnan(kept.sound).any()
    return kept.sound


def true_peak_db(samples: Samples) -> float:
    finer = soxr.resample(np.pad(samples, 200), RATE_HZ, 8 * RATE_HZ, quality="VHQ")
    return float(20 * np.log10(np.abs(finer).max()))


@pytest.fixture
def loud() -> Samples:
    """Noise of the band of speech, with peaks at full scale and above."""
    noise = 0.4 * np.random.default_rng(0).standard_normal(2 * RATE_HZ).astype(np.float32)
    narrow: Samples = soxr.resample(soxr.resample(noise, RATE_HZ, 8000), 8000, RATE_HZ)
    return narrow


def test_no_peak_is_above_a_decibel_below_full_scale(loud: Samples) -> None:
    assert true_peak_db(loud) > 0.1
    assert -1.3 < true_peak_db(limited(loud)) < -0.95


def test_peaks_between_the_samples_count() -> None:
    tone = np.sin(np.pi / 2 * np.arange(RATE_HZ) + np.pi / 4).astype(np.float32)
    assert np.abs(tone).max() < 0.71  # no sample lies on a peak
    assert np.abs(limited(tone)[1000:-1000]).max() == pytest.approx(0.707 * 0.891, abs=0.002)


def test_what_is_quiet_enough_is_not_touched(loud: Samples) -> None:
    quiet = 0.3 * loud
    assert np.array_equal(limited(quiet, 5, 4000), quiet)
    lone = 0.1 * loud
    lone[RATE_HZ] = 0.99
    assert np.array_equal(limited(lone)[: RATE_HZ - 600], lone[: RATE_HZ - 600])
    assert np.array_equal(limited(lone)[RATE_HZ + 600 :], lone[RATE_HZ + 600 :])


def test_how_the_sound_is_cut_changes_nothing(loud: Samples) -> None:
    whole = limited(loud)
    assert np.array_equal(limited(loud, 1, 2, 700, 30_000, 30_001), whole)


def test_sound_after_a_gap_stays_in_its_place() -> None:
    kept = Kept(5000)
    limiter = PeakLimited(kept)
    limiter.write(AudioChunk(np.full(100, 0.5, np.float32), RATE_HZ, 0))
    limiter.write(AudioChunk(np.full(100, 0.5, np.float32), RATE_HZ, 3000))
    limiter.close()
    there = np.flatnonzero(~np.isnan(kept.sound))
    assert there.tolist() == [*range(100), *range(3000, 3100)]

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_io.decoding.downmix import Downmix


@pytest.mark.parametrize(
    ("data", "mono"),
    [
        (np.array([[0, 128, 255]], dtype=np.uint8), [-1.0, 0.0, 127 / 128]),
        (np.array([[-32768, 0, 16384]], dtype=np.int16), [-1.0, 0.0, 0.5]),
        (np.array([[-(2**31), 0, 2**30]], dtype=np.int32), [-1.0, 0.0, 0.5]),
        (np.array([[-1.0, 0.25, 1.0]], dtype=np.float32), [-1.0, 0.25, 1.0]),
        (np.array([[-1.0, 0.25, 1.0]], dtype=np.float64), [-1.0, 0.25, 1.0]),
        (np.array([[9.0, -9.0, 1e300]], dtype=np.float64), [1.0, -1.0, 0.0]),
        (np.array([[np.nan, np.inf, -np.inf]], dtype=np.float32), [0.0, 0.0, 0.0]),
        (np.array([[0.5, np.nan], [0.1, 0.4]], dtype=np.float32), [0.3, 0.2]),
        (np.zeros((2, 0), dtype=np.int16), []),
        (np.eye(8, dtype=np.float32), [0.125] * 8),
    ],
)
def test_channels_are_scaled_cleaned_and_averaged(
    data: NDArray[np.int16], mono: list[float]
) -> None:
    mixed = Downmix("", "a.wav").mix(data, 16_000)
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(mixed, mono, atol=1e-6)


def test_what_is_mixed_is_left_as_it_was() -> None:
    data = np.array([[2.0, np.nan]], dtype=np.float32)
    Downmix("", "a.wav").mix(data, 16_000)
    assert data[0, 0] == 2.0
    assert np.isnan(data[0, 1])


def test_a_vowel_that_is_held_for_long_is_no_time_code() -> None:
    rate_hz, block = 16_000, 320
    time_s = np.arange(4 * rate_hz) / rate_hz
    talk = (0.2 * np.sin(2 * np.pi * 300 * time_s) * np.sin(7 * time_s)).astype(np.float32)
    vowel = (0.2 * np.sin(2 * np.pi * 150 * time_s) * (time_s % 2 < 0.8)).astype(np.float32)
    downmix = Downmix("", "a.wav")
    for start in range(0, len(talk), block):
        part = slice(start, start + block)
        downmix.mix(np.stack([talk[part], vowel[part]]), rate_hz)
    assert not downmix.taken

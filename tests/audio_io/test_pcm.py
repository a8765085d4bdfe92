import numpy as np
import pytest

from audio_io.pcm import from_pcm16, to_pcm16


@pytest.mark.parametrize(
    ("sample", "data"),
    [
        (0.0, b"\x00\x00"),
        (1 / 32768, b"\x01\x00"),
        (-1 / 32768, b"\xff\xff"),
        (0.5, b"\x00\x40"),
        (-1.0, b"\x00\x80"),
        (1.0, b"\xff\x7f"),
        (7.5, b"\xff\x7f"),
        (-7.5, b"\x00\x80"),
        (0.6 / 32768, b"\x01\x00"),
        (0.4 / 32768, b"\x00\x00"),
        (float("nan"), b"\x00\x00"),
        (float("inf"), b"\xff\x7f"),
        (float("-inf"), b"\x00\x80"),
    ],
)
def test_a_sample_becomes_two_bytes_rounded_and_clipped(sample: float, data: bytes) -> None:
    assert to_pcm16(np.array([sample], dtype=np.float32)) == data


def test_every_16_bit_value_survives_the_way_there_and_back() -> None:
    data = np.arange(-32768, 32768, dtype="<i2").tobytes()
    assert to_pcm16(from_pcm16(data)) == data


def test_samples_made_from_bytes_are_float32_within_one() -> None:
    samples = from_pcm16(b"\x00\x80\xff\x7f")
    assert samples.dtype == np.float32
    assert samples.tolist() == [-1.0, 32767 / 32768]


def test_nothing_becomes_nothing() -> None:
    assert to_pcm16(np.zeros(0, dtype=np.float32)) == b""
    assert len(from_pcm16(b"")) == 0


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        from_pcm16(b"abc")

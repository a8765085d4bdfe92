import numpy as np
import pytest

from audio_io.chunk import Samples, silence
from audio_io.resample import StreamResampler
from tests.audio_io.sounds import dominant_hz, tone

RATES_HZ = [
    (8_000, 16_000),
    (11_025, 16_000),
    (44_100, 16_000),
    (48_000, 16_000),
    (192_000, 16_000),
    (16_000, 22_050),
    (16_000, 48_000),
    (16_000, 16_000),
]


def resampled(samples: Samples, from_hz: int, to_hz: int, block: int) -> Samples:
    resampler = StreamResampler(from_hz, to_hz)
    parts = [
        resampler.process(samples[start : start + block]) for start in range(0, len(samples), block)
    ]
    return np.concatenate([*parts, resampler.process(silence(0), last=True)])


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES_HZ)
@pytest.mark.parametrize("samples", [0, 1, 2, 10, 999, 44_101])
def test_as_much_sound_comes_out_as_went_in(from_hz: int, to_hz: int, samples: int) -> None:
    sound = tone(220, 1, samples)[:samples] if samples else silence(0)
    out = resampled(sound, from_hz, to_hz, block=1000)
    assert abs(len(out) - round(samples * to_hz / from_hz)) <= 1
    assert out.dtype == np.float32


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES_HZ)
def test_block_size_does_not_change_the_result(from_hz: int, to_hz: int) -> None:
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 20_000).astype(np.float32)
    whole = resampled(sound, from_hz, to_hz, block=len(sound))
    for block in (1, 37, 4_096):
        part = sound[:2_000] if block == 1 else sound
        expected = resampled(part, from_hz, to_hz, block=len(part)) if block == 1 else whole
        np.testing.assert_array_equal(resampled(part, from_hz, to_hz, block), expected)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES_HZ)
def test_pitch_and_level_stay(from_hz: int, to_hz: int) -> None:
    out = resampled(tone(440, 1, from_hz), from_hz, to_hz, block=480)
    assert dominant_hz(out, to_hz) == pytest.approx(440, abs=1)
    assert np.max(np.abs(out[1000:-1000])) == pytest.approx(0.5, abs=0.01)


def test_what_the_lower_rate_cannot_carry_is_gone() -> None:
    out = resampled(tone(12_000, 1, 48_000), 48_000, 16_000, block=480)
    assert np.max(np.abs(out[1000:-1000])) < 0.001


def test_equal_rates_pass_samples_through_untouched() -> None:
    sound = tone(220, 0.1, 16_000)
    assert StreamResampler(16_000, 16_000).process(sound) is sound


def test_two_streams_do_not_hear_each_other() -> None:
    low, high = tone(200, 1, 48_000), tone(3_000, 1, 48_000)
    first, second = StreamResampler(48_000, 16_000), StreamResampler(48_000, 16_000)
    heard = []
    for start in range(0, 48_000, 4_800):
        heard.append(first.process(low[start : start + 4_800]))
        second.process(high[start : start + 4_800])
    heard.append(first.process(silence(0), last=True))
    np.testing.assert_array_equal(
        np.concatenate(heard), resampled(low, 48_000, 16_000, block=4_800)
    )


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_an_ended_stream_takes_no_more_sound(rate_hz: int) -> None:
    resampler = StreamResampler(16_000, rate_hz)
    resampler.process(silence(10), last=True)
    with pytest.raises(ValueError, match="ended"):
        resampler.process(silence(10))


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0"):
        StreamResampler(0, 16_000)

"""Where speech pauses."""

import numpy as np
import pytest

from audio_io.chunk import Samples, silence
from audio_io.pauses import find_pauses, levels_db, quietest_point
from tests.live_fakes import noise, words

RATE_HZ = 16_000


def burst_and_pause(pause_ms: int, rate_hz: int = RATE_HZ) -> Samples:
    """Half a second of noise, a pause, half a second of noise."""
    half = noise(rate_hz // 2)
    return np.concatenate([half, silence(rate_hz * pause_ms // 1000), half])


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000])
@pytest.mark.parametrize(("pause_ms", "found"), [(0, 0), (50, 0), (90, 0), (100, 1), (400, 1)])
def test_a_pause_lasts_at_least_a_tenth_of_a_second(
    rate_hz: int, pause_ms: int, found: int
) -> None:
    pauses = find_pauses(burst_and_pause(pause_ms, rate_hz), rate_hz)
    assert len(pauses) == found
    for pause in pauses:
        assert pause / rate_hz == pytest.approx(0.5 + pause_ms / 2000, abs=0.011)


@pytest.mark.parametrize("level", [0.001, 0.05, 1.0])
def test_every_pause_between_words_is_found_however_loud_they_are(level: float) -> None:
    pauses = find_pauses(words(20) * np.float32(level), RATE_HZ)
    # Words of 300 ms and pauses of 150 ms in turn: the middles lie at 375, 825 ... ms.
    expected = [0.375 + 0.45 * number for number in range(20)]
    assert [pause / RATE_HZ for pause in pauses] == pytest.approx(expected, abs=0.011)


def test_the_humming_of_a_fan_hides_no_pause() -> None:
    sound = words(20)
    pauses = find_pauses(sound + noise(len(sound), 0.01, seed=77), RATE_HZ)
    assert len(pauses) == 20


def test_noise_that_never_stops_has_no_pauses() -> None:
    assert find_pauses(noise(3 * RATE_HZ), RATE_HZ) == []


def test_silence_is_one_pause() -> None:
    assert find_pauses(silence(RATE_HZ), RATE_HZ) == [RATE_HZ // 2]


@pytest.mark.parametrize("samples", [0, 1, 159])
def test_less_than_a_frame_has_no_pause(samples: int) -> None:
    assert find_pauses(silence(samples), RATE_HZ) == []
    assert 0 <= quietest_point(silence(samples), RATE_HZ) <= samples


def test_the_quietest_point_is_the_middle_of_the_softest_tenth_of_a_second() -> None:
    sound = noise(RATE_HZ)
    sound[8_000:9_600] *= 0.5
    assert quietest_point(sound, RATE_HZ) == pytest.approx(8_800, abs=160)


def test_levels_are_those_of_a_full_sine_and_of_nothing() -> None:
    sine = np.sin(2 * np.pi * 1_000 * np.arange(320) / RATE_HZ).astype(np.float32)
    levels = levels_db(np.concatenate([sine, silence(170)]), RATE_HZ)
    assert levels.tolist() == pytest.approx([-3.01, -3.01, -100.0], abs=0.01)

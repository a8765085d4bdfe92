"""Speech whose speed changes while it is spoken."""

import numpy as np
import pytest

from audio_io.chunk import Samples, silence
from audio_io.stretch import Stretch, stretch_available
from tests.audio_io.sounds import dominant_hz, tone

RATE_HZ = 16_000

needs_libsonic = pytest.mark.skipif(not stretch_available(), reason="libsonic is not installed")


def voice(seconds: float) -> Samples:
    """A voiced sound: a period of 150 Hz with overtones."""
    parts = [tone(150 * k, seconds, RATE_HZ) / np.float32(k) for k in (1, 2, 3)]
    mixed: Samples = np.sum(parts, axis=0) / np.float32(2)
    return mixed.astype(np.float32)


def at_speeds(speeds: list[float], held_s: float, block: int = 640) -> tuple[Samples, float]:
    """Every speed held that long; what came out, and how long it should be."""
    stretch = Stretch(RATE_HZ, speeds[0])
    sound = voice(held_s)
    out: list[Samples] = []
    for speed in speeds:
        stretch.set_speed(speed)
        out += [stretch.process(sound[at : at + block]) for at in range(0, len(sound), block)]
    out.append(stretch.process(silence(0), last=True))
    return np.concatenate(out), sum(len(sound) / speed for speed in speeds)


@needs_libsonic
@pytest.mark.parametrize("held_s", [0.5, 1.0, 3.0])
@pytest.mark.parametrize(
    "speeds",
    [
        [1.0, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3],
        [1.3, 1.25, 1.2, 1.15, 1.1, 1.05, 1.0],
        [1.0, 1.3, 1.0, 1.3, 1.0, 1.3],
        [1.05, 1.1, 1.05, 1.1, 1.05],
        [1.2, 1.2, 1.2, 1.2],
    ],
)
def test_the_length_is_as_asked_when_speeds_hold_for_half_a_second(
    speeds: list[float], held_s: float
) -> None:
    out, expected = at_speeds(speeds, held_s)
    assert len(out) == pytest.approx(expected, rel=0.01)


@needs_libsonic
def test_pitch_and_level_stay_while_the_speed_changes() -> None:
    out, _ = at_speeds([1.0, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3], 0.5)
    assert dominant_hz(out, RATE_HZ) == pytest.approx(150, rel=0.01)
    frames = out[: len(out) // 320 * 320].reshape(-1, 320)
    loud = np.max(np.abs(frames), axis=1)[:-2]
    assert np.min(loud) > 0.5 * np.max(loud), "no holes where the speed changes"
    assert np.max(np.abs(np.diff(out))) < 2 * np.max(np.abs(np.diff(voice(0.5))))


@needs_libsonic
def test_samples_pass_untouched_until_the_first_change() -> None:
    stretch = Stretch(RATE_HZ, 1.0)
    sound = voice(0.1)
    for _ in range(10):
        stretch.set_speed(1.0)
        assert stretch.process(sound) is sound
    stretch.set_speed(1.1)
    assert stretch.speed == 1.1
    after = [stretch.process(sound) for _ in range(10)]
    after.append(stretch.process(silence(0), last=True))
    assert sum(map(len, after)) == pytest.approx(10 * len(sound) / 1.1, rel=0.01)


@needs_libsonic
def test_block_size_does_not_change_the_result_where_speeds_change() -> None:
    whole, _ = at_speeds([1.0, 1.1, 1.2, 1.1], 0.5, block=8_000)
    for block in (77, 640):
        out, _ = at_speeds([1.0, 1.1, 1.2, 1.1], 0.5, block)
        np.testing.assert_array_equal(out, whole)


@pytest.mark.parametrize("speed", [0.0, 0.99, 1.31, float("nan"), float("inf")])
def test_other_speeds_are_refused_and_change_nothing(speed: float) -> None:
    stretch = Stretch(RATE_HZ, 1.0)
    with pytest.raises(ValueError, match="speed must be"):
        stretch.set_speed(speed)
    assert stretch.speed == 1.0
    sound = voice(0.1)
    assert stretch.process(sound) is sound

import subprocess
import sys

import numpy as np
import pytest

from audio_io.chunk import Samples, silence
from audio_io.stretch import Stretch, stretch_available
from tests.audio_io.sounds import dominant_hz, tone

needs_libsonic = pytest.mark.skipif(not stretch_available(), reason="libsonic is not installed")


def stretched(samples: Samples, rate_hz: int, speed: float, block: int) -> Samples:
    stretch = Stretch(rate_hz, speed)
    parts = [
        stretch.process(samples[start : start + block]) for start in range(0, len(samples), block)
    ]
    return np.concatenate([*parts, stretch.process(silence(0), last=True)])


@needs_libsonic
@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000])
@pytest.mark.parametrize("speed", [1.05, 1.1, 1.2, 1.3])
@pytest.mark.parametrize("seconds", [0.0, 1 / 16_000, 0.005, 0.05, 1.0, 5.0])
def test_speech_gets_shorter_by_its_speed(rate_hz: int, speed: float, seconds: float) -> None:
    sound = tone(220, seconds, rate_hz)
    out = stretched(sound, rate_hz, speed, block=1_600)
    expected = len(sound) / speed
    assert abs(len(out) - expected) <= max(0.01 * rate_hz, 0.01 * expected)


@needs_libsonic
@pytest.mark.parametrize("speed", [1.05, 1.15, 1.3])
@pytest.mark.parametrize("hertz", [110, 220, 330])
def test_pitch_and_level_stay(speed: float, hertz: int) -> None:
    out = stretched(tone(hertz, 3, 16_000), 16_000, speed, block=320)
    assert dominant_hz(out, 16_000) == pytest.approx(hertz, rel=0.01)
    assert np.max(np.abs(out)) == pytest.approx(0.5, abs=0.05)


@needs_libsonic
def test_block_size_does_not_change_the_result() -> None:
    sound = tone(150, 2, 16_000) + 0.1 * tone(470, 2, 16_000)
    whole = stretched(sound, 16_000, 1.2, block=len(sound))
    for block in (77, 320, 5_000):
        np.testing.assert_array_equal(stretched(sound, 16_000, 1.2, block), whole)


@needs_libsonic
def test_most_of_the_sound_comes_before_the_end() -> None:
    stretch = Stretch(16_000, 1.2)
    ready = sum(len(stretch.process(tone(220, 0.1, 16_000))) for _ in range(20))
    assert ready > 0.9 * 2 * 16_000 / 1.2


@needs_libsonic
def test_sound_that_is_too_loud_is_clipped_and_does_not_wrap_around() -> None:
    out = stretched(3 * tone(220, 1, 16_000), 16_000, 1.2, block=1_600)
    steps = np.abs(np.diff(out))
    assert np.max(steps) < 0.5


def test_speed_one_passes_samples_through_untouched_without_any_library() -> None:
    sound = tone(220, 0.1, 16_000)
    stretch = Stretch(16_000, 1.0)
    assert stretch.process(sound) is sound
    assert len(stretch.process(silence(0), last=True)) == 0


@pytest.mark.parametrize("speed", [0.0, 0.99, 1.31, float("nan")])
def test_other_speeds_are_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be"):
        Stretch(16_000, speed)


@pytest.mark.parametrize("speed", [1.0, pytest.param(1.2, marks=needs_libsonic)])
def test_an_ended_stream_takes_no_more_sound(speed: float) -> None:
    stretch = Stretch(16_000, speed)
    stretch.process(silence(10), last=True)
    with pytest.raises(ValueError, match="ended"):
        stretch.process(silence(10))


def test_a_missing_library_is_said_with_what_to_install() -> None:
    # In a process of its own: one that finds no library of any name.
    program = """
import ctypes, ctypes.util
ctypes.util.find_library = lambda name: None
class Nothing(ctypes.CDLL):
    def __init__(self, name): raise OSError(name)
ctypes.CDLL = Nothing
from audio_io.stretch import Stretch, stretch_available
from audio_io.errors import S2stError
assert not stretch_available()
Stretch(16000, 1.0)
try:
    Stretch(16000, 1.1)
except S2stError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "libsonic was not found" in done.stdout
    assert "apt install libsonic0" in done.stdout


@needs_libsonic
def test_a_thousand_streams_are_freed() -> None:
    before = _resident_kilobytes()
    for _ in range(1_000):
        Stretch(48_000, 1.1).process(silence(480), last=True)
    assert _resident_kilobytes() - before < 20_000


def _resident_kilobytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * 4

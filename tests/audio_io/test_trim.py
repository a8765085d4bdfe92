"""A clause without its silences."""

import numpy as np
import pytest

from audio_io.chunk import Samples, silence
from audio_io.trim import SilenceTrimmer
from tests.live_fakes import joined, noise

RATE_HZ = 16_000
FRAME = 160


def made_of(*parts_ms: int) -> Samples:
    """Sounds and silences: positive lengths are noise, negative ones silence."""
    parts = [
        noise(ms * 16, seed=number) if ms > 0 else silence(-ms * 16)
        for number, ms in enumerate(parts_ms)
    ]
    return joined(parts)


def trimmed(sound: Samples, block: int = 640, longest_ms: int = 250) -> Samples:
    trimmer = SilenceTrimmer(RATE_HZ, longest_ms)
    parts = [trimmer.process(sound[at : at + block]) for at in range(0, len(sound), block)]
    return joined([*parts, trimmer.process(silence(0), last=True)])


@pytest.mark.parametrize(
    ("sound", "expected"),
    [
        ((300,), (300,)),
        ((-500, 300), (-10, 300)),  # one frame stays, where the first sound comes from
        ((300, -500), (300,)),
        ((-500, 300, -500), (-10, 300)),
        ((300, -240, 200), (300, -240, 200)),
        ((300, -250, 200), (300, -250, 200)),
        ((300, -1000, 200), (300, -250, 200)),
        ((-70, 100, -400, 10, -260, 100, -10), (-10, 100, -250, 10, -250, 100)),
        ((-1000,), ()),
        ((), ()),
    ],
)
def test_silences(sound: tuple[int, ...], expected: tuple[int, ...]) -> None:
    # The noise of a part is that of its number, so compare lengths and what is loud.
    out = trimmed(made_of(*sound))
    assert len(out) == 16 * sum(abs(ms) for ms in expected)
    np.testing.assert_array_equal(out[out != 0], made_of(*sound)[made_of(*sound) != 0])
    at = 0
    for ms in expected:
        part = out[at : at + 16 * abs(ms)]
        assert bool(part.any()) == (ms > 0)
        at += len(part)


@pytest.mark.parametrize("block", [1, 77, 160, 161, 5_000, 100_000])
def test_block_size_does_not_change_the_result(block: int) -> None:
    sound = made_of(-35, 123, -300, 55, -249, 7, -1000, 201, -95)[:20_003]
    np.testing.assert_array_equal(trimmed(sound, block), trimmed(sound))


def test_the_last_samples_are_not_lost_though_they_fill_no_frame() -> None:
    sound = noise(10 * FRAME + 37)
    np.testing.assert_array_equal(trimmed(sound), sound)


def test_no_sound_waits_for_longer_than_a_frame() -> None:
    trimmer = SilenceTrimmer(RATE_HZ)
    sound = noise(10 * FRAME + 37)
    assert len(trimmer.process(sound)) == 10 * FRAME


@pytest.mark.parametrize("longest_ms", [0, 10, 100, 600])
def test_the_longest_silence_is_as_asked(longest_ms: int) -> None:
    out = trimmed(made_of(100, -800, 100), longest_ms=longest_ms)
    assert len(out) == 16 * (200 + longest_ms)


def test_soft_speech_is_kept_and_the_noise_of_a_synthesizer_is_not() -> None:
    soft = noise(RATE_HZ // 2, 10 ** (-46 / 20))
    hiss = noise(RATE_HZ // 2, 10 ** (-60 / 20))
    assert len(trimmed(np.concatenate([hiss, soft, hiss]))) == pytest.approx(
        len(soft), abs=2 * FRAME
    )

"""What may not be said: tables worked out by hand."""

import numpy as np
import pytest

from audio_io.chunk import Samples
from engine.layers.guards import is_noise, token_limit, without_loops
from tests.fakes import speech

CHANCE = np.random.default_rng(1)
HISS: Samples = 0.1 * CHANCE.standard_normal(32_000).astype(np.float32)
HUM: Samples = 0.2 * np.sin(np.arange(32_000) * 2 * np.pi * 50 / 16_000).astype(np.float32)
VOICE = speech("two_sentences.wav")


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.zeros(16_000, np.float32), True),
        (HISS[:0], True),
        (HISS / 1000, True),
        (HISS, True),
        (HUM, True),
        (VOICE, False),
        (VOICE / 20, False),
        (HISS[:8000], True),
        # Too short to be told from a syllable.
        (HISS[:4000], False),
        # Speech in a hiss 20 dB below it.
        (VOICE[:32_000] + HISS / 20, False),
    ],
)
def test_silence_and_steady_noise_are_told_from_speech(samples: Samples, expected: bool) -> None:
    assert is_noise(samples, 16_000) is expected


@pytest.mark.parametrize(
    ("text", "said", "expected"),
    [
        ("a b c", 0, "a b c"),
        ("no no no no", 0, "no no no no"),  # people say that
        ("a " * 9, 0, "a"),
        ("x a b a b a b a b y", 0, "x a b y"),
        ("a b a b a b", 0, "a b a b a b"),
        # Half a round at the end belongs to the loop.
        ("a b c a b c a b c a b", 0, "a b c a b c a b c a b"),
        ("a b c a b c a b c a b c a", 0, "a b c"),
        ("1 2 3 4 5 6 1 2 3 4 5 6 1 2 3 4 5 6 7", 0, "1 2 3 4 5 6 7"),
        # What was said cannot be taken back; the loop does not go on.
        ("a a a a a a a a a b", 5, "a a a a a b"),
        ("", 0, ""),
    ],
)
def test_of_a_loop_one_round_stays(text: str, said: int, expected: str) -> None:
    words = text.split()
    assert [words[place] for place in without_loops(words, said)] == expected.split()


@pytest.mark.parametrize(
    ("seconds", "most", "expected"), [(1.0, 256, 35), (20.0, 256, 256), (0.0, 256, 20), (5, 0, 1)]
)
def test_sound_has_so_many_tokens_at_most(seconds: float, most: int, expected: int) -> None:
    assert token_limit(seconds, most) == expected

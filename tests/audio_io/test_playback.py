"""What was played and when, from blocks told by hand."""

import tracemalloc

import numpy as np
import pytest

from audio_io.chunk import Samples, silence
from audio_io.playback import KEPT_S, Playback
from audio_io.ring import BlockRing
from tests.audio_io.sounds import tone
from tests.live_fakes import noise

RATE_HZ = 16_000
BLOCK = 320
STARTED_AT_S = 100.0
"""Clock time at which frame 0 is heard in these tests."""


class Card:
    """Tells a playback of its blocks as a speaker's callback does."""

    def __init__(self, rate_hz: int = RATE_HZ, heard_hz: int = RATE_HZ, slots: int = 1000) -> None:
        self.rate_hz = rate_hz
        self.history = BlockRing(slots, rate_hz // 50)
        self.playback = Playback(self.history, rate_hz, heard_hz)
        self.frames = 0
        self.taken = 0

    def play(self, samples: Samples, speech: bool = True, late_s: float = 0.0) -> None:
        """`speech` is what was taken from the ring; otherwise the card made zeros itself."""
        size = self.rate_hz // 50
        for at in range(0, len(samples), size):
            block = samples[at : at + size]
            at_s = STARTED_AT_S + self.frames / self.rate_hz + late_s
            self.history.try_write(block, self.frames, at_s, self.taken, len(block) * speech)
            self.frames += len(block)
            self.taken += len(block) * speech


def test_nothing_was_played_before_the_first_block() -> None:
    card = Card()
    assert card.playback.around(STARTED_AT_S, 100).tolist() == [0.0] * 100
    assert card.playback.heard_at_s(0) is None


@pytest.mark.parametrize(
    ("end_s", "samples", "first", "last"),
    [
        # 3200 samples were heard from 100.0 to 100.2 s. Which of them lie in what is asked for.
        (0.2, 3200, 0, 3200),
        (0.1, 160, 1440, 1600),
        (0.1, 3200, 0, 1600),
        (0.3, 3200, 1600, 3200),
        (0.5, 16_000, 0, 3200),
        (0.25, 800, 3200, 3200),
        (-1.0, 800, 0, 0),
        (9.0, 800, 0, 0),
        (0.2, 0, 0, 0),
    ],
)
def test_the_signal_stands_where_it_was_heard_between_zeros(
    end_s: float, samples: int, first: int, last: int
) -> None:
    card = Card()
    sound = noise(3200)
    card.play(sound)
    expected = silence(samples)
    offset = samples - round(end_s * RATE_HZ)
    expected[first + offset : last + offset] = sound[first:last]
    around = card.playback.around(STARTED_AT_S + end_s, samples)
    np.testing.assert_array_equal(around, expected)


def test_silence_of_the_card_counts_as_played() -> None:
    card = Card()
    sound = noise(1600)
    card.play(silence(1600), speech=False)
    card.play(sound)
    np.testing.assert_array_equal(card.playback.around(STARTED_AT_S + 0.2, 1600), sound)


def test_what_is_older_than_the_memory_is_zeros_and_the_rest_is_right() -> None:
    card = Card()
    sound = noise(round((KEPT_S + 2) * RATE_HZ))
    card.play(sound)
    end_s = STARTED_AT_S + KEPT_S + 2
    around = card.playback.around(end_s, len(sound))
    kept = round(KEPT_S * RATE_HZ)
    assert not around[:-kept].any()
    np.testing.assert_array_equal(around[-kept:], sound[-kept:])


def test_another_rate_is_changed_and_stays_in_place() -> None:
    card = Card(22_050, 16_000)
    card.play(tone(440, 2.0, 22_050))
    got = card.playback.around(STARTED_AT_S + 1.9, 16_000)
    wanted = tone(440, 2.0, 16_000)[round(0.9 * 16_000) : round(1.9 * 16_000)]
    assert np.max(np.abs(got - wanted)) < 0.01, "one sample off would be 0.09"


def test_positions_of_speech_have_their_times() -> None:
    card = Card()
    card.play(silence(3 * BLOCK), speech=False)
    card.play(noise(10 * BLOCK))
    card.play(silence(2 * BLOCK), speech=False)
    card.play(noise(BLOCK))
    # Block by block: 3 of silence, 10 of speech from 0, 2 of silence, 1 of speech from 3200.
    for sample, frame in [(0, 960), (1, 961), (319, 1279), (320, 1280), (3199, 4159), (3200, 4800)]:
        heard_at_s = card.playback.heard_at_s(sample)
        assert heard_at_s == pytest.approx(STARTED_AT_S + frame / RATE_HZ, abs=1e-9), sample


def test_what_has_not_left_has_no_time() -> None:
    card = Card()
    card.play(noise(4 * BLOCK))
    assert card.playback.heard_at_s(4 * BLOCK - 1) is not None
    assert card.playback.heard_at_s(4 * BLOCK) is None


def test_the_first_word_has_no_time_while_the_card_plays_silence() -> None:
    card = Card()
    card.play(silence(5 * BLOCK), speech=False)
    assert card.playback.heard_at_s(0) is None


def test_samples_passed_over_have_no_time() -> None:
    card = Card()
    card.play(noise(2 * BLOCK))
    card.taken += 5000  # the speaker dropped what waited
    card.play(noise(2 * BLOCK))
    assert card.playback.heard_at_s(2 * BLOCK - 1) is not None
    for sample in (2 * BLOCK + BLOCK, 2 * BLOCK + 4999):
        assert card.playback.heard_at_s(sample) is None
    at_s = card.playback.heard_at_s(2 * BLOCK + 5000)
    assert at_s == pytest.approx(STARTED_AT_S + 2 * BLOCK / RATE_HZ)


def test_a_jittering_clock_is_smoothed() -> None:
    card = Card()
    random = np.random.default_rng(5)
    times: list[float] = []
    for number in range(300):
        card.play(noise(BLOCK, seed=number), late_s=float(random.uniform(-0.01, 0.01)))
        card.playback.update()
        at_s = card.playback.heard_at_s(card.taken - 1)
        assert at_s is not None
        times.append(at_s - STARTED_AT_S - (card.frames - 1) / RATE_HZ)
    assert np.max(np.abs(times[60:])) < 0.005
    assert np.std(times[60:]) < 0.002, "each block alone jitters by 0.0058"


def test_a_single_late_block_moves_nothing() -> None:
    card = Card()
    card.play(noise(20 * BLOCK))
    card.play(noise(BLOCK), late_s=0.5)
    card.play(noise(20 * BLOCK))
    assert card.playback.heard_at_s(0) == pytest.approx(STARTED_AT_S, abs=1e-9)


def test_blocks_that_were_lost_leave_a_gap_and_move_nothing() -> None:
    card = Card()
    sound = noise(20 * BLOCK)
    card.play(sound[: 5 * BLOCK])
    card.frames += 5 * BLOCK  # played, but nobody took the news in time
    card.taken += 5 * BLOCK
    card.play(sound[10 * BLOCK :])
    late = card.playback.around(STARTED_AT_S + 20 * BLOCK / RATE_HZ, 5 * BLOCK)
    np.testing.assert_array_equal(late, sound[15 * BLOCK :])


def test_five_minutes_of_sound_take_no_more_memory_than_one() -> None:
    card = Card(8_000, 8_000)
    sound = noise(8_000)

    def play(seconds: int) -> int:
        for _ in range(seconds):
            card.play(sound)
            card.playback.update()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        minute = play(60)
        later = play(240)
    finally:
        tracemalloc.stop()
    assert later - minute < 20_000


def test_a_long_clause_keeps_the_time_of_its_first_sample() -> None:
    card = Card()
    for _ in range(30):
        card.play(noise(RATE_HZ))
        card.playback.update()
    assert card.playback.heard_at_s(0) == pytest.approx(STARTED_AT_S)


@pytest.mark.parametrize("stood_s", [0.3, 2.0, 3600.0])
def test_while_the_device_stood_still_nothing_was_played(stood_s: float) -> None:
    card = Card()
    one, two = noise(RATE_HZ, seed=1), noise(RATE_HZ, seed=2)
    card.play(one)
    card.play(two, late_s=stood_s)  # its own count knows nothing of it
    card.play(silence(1600), speech=False, late_s=stood_s)
    again_s = STARTED_AT_S + 1.0 + stood_s
    for sample, at_s in ((0, STARTED_AT_S), (15_999, STARTED_AT_S + 15_999 / RATE_HZ)):
        assert card.playback.heard_at_s(sample) == pytest.approx(at_s)
        assert card.playback.heard_at_s(RATE_HZ + sample) == pytest.approx(
            at_s - STARTED_AT_S + again_s
        )
    np.testing.assert_array_equal(card.playback.around(again_s + 1.0, RATE_HZ), two)
    assert not card.playback.around(again_s, round(min(stood_s, 1.0) * RATE_HZ) - 400).any()

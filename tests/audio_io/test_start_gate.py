"""Clauses that come too late for the card, however that came about."""

import numpy as np

from audio_io.chunk import Samples
from audio_io.ring import SampleRing, StartGate
from tests.live_fakes import joined, noise

RATE_HZ = 16_000
BLOCK = 320


class Card:
    """Takes a block from the ring when it is told to."""

    def __init__(self) -> None:
        self.gate = StartGate()
        self.ring = SampleRing(RATE_HZ)
        self.played: list[Samples] = []

    def write(self, samples: Samples, latest_s: float | None = None) -> int:
        position = self.ring.written
        if latest_s is not None:
            self.gate.begin(position, latest_s)
        self.ring.write(samples)
        return position

    def play(self, blocks: int, at_s: float) -> None:
        for number in range(blocks):
            block = np.zeros(BLOCK, np.float32)
            heard_at_s = at_s + number * BLOCK / RATE_HZ
            self.gate.judge(self.ring, BLOCK, heard_at_s, RATE_HZ)
            taken = self.ring.read_into(block)
            self.played.append(block[:taken])


def test_a_clause_in_time_is_played_to_its_end_however_long_that_takes() -> None:
    card, sound = Card(), noise(3 * BLOCK)
    position = card.write(sound[: 2 * BLOCK], 10.0)
    card.play(2, 9.9)
    card.write(sound[2 * BLOCK :])
    card.play(1, 50.0)
    np.testing.assert_array_equal(joined(card.played), sound)
    assert not card.gate.has_refused(position)


def test_of_a_clause_that_comes_too_late_nothing_is_played_and_the_next_one_is() -> None:
    card, sound = Card(), noise(5 * BLOCK)
    first = card.write(sound[:BLOCK], 10.0)
    card.play(1, 10.01)  # the process was held between writing and playing
    card.write(sound[BLOCK : 2 * BLOCK])  # and the writer has not noticed yet
    card.play(1, 10.03)
    assert card.gate.has_refused(first)
    card.write(sound[2 * BLOCK : 3 * BLOCK])
    second = card.write(sound[3 * BLOCK :], 20.0)
    card.play(3, 10.05)
    np.testing.assert_array_equal(joined(card.played), sound[3 * BLOCK :])
    assert not card.gate.has_refused(second)


def test_what_counts_is_when_the_clause_itself_is_heard() -> None:
    for latest_s, refused in ((10.044, True), (10.046, False)):
        card = Card()
        card.write(np.zeros(2 * BLOCK + 80, np.float32))
        position = card.write(noise(BLOCK), latest_s)
        card.play(4, 10.0)  # its first sample is heard at 10.045 s
        assert card.gate.has_refused(position) == refused

"""Frames that came late, and frames that are missing, told from when blocks arrive."""

from collections.abc import Iterator

import numpy as np
import pytest

from audio_io.capture_time import CaptureTime
from audio_io.chunk import Samples
from audio_io.ring import Block
from tests.live_fakes import joined

RATE_HZ = 16_000
BLOCK = 320
BLOCK_S = BLOCK / RATE_HZ


class Device:
    """Captures ticks, one a second, each numbered by its height; hands blocks over when told."""

    def __init__(self) -> None:
        self.times = CaptureTime(RATE_HZ)
        self.clock_s = 1000.0
        self.frames = 0
        self.second = 0.0
        """Of the world, in which the ticks stand."""
        self.got: list[tuple[Block, float]] = []

    def capture(self, seconds: float, *, late_s: float = 0.0) -> list[Block]:
        """Blocks as time goes by; each arrives when it is full, or later."""
        made = []
        for _ in range(round(seconds / BLOCK_S)):
            self.clock_s += BLOCK_S
            samples = np.zeros(BLOCK, np.float32)
            if round(self.second / BLOCK_S) % round(1 / BLOCK_S) == 0:
                samples[0] = 1.0
            self.second += BLOCK_S
            made.append(Block(samples, self.frames, self.clock_s + late_s, 0, 0))
            self.frames += BLOCK
        return made

    def miss(self, seconds: float) -> None:
        """Nothing is captured while time goes by."""
        self.clock_s += seconds
        self.second += seconds

    def bring(self, blocks: list[Block], *, all_at_s: float | None = None) -> None:
        for number, block in enumerate(blocks):
            at_s = block.at_s
            if all_at_s is not None:  # one after the other, as fast as they are taken
                at_s = max(at_s, all_at_s + number * 0.0002)
            self.times.put(Block(block.samples, block.first_sample, at_s, 0, 0))
            self._take()

    def end(self) -> None:
        self.times.decide()
        self._take()

    def _take(self) -> None:
        while (taken := self.times.take()) is not None:
            self.got.append(taken)

    @property
    def missing(self) -> list[float]:
        return [missing_s for _, missing_s in self.got if missing_s]

    def ticks_s(self) -> list[float]:
        """Where the ticks stand in stream time, gaps left as told."""
        parts: list[Samples] = []
        for block, missing_s in self.got:
            parts += [np.zeros(round(missing_s * RATE_HZ), np.float32), block.samples]
        return [float(at) / RATE_HZ for at in np.flatnonzero(joined(parts))]


@pytest.fixture
def device() -> Iterator[Device]:
    yield Device()


@pytest.mark.parametrize("held_s", [0.2, 0.3, 0.6, 1.5, 10.0, 61.0])
def test_frames_that_only_came_late_are_not_missing(device: Device, held_s: float) -> None:
    for _ in range(4):
        device.bring(device.capture(3.0))
        held = device.capture(held_s)
        device.bring(held, all_at_s=device.clock_s)
    device.bring(device.capture(1.0))
    device.end()
    assert device.missing == []
    assert len(device.got) == device.frames / BLOCK
    ticks_s = device.ticks_s()
    np.testing.assert_allclose(np.diff(ticks_s), 1.0)
    assert device.times.captured_at_s(device.frames) == pytest.approx(device.clock_s, abs=0.001)


@pytest.mark.parametrize("gap_s", [0.4, 1.0, 20.0])
def test_frames_that_never_came_are_missing_where_they_are(device: Device, gap_s: float) -> None:
    for _ in range(3):
        device.bring(device.capture(3.0))
        device.miss(gap_s)
    device.bring(device.capture(3.0))
    assert device.missing == pytest.approx([gap_s] * 3, abs=0.03)
    ticks_s = np.array(device.ticks_s())
    np.testing.assert_allclose(ticks_s, np.round(ticks_s), atol=0.07)
    assert device.times.captured_at_s(device.frames) == pytest.approx(device.clock_s, abs=0.03)


def test_what_a_full_server_lost_behind_a_burst_is_missing_after_the_burst(device: Device) -> None:
    device.bring(device.capture(3.0))
    kept = device.capture(2.0)
    device.miss(4.0)
    device.bring(kept, all_at_s=device.clock_s)
    device.bring(device.capture(2.0))
    assert device.missing == pytest.approx([4.0], abs=0.03)
    np.testing.assert_allclose(device.ticks_s(), [0, 1, 2, 3, 4, 9, 10], atol=0.05)


def test_blocks_by_twos_and_a_busy_machine_change_nothing(device: Device) -> None:
    random = np.random.default_rng(5)
    for _ in range(200):
        few = device.capture(BLOCK_S * int(random.integers(1, 25)))
        device.bring(few, all_at_s=device.clock_s)
    device.end()
    assert device.missing == []
    assert len(device.got) == device.frames / BLOCK


def test_a_card_with_a_slow_clock_is_followed(device: Device) -> None:
    for _ in range(6000):  # two minutes; a thousandth slower
        device.bring(device.capture(BLOCK_S))
        device.clock_s += BLOCK_S / 1000
    assert device.missing == []
    assert device.times.captured_at_s(device.frames) == pytest.approx(device.clock_s, abs=0.035)


def test_at_the_end_what_is_held_is_told_by_what_is_known(device: Device) -> None:
    device.bring(device.capture(3.0))
    device.miss(5.0)
    device.bring(device.capture(0.1))
    assert len(device.got) == 150
    device.end()
    assert len(device.got) == 155
    assert device.missing == pytest.approx([5.0], abs=0.03)

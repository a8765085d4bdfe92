"""The rings between a callback and a thread: what fits, what does not, and two threads at once."""

import threading

import numpy as np
import pytest

from audio_io.chunk import Samples
from audio_io.ring import BlockRing, SampleRing


def counted(start: int, count: int) -> Samples:
    """Samples that say which they are; float32 counts to 2**24."""
    return np.arange(start, start + count, dtype=np.float32)


def test_blocks_come_out_in_order_with_all_that_was_said_of_them() -> None:
    ring = BlockRing(4, 8)
    assert ring.read() is None
    for number, size in enumerate([8, 0, 3]):
        assert ring.try_write(counted(10 * number, size), 100 + number, 0.5 + number, mark=number)
    assert ring.waiting == 3
    for number, size in enumerate([8, 0, 3]):
        block = ring.read()
        assert block is not None
        assert block.samples.tolist() == counted(10 * number, size).tolist()
        assert (block.first_sample, block.at_s, block.mark) == (100 + number, 0.5 + number, number)
    assert ring.read() is None
    assert ring.waiting == 0


def test_a_full_ring_drops_the_new_block_and_counts_it() -> None:
    ring = BlockRing(2, 4)
    assert ring.try_write(counted(0, 4), 0, 0.0)
    assert ring.try_write(counted(4, 4), 4, 0.1)
    assert not ring.try_write(counted(8, 3), 8, 0.2)
    assert ring.dropped_samples == 3
    blocks = [ring.read(), ring.read(), ring.read()]
    assert [block.first_sample for block in blocks if block is not None] == [0, 4]
    assert ring.try_write(counted(11, 4), 11, 0.3)
    assert ring.dropped_samples == 3


def test_a_block_longer_than_a_slot_is_dropped_and_counted() -> None:
    ring = BlockRing(2, 4)
    assert not ring.try_write(counted(0, 5), 0, 0.0)
    assert (ring.dropped_samples, ring.waiting) == (5, 0)


def test_a_ring_without_slots_drops_all() -> None:
    ring = BlockRing(0, 0)
    assert not ring.try_write(counted(0, 5), 0, 0.0)
    assert ring.read() is None


@pytest.mark.parametrize("slots", [1, 2, 3, 7])
def test_blocks_survive_many_times_around_the_ring(slots: int) -> None:
    ring = BlockRing(slots, 16)
    got: list[float] = []
    for number in range(200):
        assert ring.try_write(counted(number * 5, 5), number * 5, 0.0)
        if number % slots == slots - 1:  # full just now
            while (block := ring.read()) is not None:
                got += block.samples.tolist()
    assert got == list(range(len(got)))
    assert len(got) >= 5 * (200 - slots)


def test_what_goes_in_and_out_is_copied() -> None:
    ring = BlockRing(1, 4)
    mine = counted(0, 4)
    ring.try_write(mine, 0, 0.0)
    mine[:] = -1
    first = ring.read()
    ring.try_write(counted(50, 4), 0, 0.0)
    assert first is not None
    assert first.samples.tolist() == [0, 1, 2, 3]


def test_samples_come_out_in_order_around_the_end_and_zeros_fill_up() -> None:
    ring = SampleRing(5)
    out = np.full(4, 9, np.float32)
    assert ring.read_into(out) == 0
    assert out.tolist() == [0, 0, 0, 0]
    assert ring.write(counted(1, 4)) == 4
    assert ring.read_into(out[:3]) == 3
    assert ring.write(counted(5, 4)) == 4, "1 waits and 4 are free: around the end"
    assert ring.waiting == 5
    assert ring.write(counted(9, 1)) == 0, "full"
    assert ring.read_into(out) == 4
    assert out.tolist() == [4, 5, 6, 7]
    out[:] = 9
    assert ring.read_into(out) == 1
    assert out.tolist() == [8, 0, 0, 0]
    assert (ring.written, ring.read, ring.waiting) == (8, 8, 0)


def test_a_ring_takes_as_much_as_there_is_room_for() -> None:
    ring = SampleRing(6)
    assert ring.write(counted(0, 4)) == 4
    assert ring.write(counted(4, 4)) == 2
    out = np.zeros(6, np.float32)
    ring.read_into(out)
    assert out.tolist() == [0, 1, 2, 3, 4, 5]


def test_what_is_skipped_is_never_heard_and_what_comes_after_is() -> None:
    ring = SampleRing(8)
    out = np.zeros(2, np.float32)
    ring.write(counted(1, 6))
    ring.read_into(out)
    ring.skip()
    assert (ring.waiting, ring.written, ring.read) == (0, 6, 2)
    ring.write(counted(7, 3))  # some of the room is still taken by what was skipped
    assert ring.waiting == 3
    assert ring.read_into(out) == 2
    assert out.tolist() == [7, 8]
    assert ring.read == 8
    assert ring.read_into(out) == 1
    assert out.tolist() == [9, 0]


def test_skipping_nothing_changes_nothing() -> None:
    ring = SampleRing(4)
    ring.skip()
    ring.write(counted(1, 2))
    out = np.zeros(2, np.float32)
    assert ring.read_into(out) == 2
    ring.skip()
    ring.skip()
    assert ring.waiting == 0
    assert ring.read_into(out) == 0


def sizes(most: int, seed: int) -> list[int]:
    return [int(size) for size in np.random.default_rng(seed).integers(0, most + 1, 100_000)]


def test_two_threads_lose_and_reorder_no_block() -> None:
    ring = BlockRing(200, 12)
    wanted = sizes(12, 3)

    def write() -> None:
        first = 0
        for number, size in enumerate(wanted):
            samples = counted(first, size)
            while not ring.try_write(samples, first, number / 2, number):
                waits.wait(0.0001)
            first += size

    waits = threading.Event()
    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    end = number = 0
    while number < len(wanted):
        block = ring.read()
        if block is None:
            assert writer.is_alive() or ring.waiting, f"{len(wanted) - number} blocks are missing"
            waits.wait(0.0001)
            continue
        size = len(block.samples)
        assert (block.first_sample, block.at_s, block.mark) == (end, number / 2, number)
        assert size == wanted[number]
        if size:
            assert block.samples[0] == end
            assert block.samples[-1] == end + size - 1
        end += size
        number += 1
    writer.join(20)
    assert ring.read() is None


def test_two_threads_lose_and_reorder_no_sample() -> None:
    ring = SampleRing(3001)
    wanted = sizes(40, 4)
    total = sum(wanted)
    waits = threading.Event()

    def write() -> None:
        first = 0
        for size in wanted:
            left = counted(first, size)
            while len(left):
                taken = ring.write(left)
                left = left[taken:]
                if not taken:
                    waits.wait(0.0001)
            first += size

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    got: list[Samples] = []
    for size in sizes(40, 5) * 4:
        out = np.full(size, -1, np.float32)
        taken = ring.read_into(out)
        assert not out[taken:].any()
        got.append(out[:taken])
        if not taken:
            waits.wait(0.0001)
        if ring.read == total:
            break
    writer.join(20)
    sound = np.concatenate(got)
    assert len(sound) == total
    np.testing.assert_array_equal(sound, np.arange(total, dtype=np.float32))

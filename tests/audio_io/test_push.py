"""Sound that is put from other threads, and speech that is handed on as it can be played."""

import threading
from itertools import pairwise

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from audio_io.push import PacedSink, PushSource
from tests.fakes import RATE_HZ
from tests.live_fakes import HandClock, joined, noise

BLOCK = 320


def count_up(blocks: int) -> Samples:
    """Sound of which every sample says where it was."""
    return np.linspace(0, 1, blocks * BLOCK, endpoint=False, dtype=np.float32)


def put_in_blocks(source: PushSource, sound: Samples) -> None:
    for start in range(0, len(sound), BLOCK):
        source.put(sound[start : start + BLOCK])


def test_what_was_put_comes_out_in_order_with_the_time_it_came() -> None:
    clock = HandClock(50.0)
    source = PushSource(RATE_HZ, clock=clock)
    sound = noise(3 * BLOCK)
    for start in range(0, len(sound), BLOCK):
        clock.advance(0.02)
        assert source.put(sound[start : start + BLOCK])
    source.end()
    got = list(source)
    np.testing.assert_array_equal(joined([chunk.samples for chunk in got]), sound)
    assert [chunk.start_sample for chunk in got] == [0, 320, 640, 960]
    assert [chunk.captured_at_s for chunk in got] == pytest.approx([50.02, 50.04, 50.06, 50.06])
    assert [chunk.boundary for chunk in got] == [Boundary.NONE] * 3 + [Boundary.STREAM]
    assert {chunk.lost_reason for chunk in got} == {""}


def test_when_it_is_full_the_oldest_is_dropped_and_that_shows_once() -> None:
    source = PushSource(RATE_HZ, limit_ms=60)
    sound = count_up(10)
    put_in_blocks(source, sound)
    assert source.waiting_ms == 60
    assert source.dropped_samples == 7 * BLOCK
    source.end()
    got = list(source)
    np.testing.assert_array_equal(joined([chunk.samples for chunk in got]), sound[-3 * BLOCK :])
    assert [chunk.start_sample for chunk in got] == [7 * BLOCK, 8 * BLOCK, 9 * BLOCK, 10 * BLOCK]
    assert [bool(chunk.lost_reason) for chunk in got] == [True, False, False, False]


def test_a_loss_between_two_that_were_taken_shows_where_it_was() -> None:
    source = PushSource(RATE_HZ, limit_ms=40)
    sound = count_up(6)
    source.put(sound[:BLOCK])
    chunks = iter(source)
    assert next(chunks).start_sample == 0
    put_in_blocks(source, sound[BLOCK:])
    after = next(chunks)
    assert (after.start_sample, after.lost_reason != "") == (4 * BLOCK, True)
    np.testing.assert_array_equal(after.samples, sound[4 * BLOCK : 5 * BLOCK])


def test_of_one_piece_longer_than_the_limit_the_end_is_kept() -> None:
    source = PushSource(RATE_HZ, limit_ms=40)
    sound = count_up(5)
    source.put(sound)
    source.end()
    first, end = source
    np.testing.assert_array_equal(first.samples, sound[3 * BLOCK :])
    assert (first.start_sample, end.start_sample) == (3 * BLOCK, 5 * BLOCK)


def test_it_says_how_much_waits() -> None:
    source = PushSource(RATE_HZ)
    assert source.waiting_ms == 0
    put_in_blocks(source, count_up(3))
    waiting = [source.waiting_ms]
    source.end()
    for _ in source:
        waiting.append(source.waiting_ms)
    assert waiting == [60, 40, 20, 0, 0]


def test_who_waits_for_sound_is_woken_by_it_and_by_the_end() -> None:
    source = PushSource(RATE_HZ)
    got: list[AudioChunk] = []
    came = threading.Semaphore(0)

    def read() -> None:
        for chunk in source:
            got.append(chunk)
            came.release()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    source.put(silence(BLOCK))
    assert came.acquire(timeout=10)
    source.end()
    reader.join(10)
    assert [chunk.boundary for chunk in got] == [Boundary.NONE, Boundary.STREAM]


def test_what_is_put_after_the_end_is_refused_and_not_heard() -> None:
    source = PushSource(RATE_HZ)
    source.end()
    source.end()
    assert not source.put(silence(BLOCK))
    assert [chunk.end_sample for chunk in source] == [0]


def test_closed_it_forgets_what_waits() -> None:
    source = PushSource(RATE_HZ)
    source.put(silence(BLOCK))
    source.close()
    source.close()
    assert source.waiting_ms == 0
    assert [chunk.boundary for chunk in source] == [Boundary.STREAM]


def test_what_is_put_is_a_copy_within_bounds() -> None:
    source = PushSource(RATE_HZ)
    sound = np.array([0.5, 7.0, -7.0], np.float32)
    source.put(sound)
    sound[:] = 0
    source.end()
    assert next(iter(source)).samples.tolist() == [0.5, 1.0, -1.0]


def test_many_threads_put_and_no_sample_is_lost_or_torn() -> None:
    source = PushSource(RATE_HZ)
    threads = [
        threading.Thread(
            target=lambda number=number: [
                source.put(np.full(100, number / 10, np.float32)) for _ in range(50)
            ]
        )
        for number in range(1, 9)
    ]
    for thread in threads:
        thread.start()
    reader: list[AudioChunk] = []
    reading = threading.Thread(target=lambda: reader.extend(source), daemon=True)
    reading.start()
    for thread in threads:
        thread.join()
    source.end()
    reading.join(10)
    assert all(before.end_sample == after.start_sample for before, after in pairwise(reader))
    assert all(len(set(chunk.samples.tolist())) <= 1 for chunk in reader)
    assert reader[-1].end_sample == 8 * 50 * 100


class Far:
    """The far end: what it was sent, and when."""

    def __init__(self, clock: HandClock, *, lead_ms: float = 100, delay_ms: float = 0) -> None:
        self.clock = clock
        self.sent: list[tuple[float, AudioChunk]] = []
        self.dropped = 0
        self.sink = PacedSink(
            RATE_HZ,
            lambda chunk: self.sent.append((clock.now_s(), chunk)),
            lead_ms=lead_ms,
            delay_ms=delay_ms,
            drop=self.drop,
            clock=clock,
            sleep=clock.advance,
        )

    def drop(self) -> None:
        self.dropped += 1

    def write(self, samples: Samples) -> None:
        self.sink.write(AudioChunk(samples, RATE_HZ))

    @property
    def samples(self) -> Samples:
        return joined([chunk.samples for _, chunk in self.sent])


def test_speech_is_handed_on_at_its_own_pace_a_little_early() -> None:
    far = Far(HandClock(50.0))
    sound = noise(RATE_HZ)
    far.write(sound)
    np.testing.assert_array_equal(far.samples, sound)
    assert [chunk.start_sample for _, chunk in far.sent] == list(range(0, RATE_HZ, BLOCK))
    for at_s, chunk in far.sent:
        due_s = 50.0 + chunk.start_s
        assert at_s == pytest.approx(max(50.0, due_s - 0.1), abs=0.0011)
    assert far.sink.queued_ms == pytest.approx(120, abs=1.1), "the lead and one piece"


def test_little_is_handed_on_at_once() -> None:
    clock = HandClock(50.0)
    far = Far(clock)
    far.write(noise(BLOCK * 4))
    assert clock.now_s() == 50.0
    assert far.sink.queued_ms == pytest.approx(80)
    assert (far.sink.position, far.sink.played_samples) == (1280, 0)
    clock.advance(0.03)
    assert far.sink.queued_ms == pytest.approx(50)
    assert far.sink.played_samples == 480
    clock.advance(1.0)
    assert (far.sink.queued_ms, far.sink.played_samples) == (0, 1280)


def test_when_each_sample_was_heard_is_known_once_it_was_due() -> None:
    clock = HandClock(50.0)
    far = Far(clock, delay_ms=300)
    far.write(noise(BLOCK))
    assert far.sink.ahead_s == pytest.approx(0.32)
    assert far.sink.heard_at_s(0) is None
    clock.advance(0.01)
    assert far.sink.heard_at_s(0) == pytest.approx(50.3)
    assert far.sink.heard_at_s(BLOCK - 1) is None
    clock.advance(1.0)
    far.write(noise(BLOCK))  # after a gap of a second
    clock.advance(1.0)
    assert far.sink.heard_at_s(BLOCK - 1) == pytest.approx(50.3 + (BLOCK - 1) / RATE_HZ)
    assert far.sink.heard_at_s(BLOCK) == pytest.approx(51.31)
    assert far.sink.heard_at_s(2 * BLOCK) is None, "there is none"


def test_dropped_speech_is_never_heard_and_the_far_end_is_told() -> None:
    clock = HandClock(50.0)
    far = Far(clock)
    far.write(noise(BLOCK * 4))
    clock.advance(0.03)
    assert far.sink.drop_unplayed() == 1280 - 480
    assert far.dropped == 1
    assert far.sink.queued_ms == 0
    assert far.sink.drop_unplayed() == 0
    assert far.dropped == 1, "there was nothing to forget"
    clock.advance(1.0)
    assert far.sink.heard_at_s(400) is not None
    assert far.sink.heard_at_s(500) is None
    assert (far.sink.position, far.sink.played_samples) == (1280, 480)
    far.write(noise(BLOCK))
    clock.advance(1.0)
    assert far.sink.heard_at_s(1280) == pytest.approx(51.03)
    assert far.sink.played_samples == 800


@pytest.mark.parametrize("how", ["drop", "close"])
def test_a_writer_that_waits_is_let_go_when_all_is_dropped_or_closed(how: str) -> None:
    clock = HandClock(50.0)
    sent: list[AudioChunk] = []

    def sleep(seconds: float) -> None:
        clock.advance(seconds)
        if clock.now_s() > 50.5:
            sink.drop_unplayed() if how == "drop" else sink.close()

    sink = PacedSink(RATE_HZ, sent.append, lead_ms=100, clock=clock, sleep=sleep)
    sink.write(AudioChunk(noise(10 * RATE_HZ), RATE_HZ))
    assert sink.position == sum(len(chunk.samples) for chunk in sent) < 0.7 * RATE_HZ
    assert sink.ready == (how == "drop")


def test_closed_it_hands_nothing_on() -> None:
    far = Far(HandClock())
    far.sink.close()
    far.sink.close()
    far.write(noise(BLOCK))
    assert far.sent == []
    assert not far.sink.ready


def test_what_sending_raises_is_for_the_writer() -> None:
    def send(chunk: AudioChunk) -> None:
        raise ConnectionError("hung up")

    sink = PacedSink(RATE_HZ, send)
    with pytest.raises(ConnectionError, match="hung up"):
        sink.write(AudioChunk(noise(BLOCK), RATE_HZ))

"""Sound handed from a reading thread to the one that works."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, Boundary
from audio_io.errors import SoundFileError
from audio_io.feed import Feed
from tests.fakes import RATE_HZ, ListSource, chunks
from tests.live_fakes import joined, noise, until

SOUND = noise(RATE_HZ)


class Tap:
    """A source that counts what was read from it, and may wait or fail at the end."""

    sample_rate_hz = RATE_HZ
    duration_s = None

    def __init__(
        self,
        items: list[AudioChunk],
        error: Exception | None = None,
        opens: threading.Event | None = None,
    ) -> None:
        self.items = items
        self.error = error
        self.opens = opens
        """What it waits for after its items; None does not wait."""
        self.read = 0
        self.closed = False
        self.reader: threading.Thread | None = None

    def __iter__(self) -> Iterator[AudioChunk]:
        self.reader = threading.current_thread()
        for item in self.items:
            self.read += 1
            yield item
        if self.opens is not None:
            self.opens.wait(20)
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed = True

    @property
    def reader_ended(self) -> bool:
        return self.reader is not None and not self.reader.is_alive()


def test_all_sound_comes_through_in_order_with_the_time_it_was_read() -> None:
    began_s = time.monotonic()
    got = list(Feed(ListSource(chunks(SOUND, (700, 1, 0, 1600)))))
    np.testing.assert_array_equal(joined([chunk.samples for chunk in got]), SOUND)
    starts = [chunk.start_sample for chunk in got]
    assert starts == [0, *[chunk.end_sample for chunk in got[:-1]]]
    times = [chunk.captured_at_s or 0.0 for chunk in got]
    assert times == sorted(times)
    assert began_s <= times[0] <= times[-1] <= time.monotonic()
    assert [chunk.boundary for chunk in got].count(Boundary.STREAM) == 1


def test_reading_goes_on_while_nobody_listens_until_the_room_is_full() -> None:
    tap = Tap(chunks(SOUND, (1600,)))
    feed = iter(Feed(tap, room_ms=300))
    next(feed)
    # One was taken, three fill the room, one more is held by the thread that waits.
    assert until(lambda: tap.read == 5)
    assert not until(lambda: tap.read > 5, 0.05)
    next(feed)
    assert until(lambda: tap.read == 6)
    assert len(list(feed)) == 9


def test_what_was_read_before_an_error_is_heard_before_it_is_raised() -> None:
    feed = iter(Feed(Tap(chunks(SOUND)[:3], SoundFileError("it broke"))))
    got = []
    with pytest.raises(SoundFileError, match="it broke"):
        for chunk in feed:
            got.append(chunk)
    assert len(got) == 3


def test_ended_it_gives_what_was_read_and_then_the_end() -> None:
    opens = threading.Event()
    tap = Tap(chunks(SOUND)[:3], opens=opens)
    feed = Feed(tap)
    got = []
    for chunk in feed:
        got.append(chunk)
        if len(got) == 1:
            assert until(lambda: tap.read == 3)
            feed.end()
    opens.set()
    assert got[-1].boundary is Boundary.STREAM
    assert got[-1].start_sample == got[-2].end_sample
    assert len(got) in (3, 4), "the third may have been in the reader's hands"


def test_one_that_waits_for_sound_is_woken_by_the_end() -> None:
    opens = threading.Event()
    feed = Feed(Tap([], opens=opens))
    threading.Timer(0.05, feed.end).start()
    (only,) = feed
    opens.set()
    assert (only.boundary, only.end_sample) == (Boundary.STREAM, 0)


def test_an_error_after_the_end_is_nobodys_business() -> None:
    opens = threading.Event()
    tap = Tap(chunks(SOUND)[:1], SoundFileError("the pipe broke"), opens)
    feed = Feed(tap)
    stream = iter(feed)
    next(stream)
    feed.end()
    opens.set()
    assert [chunk.boundary for chunk in stream] == [Boundary.STREAM]


def test_closing_lets_go_of_a_source_that_was_read_to_its_end() -> None:
    tap = Tap(chunks(SOUND))
    feed = Feed(tap)
    list(feed)
    assert until(lambda: tap.reader_ended)
    feed.close()
    feed.close()
    assert tap.closed


def test_closing_before_anything_was_heard_is_fine() -> None:
    tap = Tap(chunks(SOUND))
    Feed(tap).close()
    assert tap.closed
    assert tap.read == 0


def test_closing_does_not_wait_for_a_pipe_that_says_nothing() -> None:
    opens = threading.Event()
    feed = Feed(Tap(chunks(SOUND)[:1], opens=opens))
    next(iter(feed))
    feed.close()  # or it would wait for ever
    opens.set()


def test_a_reader_that_waits_for_room_ends_when_it_is_closed() -> None:
    tap = Tap(chunks(SOUND))
    feed = Feed(tap, room_ms=100)
    next(iter(feed))
    assert until(lambda: tap.read == 3)
    feed.close()
    assert until(lambda: tap.reader_ended)
    assert tap.read == 3


def test_closing_while_the_reader_waits_for_room_lets_go_of_the_source() -> None:
    tap = Tap(chunks(SOUND))
    feed = Feed(tap, room_ms=100)
    next(iter(feed))
    assert until(lambda: tap.read == 3)
    feed.close()
    assert until(lambda: tap.reader_ended)
    assert until(lambda: tap.closed, 1.0)

"""Where a stream stands at a moment of the clock, whatever its sound does."""

import pytest

from audio_io.chunk import AudioChunk, silence
from audio_io.clock import GRACE_S, ClockedSource, StreamClock
from tests.fakes import RATE_HZ, ListSource, chunks


def heard(clock: StreamClock, start_s: float, end_s: float, at_s: float) -> None:
    samples = silence(round((end_s - start_s) * RATE_HZ))
    clock.note(AudioChunk(samples, RATE_HZ, round(start_s * RATE_HZ), at_s))


@pytest.fixture
def microphone() -> StreamClock:
    """Began at 100; two seconds of sound are missing, and then the card was found to be slower."""
    clock = StreamClock()
    for tenth in range(10):
        heard(clock, tenth / 10, (tenth + 1) / 10, 100 + (tenth + 1) / 10)
    heard(clock, 3.0, 3.1, 103.1)
    heard(clock, 3.1, 3.2, 103.22)
    return clock


@pytest.mark.parametrize(
    ("at_s", "stream_s"),
    [
        (99.0, 0.0),
        (100.0, 0.0),
        (100.55, 0.55),
        (101.0, 1.0),
        (102.0, 2.0),
        (103.1, 3.1),
        (103.22, 3.2),
        (103.72, 3.7),
        (200.0, 99.98),
    ],
)
def test_the_time_of_a_microphone_flows_also_where_sound_is_missing(
    microphone: StreamClock, at_s: float, stream_s: float
) -> None:
    assert microphone.stream_s(at_s) == pytest.approx(stream_s)


def test_the_time_of_a_pipe_stands_while_nothing_comes() -> None:
    clock = StreamClock()
    clock.flows = False
    heard(clock, 0.0, 2.0, 100.0)  # what had waited in it
    heard(clock, 2.0, 2.1, 100.1)
    assert clock.stream_s(103.0) == pytest.approx(2.1 + GRACE_S)
    heard(clock, 2.1, 2.2, 105.2)
    heard(clock, 2.2, 2.3, 105.3)
    expected = {99.0: 1.0, 100.05: 2.05, 100.1: 2.1, 104.0: 2.2, 105.2: 2.2, 105.25: 2.25}
    for at_s, stream_s in expected.items():
        assert clock.stream_s(at_s) == pytest.approx(stream_s)
    clock.flows = True  # it has ended
    assert clock.stream_s(110.3) == pytest.approx(7.3)


def test_a_better_guess_replaces_a_worse_one() -> None:
    clock = StreamClock()
    heard(clock, 0.0, 0.1, 100.3)  # came late
    heard(clock, 0.1, 0.2, 100.2)
    assert clock.stream_s(100.3) == pytest.approx(0.3)


def test_before_anything_was_heard_it_is_0_and_files_have_no_clock() -> None:
    clock = StreamClock()
    assert len(list(ClockedSource(ListSource(chunks(silence(3200))), clock))) == 3
    assert clock.stream_s(123.0) == 0.0

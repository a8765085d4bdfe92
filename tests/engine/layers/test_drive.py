"""Streams that ask for work, and say what came of it as ended utterances."""

from collections.abc import Sequence

import pytest

from engine.events import UtteranceEnded
from engine.layers.drive import Asked, Steps, drive, drive_one


class Halver:
    """Halves numbers, and notes which it was given together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def __call__(self, numbers: Sequence[int]) -> list[float | Exception]:
        self.batches.append(list(numbers))
        return [
            number / 2 if number >= 0 else ValueError("less than nothing") for number in numbers
        ]


def said(number: int, end_s: float = 0.0) -> UtteranceEnded:
    return UtteranceEnded(number, 0.0, end_s)


def stream(*numbers: int) -> Steps[int, float]:
    for number in numbers:
        yield said(number)
        half = yield Asked(number)
        yield said(number, half)


def test_what_all_streams_wait_for_is_computed_at_once_and_each_hears_its_own_answer() -> None:
    halver = Halver()
    made = drive([stream(2, 4), stream(), stream(6)], halver)
    assert halver.batches == [[2, 6], [4]]
    assert made == [[said(2), said(2, 1.0), said(4), said(4, 2.0)], [], [said(6), said(6, 3.0)]]


def test_a_failure_is_that_of_its_stream_alone_and_raised_where_it_asked() -> None:
    def careful() -> Steps[int, float]:
        try:
            yield Asked(-1)
        except ValueError:
            yield said(0)

    first, second, third = drive([stream(-1), stream(2), careful()], Halver())
    assert isinstance(first, ValueError)
    assert (second, third) == ([said(2), said(2, 1.0)], [said(0)])


def test_one_stream_says_each_event_before_it_asks_for_more() -> None:
    halver = Halver()
    events = drive_one(stream(2, -1), halver)
    assert next(events) == said(2)
    assert halver.batches == []
    assert next(events) == said(2, 1.0)
    assert next(events) == said(-1)
    with pytest.raises(ValueError, match="less than nothing"):
        next(events)

"""Streams that compute together: each is a generator of events, and of the work it wants done.

stream 1   event  work -------- answer  event   work - answer  end
stream 2   work --------------- answer  end
compute           ^ the work of both            ^ that of one
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from engine.events import Event

Work = TypeVar("Work")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Asked(Generic[Work]):
    """Work that a stream wants done; what came of it is sent to the stream."""

    work: Work


Steps: TypeAlias = Generator[Event | Asked[Work], Answer, None]
"""What a stream says, and what it asks for."""
Compute: TypeAlias = Callable[[Sequence[Work]], Sequence[Answer | Exception]]
"""Answers each piece of work. An exception is raised where that work was asked for."""


def drive(
    streams: Sequence[Steps[Work, Answer]], compute: Compute[Work, Answer]
) -> list[list[Event] | Exception]:
    """What each stream says, or what it raised. The work that all of them wait for is computed at
    once."""
    made: list[list[Event]] = [[] for _ in streams]
    failed: dict[int, Exception] = {}
    answers: dict[int, Answer | Exception | None] = dict.fromkeys(range(len(streams)))
    while answers:
        waiting: dict[int, Work] = {}
        for number, answer in answers.items():
            try:
                item = _after(streams[number], answer)
                while item is not None and not isinstance(item, Asked):
                    made[number].append(item)
                    item = _after(streams[number], None)
            except Exception as error:  # this stream's own
                failed[number] = error
                continue
            if item is not None:
                waiting[number] = item.work
        done = compute(list(waiting.values())) if waiting else []
        answers = dict(zip(waiting, done, strict=True))
    return [failed.get(number, events) for number, events in enumerate(made)]


def drive_one(stream: Steps[Work, Answer], compute: Compute[Work, Answer]) -> Iterator[Event]:
    """As `drive`, of one stream, each event as soon as it is made. Raises what the stream does."""
    item = _after(stream, None)
    while item is not None:
        if isinstance(item, Asked):
            [answer] = compute([item.work])
            item = _after(stream, answer)
        else:
            yield item
            item = _after(stream, None)


def _after(
    stream: Steps[Work, Answer], answer: Answer | Exception | None
) -> Event | Asked[Work] | None:
    """What a stream says or wants next, once its work is answered; None when it is through."""
    try:
        if isinstance(answer, Exception):
            return stream.throw(answer)
        return next(stream) if answer is None else stream.send(answer)
    except StopIteration:
        return None

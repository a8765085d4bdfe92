"""`Chain`: stages one after the other, alone and in batches."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from engine.agent import Agent, Chain, StreamControls, StreamRequest

REQUEST = StreamRequest("eng", ("spa",))


@dataclass
class Count:
    seen: int = 0
    released: int = 0
    targets: tuple[str, ...] | None = None


class Repeat(Agent[int, int, Count]):
    """Yields each number as many times as its value, and the position in its stream."""

    def new_state(self, request: StreamRequest) -> Count:
        return Count()

    def step(self, item: int, state: Count) -> Iterator[int]:
        for _ in range(item):
            state.seen += 1
            yield 10 * item + state.seen

    def control(self, controls: StreamControls, state: Count) -> None:
        state.targets = controls.targets

    def release(self, state: Count) -> None:
        state.released += 1


class Last(Agent[int, int, Count]):
    """Yields the last digit, and is never asked for two steps of one state at once."""

    def new_state(self, request: StreamRequest) -> Count:
        return Count()

    def step(self, item: int, state: Count) -> Iterator[int]:
        state.seen += 1
        yield item % 10

    def step_many(self, batch):  # type: ignore[no-untyped-def]
        assert len({id(state) for _, state in batch}) == len(batch)
        return super().step_many(batch)


class Broken(Last):
    def new_state(self, request: StreamRequest) -> Count:
        raise ValueError("no state")


def test_what_a_stage_yields_is_fed_to_the_next_in_order() -> None:
    chain: Chain[int, int] = Chain(Repeat(), Last())
    state = chain.new_state(REQUEST)
    assert [list(chain.step(item, state)) for item in (2, 0, 1)] == [[1, 2], [], [3]]


def test_a_batch_of_streams_gives_what_each_gives_alone() -> None:
    chain: Chain[int, int] = Chain(Repeat(), Last())
    states = [chain.new_state(REQUEST) for _ in range(3)]
    assert chain.step_many(list(zip((3, 0, 1), states, strict=True))) == [[1, 2, 3], [], [1]]
    assert chain.step_many([(1, states[0]), (2, states[1])]) == [[4], [1, 2]]


def test_controls_and_release_reach_every_stage() -> None:
    chain: Chain[int, int] = Chain(Repeat(), Repeat())
    state = chain.new_state(REQUEST)
    chain.control(StreamControls(targets=("spa",)), state)
    chain.release(state)
    assert [(part.targets, part.released) for part in state] == [(("spa",), 1)] * 2


def test_stages_made_before_one_that_fails_are_released() -> None:
    first = Repeat()
    made: list[Count] = []
    original = first.new_state
    first.new_state = lambda request: made.append(original(request)) or made[-1]  # type: ignore
    with pytest.raises(ValueError, match="no state"):
        Chain(first, Broken()).new_state(REQUEST)
    assert [state.released for state in made] == [1]

"""What attention allows: matrices made by hand, and the commits worked out by hand."""

import pytest
import torch

from engine.m4t.alignment import attended, committed, first_needed, forgotten
from engine.m4t.config import STREAMATT, M4tPolicy
from engine.m4t.greedy import Hypothesis, _repeats
from engine.m4t.history import take
from engine.m4t.words import Pieces

PIECES = Pieces({4: "▁a", 5: "b", 6: "▁c", 7: "▁d"}, {}, 100)


def looking_at(places: list[int], states: int) -> torch.Tensor:
    """Each token looks mostly at one state."""
    attention = torch.full((len(places), states), 0.1)
    for row, place in enumerate(places):
        attention[row, place] = 0.9
    return attention


def test_a_state_that_draws_attention_from_all_tokens_does_not_count() -> None:
    attention = torch.tensor([[0.6, 0.3, 0.1], [0.6, 0.1, 0.3], [0.61, 0.2, 0.2]])
    assert attended(attention) == [1, 2, 0]


def test_a_single_token_counts_as_it_is() -> None:
    assert attended(torch.tensor([[0.1, 0.2, 0.7]])) == [2]
    assert attended(torch.zeros(0, 3)) == []


@pytest.mark.parametrize(
    ("places", "begins", "frames", "whole_words", "expected"),
    [
        # All look at old states; the last word waits for what may belong to it.
        ([0, 1, 2], [True, True, True], 2, True, 2),
        # The third looks at the last but one of ten states.
        ([0, 1, 8, 2], [True, True, True, True], 2, True, 1),
        ([0, 1, 8, 2], [True, True, True, True], 1, True, 3),
        # A word of two tokens is not torn.
        ([0, 1, 9, 2], [True, False, True, True], 2, True, 0),
        ([0, 1, 2, 9], [True, False, True, False], 2, True, 2),
        # Without spaces, every piece counts.
        ([0, 1, 8, 2], [True] * 4, 2, False, 2),
        ([9], [True], 2, True, 0),
        ([], [], 2, True, 0),
        # Nothing is too fresh.
        ([9, 9, 9], [True, True, True], 0, True, 2),
    ],
)
def test_tokens_are_committed_up_to_the_first_that_looks_at_fresh_sound(
    places: list[int], begins: list[bool], frames: int, whole_words: bool, expected: int
) -> None:
    assert committed(places, begins, 10, frames, whole_words=whole_words) == expected


@pytest.mark.parametrize(
    ("begins", "words", "expected"),
    [
        ([True, True, True], 2, 1),
        ([True, False, True, False], 1, 2),
        ([True, False], 2, 0),
        ([], 3, 0),
    ],
)
def test_words_are_forgotten_whole(begins: list[bool], words: int, expected: int) -> None:
    assert forgotten(begins, words) == expected


def test_sound_is_needed_from_the_first_state_that_is_looked_at() -> None:
    assert first_needed([7, 3, 5]) == 3
    assert first_needed([]) == 0


def found(tokens: list[int], places: list[int], states: int = 10) -> Hypothesis:
    return Hypothesis(
        tokens, [0.5] * len(tokens), looking_at(places, states), torch.zeros(len(places) + 2, 4)
    )


def policy(**fields: int | float | bool) -> M4tPolicy:
    return M4tPolicy(**{"mode": STREAMATT, "history_words": 2, **fields})  # type: ignore[arg-type]


def test_text_and_sound_are_cut_together() -> None:
    # History "a", new "c d ab": "ab" waits, two words are kept, and the sound from state 3 on.
    step = take(found([6, 7, 4, 5], [1, 3, 5, 6, 7]), [4], 80, "spa", PIECES, policy(), final=False)
    assert (step.taken, step.waiting, step.history) == ([0, 1], [2, 3], [6, 7])
    assert step.cut_pairs == 3 * 8


def test_at_the_end_nothing_waits() -> None:
    step = take(found([6, 7], [9, 8]), [], 80, "spa", PIECES, policy(), final=True)
    assert (step.taken, step.waiting, step.cut_pairs) == ([0, 1], [], 0)


def test_sound_beyond_the_bound_goes_with_the_words_it_held() -> None:
    # 100 pairs of 20 ms are kept of 200: states 0 to 11 go, and the word that looked at 2.
    many = policy(history_words=9, max_history_s=2.0)
    step = take(found([6, 7], [2, 14, 15], 25), [4], 200, "spa", PIECES, many, final=True)
    assert step.cut_pairs == 100
    assert step.history == [6, 7]


def test_a_loop_is_not_committed() -> None:
    tokens = [6, 7] * 6
    step = take(found(tokens, [1] * 12), [], 80, "spa", PIECES, policy(), final=True)
    assert step.taken == [0, 1]


@pytest.mark.parametrize(
    ("ids", "size", "expected"),
    [
        ([1, 2, 3, 1, 2], 3, [3]),
        ([1, 2, 3], 3, []),
        ([1, 1, 1], 2, [1, 1]),
        ([1, 2, 3, 1, 2], 0, []),
        ([5, 6, 5], 1, [5, 6, 5]),
    ],
)
def test_tokens_that_would_repeat_a_run_are_known(
    ids: list[int], size: int, expected: list[int]
) -> None:
    assert _repeats(ids, size) == expected

"""Erasure on tables worked out by hand."""

import pytest

from engine.metrics.flicker import Flicker

# Each step: the text shown, whether it is committed. Erased units after all steps.
CASES = [
    ("nothing is taken back while text grows", "spa", [("el", 0), ("el gato", 0)], 0),
    ("a changed word and what follows it", "spa", [("el gato come", 0), ("el pato come", 0)], 2),
    ("a text that shrinks", "spa", [("el gato come", 0), ("el", 0)], 2),
    ("a commit that says the same", "spa", [("el gato", 0), ("el gato", 1)], 0),
    ("committed text stays", "spa", [("el gato", 1), (" come", 0), (" corre", 0)], 1),
    ("a commit that takes the tail away", "spa", [("a b c", 0), ("a", 1)], 2),
    ("characters, without spaces", "cmn", [("你好吗", 0), ("你们", 0)], 2),
]


@pytest.mark.parametrize(("what", "language", "steps", "erased"), CASES)
def test_units_taken_back(
    what: str, language: str, steps: list[tuple[str, int]], erased: int
) -> None:
    flicker = Flicker(language)
    for text, committed in steps:
        flicker.write(text, committed=bool(committed))
        flicker.end_step()

    assert flicker.erased == erased, what


def test_what_stands_only_within_a_step_was_never_seen() -> None:
    flicker = Flicker("spa")
    flicker.write("a b", committed=False)
    flicker.end_step()
    flicker.write("a", committed=True)
    flicker.write(" b c", committed=False)
    flicker.end_step()

    assert flicker.erased == 0

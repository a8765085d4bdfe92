"""Words to sentences, and where speech without a pause is cut: tables worked out by hand."""

import pytest

from engine.cascade.text import as_sentence, cut_point, speakable
from engine.events import Word


def words(*spans: tuple[float, float]) -> list[Word]:
    return [Word("word", start_s, end_s) for start_s, end_s in spans]


def said(*pairs: tuple[str, float | None]) -> list[Word]:
    """Words of one second each, with their confidence."""
    return [Word(text, float(k), k + 1.0, sure) for k, (text, sure) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("spans", "expected_s"),
    [
        # The longest pause of the second half, in its middle.
        ([(0.0, 1.0), (1.0, 3.2), (3.4, 4.0), (4.1, 4.6), (4.6, 6.0)], 3.3),
        # A longer one in the first half does not count.
        ([(0.0, 1.0), (2.5, 3.2), (3.4, 4.0), (4.0, 6.0)], 3.3),
        # No pause: the last word boundary that leaves 0.3 s.
        ([(0.0, 2.0), (2.0, 4.0), (4.0, 5.5), (5.5, 5.8), (5.8, 6.0)], 5.5),
        # The pause goes on where the stretch ends: cut in its middle.
        ([(0.0, 2.0), (2.0, 5.0)], 5.5),
        ([(0.0, 2.0), (2.0, 5.6)], 5.8),
        # One early word, and nothing for long: what comes after its middle is kept.
        ([(0.1, 0.3)], 3.15),
        # A last word that may be cut in half: back to the boundary before it, even in the first
        # half.
        ([(0.0, 2.9), (2.9, 5.9)], 2.9),
        # One word over all of it, or none: there is no boundary to cut at.
        ([(0.0, 6.0)], 6.0),
        ([], 6.0),
    ],
)
def test_speech_is_cut_at_the_best_word_boundary(
    spans: list[tuple[float, float]], expected_s: float
) -> None:
    assert cut_point(words(*spans), 6.0) == pytest.approx(expected_s)


@pytest.mark.parametrize(
    ("texts", "begins", "ends", "expected"),
    [
        ("i think i'm here", True, True, "I think I'm here."),
        ("and then i go", False, False, "and then I go"),
        ("in it", True, False, "In it"),
        ("[unclear] dogs", True, True, "[unclear] dogs."),
        ("éste", True, True, "Éste."),
    ],
)
def test_a_sentence_gets_its_case_and_full_stop(
    texts: str, begins: bool, ends: bool, expected: str
) -> None:
    cased, text = as_sentence(said(*[(t, 1.0) for t in texts.split()]), begins=begins, ends=ends)
    assert text == expected
    assert " ".join(word.text for word in cased) == expected


def test_nothing_is_a_sentence_of_nothing() -> None:
    assert as_sentence([], begins=True, ends=True) == ((), "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tenemos [unclear] perros.", "Tenemos ,  perros"),
        ("[unclear].", ""),
        ("[unclear] Hola.", "Hola"),
        ("¿[unclear]?", ""),
    ],
)
def test_what_was_unclear_is_not_spoken(text: str, expected: str) -> None:
    assert speakable(text) == expected

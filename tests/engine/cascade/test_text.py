"""Words to sentences, and where speech without a pause is cut: tables worked out by hand."""

import pytest

from engine.cascade.text import as_sentence, cut_point, mark_unclear, mostly_unclear, speakable
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


def test_a_run_of_unsure_words_becomes_one_unclear_over_its_span() -> None:
    heard = said(("a", 0.9), ("b", 0.1), ("c", 0.2), ("d", 0.3), ("e", 0.29))
    marked = mark_unclear(heard, 0.3)
    assert [word.text for word in marked] == ["a", "[unclear]", "d", "[unclear]"]
    assert marked[1] == Word("[unclear]", 1.0, 3.0, 0.1)


def test_words_without_a_measured_confidence_are_kept() -> None:
    assert [word.text for word in mark_unclear(said(("a", None)), 0.9)] == ["a"]


def test_a_threshold_of_zero_keeps_every_word() -> None:
    assert [word.text for word in mark_unclear(said(("a", 0.0)), 0.0)] == ["a"]


@pytest.mark.parametrize(
    ("sure", "expected"),
    [([0.9, 0.1], False), ([0.9, 0.1, 0.1], True), ([0.1], True), ([0.9, 0.9, 0.1], False)],
)
def test_mostly_unclear_means_more_than_half_of_the_words(
    sure: list[float], expected: bool
) -> None:
    assert mostly_unclear(said(*[("a", value) for value in sure]), 0.3) is expected


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

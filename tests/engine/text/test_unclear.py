"""Which words are shown as `[unclear]`: tables worked out by hand."""

import pytest

from engine.events import Word
from engine.text.unclear import mark_unclear, mostly_unclear, without_unclear


def said(*pairs: tuple[str, float | None]) -> list[Word]:
    """Words of one second each, with their confidence."""
    return [Word(text, float(k), k + 1.0, sure) for k, (text, sure) in enumerate(pairs)]


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
    assert mostly_unclear(sure, 0.3) is expected


@pytest.mark.parametrize(
    ("text", "words", "marks"),
    [
        ("We have dogs.", "We have dogs.", 0),
        (" and [more] dogs", " and [more] dogs", 0),
        ("We have [unclear] dogs.", "We have dogs.", 1),
        (" We have [unclear].", " We have.", 1),
        ("[unclear] dogs and [unclear] [unclear] cats", "dogs and cats", 3),
        (" [unclear] dogs", " dogs", 1),
        ("[unclear], dogs", "dogs", 1),
        ("dogs [unclear], cats", "dogs, cats", 1),
        ("¿[unclear] tiene perros?", "¿tiene perros?", 1),
        ("¿Tiene [unclear]?", "¿Tiene?", 1),
        ("今日[unclear]は", "今日は", 1),
        ("[unclear]今日は。", "今日は。", 1),
        ("[unclear].", "", 1),
        (" ¿[unclear]?", "", 1),
        ("[unclear]", "", 1),
    ],
)
def test_the_words_of_a_text_are_what_stays_without_its_marks(
    text: str, words: str, marks: int
) -> None:
    assert without_unclear(text) == (words, marks)

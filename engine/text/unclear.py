"""What was not understood well enough to be shown."""

from collections.abc import Sequence

from engine.events import Word

UNCLEAR = "[unclear]"
"""Stands for words that were not understood. Translators hand it on as it is."""


def mark_unclear(words: Sequence[Word], min_confidence: float) -> tuple[Word, ...]:
    """Each run of words whose confidence is too low becomes one `[unclear]` over its span."""
    marked: list[Word] = []
    for word in words:
        if word.confidence is None or word.confidence >= min_confidence:
            marked.append(word)
        elif marked and marked[-1].text == UNCLEAR:
            before = marked[-1]
            low = min(before.confidence or 0.0, word.confidence)
            marked[-1] = Word(UNCLEAR, before.start_s, word.end_s, low)
        else:
            marked.append(Word(UNCLEAR, word.start_s, word.end_s, word.confidence))
    return tuple(marked)


def mostly_unclear(confidences: Sequence[float | None], min_confidence: float) -> bool:
    """Whether more than half of the words are below the confidence."""
    return 2 * sum(sure is not None and sure < min_confidence for sure in confidences) > len(
        confidences
    )

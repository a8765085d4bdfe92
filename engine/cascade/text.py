"""From recognised words to sentences: case, unclear words, and where to cut."""

from collections.abc import Sequence

from engine.cascade.casing import with_capitals
from engine.events import Word
from engine.text.unclear import UNCLEAR

MIN_PAUSE_S = 0.08
"""A shorter gap between words is no pause worth cutting at."""
MIN_TAIL_S = 0.3
"""Words this close to the end of a cut stretch may themselves be cut in half."""


def cut_point(words: Sequence[Word], length_s: float) -> float:
    """Where to cut speech that goes on: a time in seconds, at a word boundary.

    The longest pause whose middle lies in the second half wins; without one, the last word
    boundary that leaves `MIN_TAIL_S`; without that, the end.
    """
    latest_s = length_s - MIN_TAIL_S
    best_s, longest_s, last_boundary_s = 0.0, MIN_PAUSE_S, 0.0
    borders_s = [word.start_s for word in words[1:]] + [length_s]
    for word, next_start_s in zip(words, borders_s, strict=False):
        if word.end_s > latest_s:
            break
        last_boundary_s = word.end_s
        middle_s, pause_s = (word.end_s + next_start_s) / 2, next_start_s - word.end_s
        if middle_s >= length_s / 2 and pause_s >= longest_s:
            best_s, longest_s = middle_s, pause_s
    return best_s or last_boundary_s or length_s


def as_sentence(words: Sequence[Word], *, begins: bool, ends: bool) -> tuple[tuple[Word, ...], str]:
    """English words with the case and full stop that recognised text lacks, and their text.

    Translation by rules reads "I", names and sentence borders by them.
    """
    texts = with_capitals([word.text for word in words])
    if begins and texts and texts[0] != UNCLEAR:
        texts[0] = texts[0][:1].upper() + texts[0][1:]
    if ends and texts:
        texts[-1] += "."
    cased = tuple(
        Word(text, word.start_s, word.end_s, word.confidence)
        for text, word in zip(texts, words, strict=True)
    )
    return cased, " ".join(texts)


def speakable(text: str) -> str:
    """Text without what should not be said: an unclear stretch becomes a short pause."""
    spoken = text.replace(UNCLEAR, ", ").strip(" ,.")
    return spoken if any(letter.isalnum() for letter in spoken) else ""

"""What was not understood well enough to be shown."""

import re
from collections.abc import Sequence

from engine.events import Word

UNCLEAR = "[unclear]"
"""Stands for words that were not understood. Translators hand it on as it is."""
_MARKS = re.compile(rf"(\s*)((?:{re.escape(UNCLEAR)}\s*)+)")
_OPENING = frozenset("¿¡([{«“‘„\"'")
_CLOSING = ".,;:!?…)]}»”。、，；：！？"


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


def without_marks(words: Sequence[Word]) -> tuple[Word, ...]:
    """Those that are no mark, a full stop behind it included."""
    return tuple(word for word in words if UNCLEAR not in word.text)


def without_unclear(text: str) -> tuple[str, int]:
    """The words of a text alone, as anything that counts or compares words must have it, and how
    many marks stood there. The space a text begins with stays: it joins it to the one before."""
    marks = text.count(UNCLEAR)
    if not marks:
        return text, 0
    joint = text[: len(text) - len(text.lstrip())]
    words = _MARKS.sub(lambda found: _instead(found, text), text).strip()
    words = words.lstrip(_CLOSING).lstrip()
    is_said = any(character.isalnum() for character in words)
    return (joint + words if is_said else ""), marks


def _instead(found: re.Match[str], text: str) -> str:
    """What stands where a run of marks was: one space, if words are left that want one."""
    before, after = text[: found.start()], text[found.end() :]
    is_spaced = found[1] or found[2][-1:].isspace()
    if not is_spaced or before[-1:] in _OPENING or after[:1] in tuple(_CLOSING):
        return ""
    return " "


def mostly_unclear(confidences: Sequence[float | None], min_confidence: float) -> bool:
    """Whether more than half of the words are below the confidence."""
    return 2 * sum(sure is not None and sure < min_confidence for sure in confidences) > len(
        confidences
    )

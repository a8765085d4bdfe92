"""The words of two windows that share some sound, as one text."""

from collections.abc import Sequence

EDGE_WORDS = 2
"""Words at the end of one window and at the start of the next that may be cut in half."""
EDGE_COST = 1.5
"""Words that must agree for each one that is given up as cut."""


def merge_overlap(
    old: Sequence[str], new: Sequence[str], *, most_overlap: int | None = None, fixed: int = 0
) -> list[str]:
    """`old` and what `new` adds to it, so that nothing is said twice or lost. See `seam`."""
    end, first = seam(old, new, most_overlap=most_overlap, fixed=fixed)
    return [*old[:end], *new[first:]]


def seam(
    old: Sequence[str], new: Sequence[str], *, most_overlap: int | None = None, fixed: int = 0
) -> tuple[int, int]:
    """Where `old` ends, and from which word on `new` goes on.

    Looks for the longest stretch that ends `old` and begins `new`. At most two words at either
    side of the cut may be left out, as halves of words; the first `fixed` words of `old` may not.
    `most_overlap` bounds how many words the two share: where somebody repeats a word, only that
    tells how often. Without a stretch in common, `new` follows `old` as it is.
    """
    best, at = 0.0, (len(old), 0)
    most = len(new) if most_overlap is None else most_overlap
    folded_old, folded_new = [_folded(word) for word in old], [_folded(word) for word in new]
    for late in range(min(EDGE_WORDS, len(old) - fixed) + 1):
        for early in range(min(EDGE_WORDS, len(new)) + 1):
            longest = min(len(old) - late, len(new) - early, most)
            for size in range(longest, 0, -1):
                score = size - EDGE_COST * (late + early)
                if score <= best:
                    break
                end = len(old) - late
                if folded_old[end - size : end] == folded_new[early : early + size]:
                    best, at = score, (end, early + size)
                    break
    return at


def _folded(word: str) -> str:
    """What two spellings of a word share: no case, no marks at its ends."""
    bare = word.casefold().strip(".,;:!?…。，、；：！？।«»\"'“”()¿¡")
    return bare or word

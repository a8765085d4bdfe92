"""The words of two windows that share some sound, as one text."""

from collections.abc import Sequence

EDGE_WORDS = 2
"""Words at the end of one window and at the start of the next that may be cut in half."""
EDGE_COST = 1.5
"""Words that must agree for each one that is given up as cut."""


SURPRISE_COST = 1.5
"""Words that must agree for each one that the windows share more or less than their sound tells."""


def seam(
    old: Sequence[str], new: Sequence[str], shared: float | None = None, *, fixed: int = 0
) -> tuple[int, int]:
    """Where `old` ends, and from which word on `new` goes on, so that nothing is said twice or
    lost.

    Looks for a stretch that ends `old` and begins `new`: the longest, or where it is known about
    how many words the two share, the longest that fits. At most two words at either side of the cut
    may be left out, as halves of words; the first `fixed` words of `old` may not. Without a stretch
    in common, `new` follows `old` as it is.
    """
    surprise = 0.0 if shared is None else SURPRISE_COST
    expected = shared or 0.0
    best, at = -surprise * expected, (len(old), 0)
    folded_old, folded_new = [_folded(word) for word in old], [_folded(word) for word in new]
    for late in range(min(EDGE_WORDS, len(old) - fixed) + 1):
        for early in range(min(EDGE_WORDS, len(new)) + 1):
            given_up, end = EDGE_COST * (late + early), len(old) - late
            for size in range(min(end, len(new) - early), 0, -1):
                score = size - given_up - surprise * abs(size - expected)
                if size <= given_up or score <= best:
                    continue
                if folded_old[end - size : end] == folded_new[early : early + size]:
                    best, at = score, (end, early + size)
    return at


def _folded(word: str) -> str:
    """What two spellings of a word share: no case, no marks at its ends."""
    bare = word.casefold().strip(".,;:!?…。，、；：！？।«»\"'“”()¿¡")
    return bare or word

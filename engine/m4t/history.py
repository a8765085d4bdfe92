"""What one hypothesis lets us write, and what of text and sound is kept after that."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.languages import written_without_spaces
from engine.layers.guards import without_loops
from engine.m4t.alignment import attended, committed, first_needed, forgotten
from engine.m4t.config import M4tPolicy
from engine.m4t.features import PAIRS_A_SECOND, PAIRS_A_STATE
from engine.m4t.greedy import Hypothesis
from engine.m4t.words import Pieces

MOST_TOKENS = 128
"""Kept as context, however few words they make."""


@dataclass(frozen=True, slots=True)
class Step:
    """What comes of one hypothesis."""

    taken: list[int]
    """The places of the new tokens that are committed."""
    waiting: list[int]
    """The places of those that are not."""
    history: list[int]
    """Tokens kept as context from now on."""
    cut_pairs: int
    """Pairs of frames at the start of the sound that are needed no more."""


def take(
    found: Hypothesis,
    history: Sequence[int],
    pairs: int,
    language: str,
    pieces: Pieces,
    policy: M4tPolicy,
    *,
    final: bool,
) -> Step:
    """One step: `found` continues `history` over sound of so many `pairs`. At the end of an
    utterance (`final`) nothing waits any longer."""
    spaceless = written_without_spaces(language)
    places, old = attended(found.attention), len(history)
    begins = [spaceless or pieces.begins_word(token) for token in [*history, *found.tokens]]
    count = len(found.tokens)
    if not final:
        states = found.attention.shape[1]
        count = committed(
            places[old:], begins[old:], states, policy.frames, whole_words=not spaceless
        )
    rows = list(range(old + count))
    if policy.block_loops:
        rows = without_loops([*history, *found.tokens[:count]], said=old)
    taken = [row - old for row in rows[old:]]
    kept = [*history, *(found.tokens[k] for k in taken)]
    drop = forgotten([begins[row] for row in rows], policy.history_words)
    drop = max(drop, len(kept) - MOST_TOKENS)
    cut = PAIRS_A_STATE * first_needed([places[row] for row in rows[drop:]]) if drop else 0
    most = round(PAIRS_A_SECOND * policy.max_history_s)
    if pairs - cut > most:
        cut = pairs - most
        # Words whose sound is gone are no context for what is left.
        while drop < len(rows) and PAIRS_A_STATE * (places[rows[drop]] + 1) <= cut:
            drop += 1
    waiting = list(range(count, len(found.tokens)))
    return Step(taken, waiting, kept[drop:], cut)

"""Committed words that wait to be spoken together.

Letters: T tokens, D width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.m4t.words import Pieces
from engine.text.output import SpelledWord

ENDS = frozenset(".,;:!?…。，、；：！？।॥؟،؛")
"""Marks that end a clause, in the scripts the model writes."""


@dataclass(slots=True)
class Clause:
    """The open clause of one language."""

    tokens: list[int] = field(default_factory=list)
    words: list[SpelledWord] = field(default_factory=list)
    start_s: float = 0.0
    """Source time from which on it was heard."""
    _before: list[Tensor] = field(default_factory=list)
    """Of each token, the decoder's state that predicts it, (D)."""
    _end: list[Tensor] = field(default_factory=list)
    """The decoder's state at the last token, (D)."""

    def add(
        self, tokens: Sequence[int], states: Tensor, words: Sequence[SpelledWord], start_s: float
    ) -> None:
        """Committed tokens that follow each other. `states` (T + 1, D) are those before each token
        and at the last."""
        if not self.tokens:
            self.start_s = start_s
        self.tokens += tokens
        self.words += words
        self._before += list(states[:-1])
        self._end = [states[-1]]

    def is_due(self, pieces: Pieces, most_words: int) -> bool:
        """Whether it is to be spoken now."""
        marked = any(ENDS & set(pieces.texts.get(token, "")) for token in self.tokens)
        return marked or len(self.words) >= most_words

    def states(self, first: Tensor) -> Tensor:
        """What speech is made of, (T + 2, D); `first` is the decoder's state at the end sign."""
        return torch.stack([first, *self._before, *self._end])

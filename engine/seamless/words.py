"""Tokens to text: words are committed when they are whole."""

import math
from dataclasses import dataclass, field

from engine.languages import written_without_spaces
from engine.seamless.tokens import SPACE, TextPieces
from engine.text.output import SpelledWord


@dataclass(slots=True)
class WordSpeller:
    """Joins the pieces of one utterance in one language.

    A word is whole when the next one begins, or the utterance ends. The reference strips every
    piece instead, and so loses where words begin.
    """

    pieces: TextPieces
    language: str
    _open: list[str] = field(default_factory=list)
    """Pieces of the word that is not whole yet."""
    _open_log: list[float] = field(default_factory=list)
    """Logarithms of how sure each of them is."""

    def take(self, tokens: list[int], sureness: list[float]) -> list[SpelledWord]:
        """New tokens, and how sure each is; the words that are whole now."""
        whole: list[SpelledWord] = []
        for token, sure in zip(tokens, sureness, strict=True):
            if not self.pieces.is_text(token):
                continue
            piece = self.pieces.piece(token)
            if self._open and (piece.startswith(SPACE) or written_without_spaces(self.language)):
                whole += self.finish()
            self._open.append(piece)
            self._open_log.append(math.log(max(sure, 1e-9)))
        if written_without_spaces(self.language):
            whole += self.finish()
        return whole

    def finish(self) -> list[SpelledWord]:
        """The word that was open, now that nothing more comes of it."""
        text = self.partial
        confidence = math.exp(sum(self._open_log) / len(self._open_log)) if self._open_log else 1.0
        self._open.clear()
        self._open_log.clear()
        return [SpelledWord(text, confidence)] if text else []

    @property
    def partial(self) -> str:
        """What there is of the open word."""
        return "".join(self._open).replace(SPACE, " ").strip()

"""Pieces of text and characters, as the model numbers them."""

from pathlib import Path

import sentencepiece

from engine.errors import EngineError

SPACE = "▁"
"""SentencePiece's sign for a space in front of a word."""
UNKNOWN = 1
EOS = 3
_SHIFT = 1
"""In the text model the padding symbol comes before SentencePiece's own; the character model has
one of its own."""


class TextPieces:
    """The text vocabulary: SentencePiece's pieces shifted by one, then a symbol a language."""

    unknown = UNKNOWN

    def __init__(self, text_model: Path, char_model: Path, languages: tuple[str, ...]) -> None:
        self._text = _load(text_model)
        self._char = _load(char_model)
        self._first_language = self._text.get_piece_size() + _SHIFT
        self._languages = languages
        self.comma = self.symbol(",")

    def language_symbol(self, language: str) -> int:
        """Of the decoder's prefix. Raises `ValueError` for a language that is not written."""
        return self._first_language + self._languages.index(language)

    def prefix(self, language: str) -> tuple[int, int]:
        return EOS, self.language_symbol(language)

    def symbol(self, piece: str) -> int:
        return int(self._text.piece_to_id(piece)) + _SHIFT

    def piece(self, symbol: int) -> str:
        """Empty for what is no text: padding and languages."""
        if not 0 < symbol < self._first_language:
            return ""
        return str(self._text.id_to_piece(symbol - _SHIFT))

    def is_text(self, symbol: int) -> bool:
        """Whether a symbol stands for letters, rather than for the end or a language."""
        return EOS < symbol < self._first_language

    def character_symbols(self, token: int, piece: str) -> list[int]:
        if token == UNKNOWN:
            return [UNKNOWN]
        return [int(self._char.piece_to_id(letter)) for letter in piece]


def _load(path: Path) -> sentencepiece.SentencePieceProcessor:
    try:
        return sentencepiece.SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        what = " ".join(str(error).split())[:120]
        raise EngineError(f"The tokenizer '{path}' cannot be read ({what}).") from error

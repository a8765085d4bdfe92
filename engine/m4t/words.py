"""Tokens to words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.languages import written_without_spaces
from engine.text.output import SpelledWord

SPACE = "▁"
"""SentencePiece's sign for a space in front of a word."""
UNKNOWN = 1
EOS = 3


@dataclass(frozen=True, slots=True)
class Pieces:
    """What the model's tokens stand for, as its `generation_config.json` says."""

    texts: Mapping[int, str]
    """Of each token; a space in front is `▁`."""
    letters: Mapping[str, int]
    """The number of each letter in the text-to-unit model."""
    first_language: int
    """Tokens from here on name languages."""

    def is_text(self, token: int) -> bool:
        """Whether a token stands for letters, rather than for the end or a language."""
        return EOS < token < self.first_language and token in self.texts

    def begins_word(self, token: int) -> bool:
        return self.texts.get(token, "").startswith(SPACE)

    def letter_numbers(self, token: int) -> list[int]:
        """As the text-to-unit model numbers the letters of one token."""
        if token == UNKNOWN:
            return [UNKNOWN]
        return [self.letters.get(letter, UNKNOWN) for letter in self.texts.get(token, "")]

    def words(
        self, tokens: Sequence[int], probabilities: Sequence[float], language: str
    ) -> list[SpelledWord]:
        """The words of a stretch of tokens; `probabilities` says how likely each was."""
        groups: list[list[int]] = []
        for place, token in enumerate(tokens):
            if not self.is_text(token):
                continue
            if not groups or written_without_spaces(language) or self.begins_word(token):
                groups.append([])
            groups[-1].append(place)
        words = []
        for group in groups:
            pieces = [self.texts[tokens[place]] for place in group]
            text = "".join(pieces).replace(SPACE, " ").strip()
            if text:
                sure = sum(probabilities[place] for place in group) / len(group)
                words.append(SpelledWord(text, sure, group[0], group[-1] - group[0] + 1))
        return words

"""Text as it is compared: what a reference and a recogniser's words must not differ by."""

import unicodedata

from engine.languages import written_without_spaces

NAME = "s2st-1: lower case, NFKC, no punctuation"
"""Stands beside every score of normalised text. The number changes when a result may."""

_STRAIGHT = str.maketrans({"\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{HYPHEN}": "-"})
"""An apostrophe and a hyphen as a keyboard writes them."""
_INSIDE = frozenset("'-\N{MIDDLE DOT}")
"""Punctuation that belongs to a word it stands inside of: l'aigua, ice-cream, Catalan col·legi."""


def normalise(text: str, language: str) -> str:
    """Text of a language (ISO 639-3) without what nobody hears; normalising twice changes nothing.

    Unicode NFKC, lower case; characters of Unicode's categories P become spaces, but for an
    apostrophe, a hyphen or a middle dot between two letters or digits; white space is squeezed.
    Languages written without spaces get none at all, so that their characters can be compared.
    """
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    plain = plain.translate(_STRAIGHT)
    kept = [
        " "
        if unicodedata.category(character).startswith("P") and not _is_inside(plain, place)
        else character
        for place, character in enumerate(plain)
    ]
    return ("" if written_without_spaces(language) else " ").join("".join(kept).split())


def composed(text: str) -> str:
    """With letters and their accents as one character each (NFC), as nearly all text has them. A
    text that has them apart (NFD) looks the same, and would be another one to every metric."""
    return unicodedata.normalize("NFC", text)


def _is_inside(text: str, place: int) -> bool:
    """Whether a character is one of those inside a word."""
    return (
        text[place] in _INSIDE
        and 0 < place < len(text) - 1
        and _is_of_word(text[place - 1])
        and _is_of_word(text[place + 1])
    )


def _is_of_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNM"  # a mark follows the letter it belongs to

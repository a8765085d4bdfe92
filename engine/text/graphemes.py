"""Text cut into what a reader sees as single characters, each with its combining marks.

A short form of Unicode's text segmentation (UAX 29), and in Thai and Lao a little more: vowels
that are letters of their own stay with the consonant they belong to.
"""

import unicodedata

_JOINER = "\N{ZERO WIDTH JOINER}"
_NON_JOINER = "\N{ZERO WIDTH NON-JOINER}"
# A Khmer or Burmese sign that puts the next consonant below; Thai and Lao vowels written first.
_JOINS_NEXT = frozenset("\u17d2\u1039\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4")
# Thai and Lao vowels written behind their consonant.
_JOINS_LAST = frozenset("\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3")


def graphemes(text: str) -> list[str]:
    """The characters of `text` as a reader counts them; joined together they are `text`."""
    found: list[str] = []
    for character in text:
        if found and _joins(found[-1], character):
            found[-1] += character
        else:
            found.append(character)
    return found


def _joins(before: str, character: str) -> bool:
    last = before[-1]
    return (
        unicodedata.category(character).startswith("M")
        or character in (_JOINER, _NON_JOINER)
        or character in _JOINS_LAST
        or last == _JOINER
        or last in _JOINS_NEXT
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # tags of flags
        # A flag is a pair of regional letters.
        or (_is_regional(last) and _is_regional(character) and len(before) == 1)
        # Vowel and final consonant of a Korean syllable spelled in parts.
        or ("\u1160" <= character <= "\u11ff" and "\u1100" <= last <= "\u11ff")
    )


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"

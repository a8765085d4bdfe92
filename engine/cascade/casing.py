"""Capitals: recognised English has none, and rules of translation read them.

Only what is certain is written large: "may", "march", "august", "polish" and most names of people
are other words, too, and stay as they are.
"""

from collections.abc import Sequence

from engine.text.unclear import UNCLEAR

_LIST = """
monday tuesday wednesday thursday friday saturday sunday christmas
january february april june july september october november december
english french german spanish italian portuguese catalan galician esperanto dutch danish swedish
norwegian finnish russian ukrainian greek arabic hebrew chinese japanese korean vietnamese
american british irish scottish canadian mexican brazilian european african asian australian
indian egyptian israeli austrian belgian hungarian romanian bulgarian
england scotland ireland britain france germany spain portugal italy austria belgium denmark
sweden norway finland russia ukraine europe africa asia australia america canada mexico brazil
india japan korea egypt israel london paris madrid barcelona
"""
_NAMES = frozenset(_LIST.split())
"""Days, months, languages, nationalities and places that are no other word."""
_TITLES = frozenset({"mr", "mrs", "ms"})
"""What follows them is a name."""


def with_capitals(words: Sequence[str]) -> list[str]:
    """Recognised English words, those that have a capital anywhere with one."""
    cased = [_large(word) if _is_large(word) else word for word in words]
    for place, word in enumerate(cased[:-1]):
        if word.lower() in _TITLES and words[place + 1] != UNCLEAR:
            cased[place + 1] = _large(words[place + 1])
    return cased


def settled(source: str, translation: str) -> str:
    """A translated sentence without capitals that came from nowhere: where its source has one at
    most at its beginning, rules that leave a subject out write the verb large all the same."""
    first, *others = source.split() or [""]
    if any(word[:1].isupper() and not _is_i(word) for word in others):
        return translation
    words = translation.split(" ")
    begins = first[:1].isupper()
    return " ".join(
        word if begins and place == 0 else _small(word) for place, word in enumerate(words)
    )


def _is_large(word: str) -> bool:
    stem = word.removesuffix("'s")
    return _is_i(word) or stem in _NAMES or stem in _TITLES or stem.removesuffix("s") in _NAMES


def _is_i(word: str) -> bool:
    return word.lower().removesuffix(".") == "i" or word.lower().startswith("i'")


def _large(word: str) -> str:
    return word[:1].upper() + word[1:]


def _small(word: str) -> str:
    """Without the capital it begins with, behind a mark such as ¿; what has others keeps them."""
    for place, letter in enumerate(word):
        if letter.isalpha():
            rest = word[place + 1 :]
            is_name_like = letter.isupper() and rest == rest.lower()
            return word[:place] + letter.lower() + rest if is_name_like else word
    return word

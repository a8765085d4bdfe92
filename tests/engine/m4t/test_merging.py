"""Words of overlapping windows: a table of cases, and a text cut at random that is whole again."""

import random
from collections.abc import Sequence

import pytest
from torch import zeros

from engine.m4t.chunked import HeardWord, MergedWords, advance
from engine.m4t.merging import seam
from engine.text.output import SpelledWord


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a b c d", "c d e f", "a b c d e f"),
        ("a b", "c d", "a b c d"),
        ("", "a b", "a b"),
        ("a b", "", "a b"),
        ("a b c", "a b c", "a b c"),
        # Half a word at the end of the old, and at the start of the new.
        ("see the cat sa", "the cat sat down", "see the cat sat down"),
        ("see the cat sat", "he cat sat down", "see the cat sat down"),
        # Marks and capitals that a window's edge brings are no other words.
        ("we went home.", "Went home and slept", "we went home. and slept"),
        # One word in common is not worth giving up two.
        ("one two three a b", "three c d", "one two three a b three c d"),
    ],
)
def test_nothing_is_said_twice_or_lost(old: str, new: str, expected: str) -> None:
    assert merged(old.split(), new.split()) == expected.split()


def merged(
    old: list[str], new: list[str], shared: float | None = None, fixed: int = 0
) -> list[str]:
    end, first = seam(old, new, shared, fixed=fixed)
    return [*old[:end], *new[first:]]


def test_how_much_is_shared_tells_how_often_a_word_was_said() -> None:
    assert merged(["no", "no"], ["no", "no"], 1) == ["no", "no", "no"]
    assert merged(["no", "no"], ["no", "no"], 2) == ["no", "no"]


def test_words_that_were_committed_stay() -> None:
    assert merged(["the", "ca"], ["the", "cat"], fixed=2) == ["the", "ca", "the", "cat"]
    assert merged(["see", "the", "ca"], ["see", "the", "cat"], fixed=2) == ["see", "the", "cat"]


def heard(words: list[str]) -> list[HeardWord]:
    return [HeardWord(SpelledWord(word, 1.0), [], zeros(0)) for word in words]


def said(due: list[HeardWord]) -> list[str]:
    return [each.word.text for each in due]


@pytest.mark.parametrize("vocabulary", ["ab", "abcdefgh", [f"word{n}" for n in range(100)]])
def test_a_text_cut_into_overlapping_windows_and_merged_is_the_text(
    vocabulary: Sequence[str],
) -> None:
    """As the agent merges them: windows of any length that share any number of words, of texts
    that repeat their words much or little."""
    chance = random.Random(0)
    for _ in range(500):
        text = [chance.choice(vocabulary) for _ in range(chance.randrange(1, 60))]
        merged_words, out = MergedWords(), []
        end, shared = 0, 0
        while True:
            last = min(len(text), end + chance.randrange(1, 12))
            final = last == len(text)
            hold = 0 if final else chance.randrange(0, 5)
            window = heard(text[end - shared : last])
            out += said(advance(merged_words, window, float(shared), hold))
            if final:
                break
            end = last
            shared = chance.randrange(0, min(end, 6) + 1)
        assert out == text


def test_after_silence_the_same_words_are_said_again() -> None:
    words, out = MergedWords(), []
    for window in (["we", "can", "go"], [], ["we", "can", "go"]):
        out += said(advance(words, heard(window), 1.0, 1))
    out += said(advance(words, heard([]), 0.0, 0))
    assert out == ["we", "can", "go"] * 2


def test_the_last_word_does_not_wait_through_silence() -> None:
    words = MergedWords()
    assert said(advance(words, heard(["the", "end"]), 0.0, 1)) == ["the"]
    assert said(advance(words, heard([]), 0.0, 1)) == ["end"]


def test_windows_that_share_nothing_are_joined_as_they_are() -> None:
    words = MergedWords()
    out = said(advance(words, heard(["he", "said", "no"]), 0.0, 0))
    assert out + said(advance(words, heard(["no", "you", "go"]), 0.0, 0)) == [
        *("he", "said", "no", "no", "you", "go")
    ]

"""Words of overlapping windows: a table of cases, and a text cut at random that is whole again."""

import random

import pytest
from torch import zeros

from engine.m4t.chunked import HeardWord, MergedWords, advance
from engine.m4t.merging import merge_overlap
from engine.m4t.words import SpelledWord


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
    assert merge_overlap(old.split(), new.split()) == expected.split()


def test_how_much_may_be_shared_tells_how_often_a_word_was_said() -> None:
    assert merge_overlap(["no", "no"], ["no", "no"], most_overlap=1) == ["no", "no", "no"]


def test_words_that_were_committed_stay() -> None:
    assert merge_overlap(["the", "ca"], ["the", "cat"], fixed=2) == ["the", "ca", "the", "cat"]
    assert merge_overlap(["see", "the", "ca"], ["see", "the", "cat"], fixed=2) == [
        *("see", "the", "cat")
    ]


def test_a_text_cut_into_overlapping_windows_and_merged_is_the_text() -> None:
    chance = random.Random(0)
    for _ in range(500):
        text = [chance.choice("abcd") for _ in range(chance.randrange(1, 40))]
        merged: list[str] = []
        end = 0
        while end < len(text):
            overlap = chance.randrange(0, min(end, 6) + 1)
            last = min(len(text), end + chance.randrange(1, 9))
            merged = merge_overlap(merged, text[end - overlap : last], most_overlap=overlap)
            end = last
        assert merged == text


def test_windows_of_words_that_advance_come_to_the_text() -> None:
    """Words that differ, windows of ten, two shared: as the agent merges them."""
    text = [f"word{number}" for number in range(60)]
    merged, said = MergedWords(), []
    for first in range(0, 50, 8):
        words = [
            HeardWord(SpelledWord(word, 1.0), [], zeros(0)) for word in text[first : first + 10]
        ]
        due = advance(merged, words, 0.2 if first else 0.0, final=first == 48)
        said += [each.word.text for each in due]
    assert said == text[:58]

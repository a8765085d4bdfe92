"""The tables are worked out by hand from the rules in `engine/text/subtitles.py`."""

import html
import random
import re
import unicodedata
from itertools import pairwise

import pysubs2
import pytest
from rich.cells import cell_len

from engine.events import SourceText, TargetText, Word
from engine.languages import written_without_spaces
from engine.text.graphemes import graphemes
from engine.text.subtitles import (
    VTT_HEADER,
    Cue,
    SubtitleComposer,
    format_srt,
    format_vtt,
)


def said(
    utterance: int, text: str, start_s: float, end_s: float, words: tuple[Word, ...] = ()
) -> TargetText:
    return TargetText(utterance, "spa", text, start_s, end_s, committed=True, words=words)


def compose(language: str, *events: SourceText | TargetText) -> list[Cue]:
    composer = SubtitleComposer(language)
    cues = [cue for event in events for cue in composer.add(event)]
    return cues + composer.finish()


def test_an_utterance_that_fits_is_one_cue_for_as_long_as_it_was_said() -> None:
    assert compose("spa", said(0, " Esta casa es grande.", 0.25, 1.75)) == [
        Cue(0.25, 1.75, ("Esta casa es grande.",))
    ]


def test_two_lines_are_balanced_and_break_after_punctuation_if_that_costs_little() -> None:
    # 21 + 21 cells; then 22 + 22 or, after the comma, 18 + 26: less than the 10 it is worth.
    even = "aaaa bbbb cccc dddd e ffff gggg hhhh iiii j"
    comma = "aaaa bbbb cccc dd, eee ffff gggg hhhh iiii jj"
    assert compose("spa", said(0, even, 0, 5))[0].lines == (even[:21], even[22:])
    assert compose("spa", said(0, comma, 0, 5))[0].lines == (comma[:18], comma[19:])


def test_a_full_cue_ends_at_the_word_that_no_longer_fits() -> None:
    # Nine letters and a space: four words are 39 cells, so a cue holds eight. 16 words, 1 s each.
    text = " ".join(letter * 9 for letter in "abcdefghijklmnop")
    cues = compose("spa", said(0, text, 0, 11.2))
    assert [(cue.start_s, cue.end_s) for cue in cues] == [(0, 5.6), (5.6, 11.2)]
    assert cues[1].lines == (text[80:119], text[120:])


def test_a_full_cue_ends_with_the_last_sentence_in_its_second_half() -> None:
    text = " ".join(["aaaaaaaaa"] * 5 + ["bbbbbbbb."] + ["ccccccccc"] * 4)
    assert [cue.lines[-1].split()[-1] for cue in compose("spa", said(0, text, 0, 7))] == [
        "bbbbbbbb.",
        "ccccccccc",
    ]


def test_a_cue_lasts_seven_seconds_at_most() -> None:
    # Ten words of a second each: seven of them, then three.
    text = " ".join("abcdefghij")
    assert [(c.start_s, c.end_s, c.lines) for c in compose("spa", said(0, text, 1, 11))] == [
        (1, 8, ("a b c d e f g",)),
        (8, 11, ("h i j",)),
    ]
    assert compose("spa", said(0, "long", 1, 31)) == [Cue(1, 8, ("long",))]


def test_times_of_words_are_kept_and_a_pause_of_a_second_ends_a_cue() -> None:
    words = (Word("one", 0.5, 0.8), Word("two", 0.9, 1.6), Word("three", 2.75, 4.0))
    assert compose("eng", said(0, " One two, three.", 0, 5, words)) == [
        Cue(0.5, 1.6, ("One two,",)),
        Cue(2.75, 4.0, ("three.",)),
    ]


def test_words_cut_otherwise_than_the_text_still_give_their_times() -> None:
    # "don't" was recognised in two parts: 2 + 3 letters of 9, then 4.
    words = (Word("do", 0, 1), Word("n't", 1, 2), Word("stop", 5, 6))
    assert [(c.start_s, c.end_s) for c in compose("eng", said(0, "don't stop", 0, 6, words))] == [
        (0, 2),
        (5, 6),
    ]


def test_a_short_utterance_is_shown_for_a_second_and_pushes_what_follows_back() -> None:
    dense = " ".join(letter * 9 for letter in "abcdefghijklmnopqrstuvwx")
    cues = compose("spa", said(0, dense, 0, 1.5), said(1, " Fin.", 4, 4.4))
    # Three cues of 79 characters in 1.5 s, which want 4.65 s each, but make the next no later than
    # 0.12 s: half a second each is stretched to one; the pause takes up what it can of the third.
    times = [(cue.start_s, cue.end_s) for cue in cues]
    assert times == [(0, 1), (1, 2), (2, 4.12), (4.12, 5.12)]


@pytest.mark.parametrize(
    ("language", "text", "next_s", "end_s"),
    [
        # 34 characters at 17 a second: two seconds, of which one was said.
        ("spa", "x" * 33 + ".", 5.0, 2.0),
        ("spa", "x" * 33 + ".", 2.0, 2.0),
        ("spa", "x" * 33 + ".", 1.95, 2.0),  # 0.05 s that the next begins later
        ("spa", "x" * 33 + ".", 2.05, 2.05),  # 50 ms of darkness are bridged
        ("spa", "x" * 33 + ".", 2.083, 2.0),  # 83 ms are not
        ("spa", "x" * 41 + ".", 1.2, 1.32),  # 2.47 s, and the next waits no longer than 0.12 s
        ("cmn", "水" * 18, 5.0, 2.0),  # nine a second
        ("jpn", "水" * 10, 5.0, 2.5),  # four a second
        ("kor", "x" * 24, 5.0, 2.0),  # twelve a second
    ],
)
def test_a_cue_stays_as_long_as_it_takes_to_be_read(
    language: str, text: str, next_s: float, end_s: float
) -> None:
    events = (
        TargetText(0, language, text, 0, 1, committed=True),
        TargetText(1, language, "y" * 42, next_s, next_s + 3, committed=True),
    )
    first, second = compose(language, *events)
    assert (first.start_s, first.end_s) == (0, end_s)
    assert second.start_s == max(next_s, end_s)


def test_the_last_cue_can_be_read_too_but_for_seven_seconds_at_most() -> None:
    assert compose("spa", said(0, "x" * 34, 0, 1)) == [Cue(0, 2, ("x" * 34,))]
    assert compose("jpn", said(0, "水" * 42, 0, 1))[0].end_s == 7


def test_a_gap_behind_the_longest_cue_is_widened_instead() -> None:
    words = (Word("a", 0, 7.02), Word("b", 7.05, 9))
    cues = compose("spa", said(0, "a b", 0, 9, words))
    assert [(cue.start_s, cue.end_s) for cue in cues] == [(0, 6.967), (7.05, 9)]


def test_an_utterance_under_a_second_is_joined_with_the_next() -> None:
    assert compose("spa", said(0, "Sí.", 0, 0.4), said(1, "Claro.", 0.5, 1.2)) == [
        Cue(0, 1.2, ("Sí. Claro.",))
    ]
    assert compose("spa", said(0, "Sí.", 0, 0.4), said(1, "Claro.", 1.0, 2.2)) == [
        Cue(0, 1, ("Sí.",)),
        Cue(1, 2.2, ("Claro.",)),
    ]


def test_a_text_without_a_leading_space_goes_on_with_the_word_before() -> None:
    assert compose("spa", said(0, " trans", 0, 1), said(0, "lation", 1, 2)) == [
        Cue(0, 2, ("translation",))
    ]


def test_a_word_wider_than_a_line_is_broken() -> None:
    assert compose("spa", said(0, "x" * 50, 0, 2), said(0, "x" * 10, 2, 4)) == [
        Cue(0, 4, ("x" * 42, "x" * 18))
    ]


def test_japanese_breaks_anywhere_but_no_line_begins_with_a_full_stop() -> None:
    for before in range(1, 41):
        text = "あ" * before + "。" + "い" * (40 - before)
        for cue in compose("jpn", said(0, text, 0, 4)):
            assert not any(line.startswith("。") for line in cue.lines), before


def test_characters_stay_whole() -> None:
    whole = ["e\u0301", "น้ำ", "ที่", "👨\u200d👩\u200d👧", "🇪🇸", "🇫🇷", "👍🏽", "が", "x"]
    assert graphemes("".join(whole)) == whole


@pytest.mark.parametrize("text", ["", "  ", "\n\t\r", "\u200b", "\u00a0", "\u200e\u2029"])
def test_text_with_nothing_to_see_gives_no_cue(text: str) -> None:
    assert compose("spa", said(0, text, 0, 1)) == []


def test_line_breaks_and_control_characters_become_spaces() -> None:
    assert compose("spa", said(0, "a\r\n\r\nb\x00c\x1b d\u2028e\ud800", 0, 1))[0].lines == (
        "a b c d e\N{REPLACEMENT CHARACTER}",
    )


def test_text_that_may_still_change_is_ignored() -> None:
    partial = SourceText(0, "eng", "the house", 0, 1, committed=False)
    assert compose("eng", partial) == []


def test_a_vtt_block_escapes_its_text_and_knows_more_than_99_hours() -> None:
    assert format_vtt(Cue(1.0005, 2.5, ("a <b> & --> c", "d"))) == (
        "00:00:01.000 --> 00:00:02.500\na &lt;b&gt; &amp; --&gt; c\nd\n\n"
    )
    assert format_vtt(Cue(360_000, 360_001, ("a",))).startswith("100:00:00.000 --> 100:00:01.000")


def test_a_srt_block_never_holds_a_second_arrow_and_rounds_up_into_the_next_minute() -> None:
    assert format_srt(7, Cue(0.5, 59.9996, ("a --> b --->",))) == (
        "7\n00:00:00,500 --> 00:01:00,000\na -> b ->\n\n"
    )


LETTERS = {
    "spa": [
        "casa",
        "perro,",
        "grande.",
        "¿qué?",
        "y",
        "árbol",
        "x" * 60,
        "n\u0303an\u0303o",
        "100",
    ],
    "ara": ["بيت", "كبير.", "نعم،", "مَدْرَسَةٌ", "؟", "في", "ب" * 50, "و"],
    "jpn": [
        "家は",
        "大きい。",
        "猫、",
        "iPhone15",
        "か\u3099",
        "ー",
        "水" * 30,
        "x" * 50,
        "👨\u200d👩\u200d👧",
    ],
}


def random_events(language: str, chance: random.Random) -> list[TargetText]:
    """Utterances of several texts, dense or sparse, overlapping or apart, some words timed."""
    events: list[TargetText] = []
    now_s = chance.choice([0.0, chance.uniform(0, 4000)])
    space = "" if written_without_spaces(language) else " "
    for utterance in range(chance.randint(1, 6)):
        now_s = max(0.0, now_s + chance.choice([0.0, 0.2, 1.0, 5.0, -0.3]) * chance.random())
        for _ in range(chance.randint(1, 4)):
            chosen = chance.choices(LETTERS[language], k=chance.choice([0, 1, 2, 5, 12, 40]))
            end_s = now_s + chance.choice([0.0, 0.3, 2.0, 9.0, 40.0]) * chance.random()
            glue = chance.random() < 0.1
            text = ("" if glue else space) + space.join(chosen)
            words: tuple[Word, ...] = ()
            if chosen and chance.random() < 0.4:
                marks = sorted(chance.uniform(now_s, end_s) for _ in range(2 * len(chosen)))
                words = tuple(
                    Word(word, marks[2 * at], marks[2 * at + 1]) for at, word in enumerate(chosen)
                )
            events.append(TargetText(utterance, language, text, now_s, end_s, True, None, words))
            now_s = end_s
    return events


def letters(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("language", ["spa", "jpn", "ara"])
def test_every_rule_holds_for_hundreds_of_random_streams(language: str) -> None:
    chance = random.Random(f"subtitles {language}")
    for _ in range(400):
        events = random_events(language, chance)
        cues = compose(language, *events)
        assert letters("".join("".join(cue.lines) for cue in cues)) == letters(
            "".join(event.text for event in events)
        )
        for cue in cues:
            assert 1 <= len(cue.lines) <= 2
            for line in cue.lines:
                assert 0 < cell_len(line) <= 42 and line == line.strip()
                assert unicodedata.category(line[0])[0] != "M" and line[0] != "\u200d"
            duration_ms = round(cue.end_s * 1000) - round(cue.start_s * 1000)
            assert 1000 <= duration_ms <= 7000
        for before, after in pairwise(cues):
            gap_ms = round(after.start_s * 1000) - round(before.end_s * 1000)
            assert gap_ms == 0 or gap_ms >= 83
        # Nothing is shown before its speech begins, and delay comes from what was shown before.
        first_s = min(event.start_s for event in events)
        assert all(round(first_s, 3) <= cue.start_s for cue in cues)


@pytest.mark.parametrize("language", ["spa", "jpn", "ara"])
def test_another_program_reads_the_same_cues_from_both_files(language: str) -> None:
    chance = random.Random(f"files {language}")
    for _ in range(60):
        cues = compose(language, *random_events(language, chance))
        srt = "".join(format_srt(index, cue) for index, cue in enumerate(cues, start=1))
        vtt = VTT_HEADER + "".join(map(format_vtt, cues))
        for text, kind in ((srt, "srt"), (vtt, "vtt")):
            read = pysubs2.SSAFile.from_string(text, format_=kind) if cues else []
            assert [
                (line.start / 1000, line.end / 1000, tuple(html.unescape(line.text).split("\\N")))
                for line in read
            ] == [(cue.start_s, cue.end_s, cue.lines) for cue in cues]


def test_what_is_held_does_not_grow_with_the_recording() -> None:
    composer = SubtitleComposer("spa")
    longest = 0
    for second in range(3600):
        composer.add(said(0, " palabra" * 3, second, second + 1))
        longest = max(longest, len(composer._open))
    assert longest <= 42

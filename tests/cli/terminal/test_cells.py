import pytest
from rich.cells import cell_len

from cli.terminal.cells import (
    DIM,
    PLAIN,
    UNICODE,
    Part,
    cell_width,
    clean,
    fit,
    fit_row,
    is_right_to_left,
    meter,
    sparkline,
    symbols_of,
    tail_lines,
    wrap,
)
from engine.text.graphemes import graphemes

FAMILY = "👨‍👩‍👧‍👦"
TEXTS = {
    "eng": "The council will meet again on Thursday, won't it? Incomprehensibilities remain.",
    "ben": "পরিষদ বৃহস্পতিবার আবার বসবে এবং টাকা কীভাবে খরচ হবে তা ঠিক করবে।",
    "hin": "परिषद गुरुवार को फिर मिलेगी और तय करेगी कि पैसा कैसे खर्च किया जाए।",
    "cmn": "市议会将于星期四再次开会，决定如何使用这笔钱（一千万 euros）。图书馆今晚开放。",
    "jpn": "市議会は木曜日に再び開かれ、「お金」の使い道を決めます。",
    "kor": "시의회는 목요일에 다시 모여 돈을 어떻게 쓸지 결정합니다.",
    "arb": "سيجتمع المجلس مرة أخرى يوم الخميس ليقرر كيف تُنفَقُ الأموال.",
    "tha": "สภาจะประชุมอีกครั้งในวันพฤหัสบดีเพื่อตัดสินใจว่าจะใช้เงินอย่างไร น้ำ",
    "emoji": f"good {FAMILY} 👍🏽👍🏽👍🏽 🇪🇸🇪🇸 ❤️❤️❤️ done",
    "long": "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
}


def lines(text: str, width: int) -> list[str]:
    return [text[start:end] for start, end in wrap(text, width)]


@pytest.mark.parametrize("width", [1, 2, 3, 7, 10, 20, 38, 200])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_no_line_is_wider_than_the_screen_and_nothing_is_lost(text: str, width: int) -> None:
    wrapped = lines(text, width)
    assert all(cell_len(line) <= width and cell_width(line) <= width for line in wrapped)
    kept = [each for each in graphemes(text) if each != " " and cell_width(each) <= width]
    assert [each for line in wrapped for each in graphemes(line) if each != " "] == kept


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("one two three", 7, ["one two", "three"]),
        ("one two three", 13, ["one two three"]),
        ("  one   two ", 7, ["one", "two"]),
        ("a abcdefgh b", 4, ["a", "abcd", "efgh", "b"]),
        ("a abcdef b", 4, ["a", "abcd", "ef b"]),
        ("", 5, []),
        ("   ", 5, []),
        # Chinese breaks anywhere, but a full stop never begins a line, and no bracket ends one.
        ("今天天气很好", 6, ["今天天", "气很好"]),
        ("今天天气很好。", 12, ["今天天气很", "好。"]),
        ("今天天（气）", 8, ["今天天", "（气）"]),
        ("我用iPhone打电话", 8, ["我用", "iPhone打", "电话"]),
        # Korean is as wide as Chinese and breaks at its spaces.
        ("다시 모여", 7, ["다시", "모여"]),
        ("กินน้ำ", 3, ["กิน", "น้ำ"]),
        # A vowel sign stays with its letter and takes a cell in most terminals.
        ("বাবা", 2, ["বা", "বা"]),
        (FAMILY * 2, 8, [FAMILY, FAMILY]),
        # Too wide for the whole line: left out.
        ("a中b", 1, ["a", "b"]),
    ],
)
def test_lines(text: str, width: int, expected: list[str]) -> None:
    assert lines(text, width) == expected


@pytest.mark.parametrize(
    ("text", "cells"),
    # As tmux 3.3a answered when it was asked where its cursor was, or more, where terminals differ.
    [
        *(("abc", 3), ("中", 2), ("é", 1), ("عَ", 1), ("ভা", 2), ("বাংলা", 5), ("দী", 2), ("ক্ষ", 2)),
        *(("น้ำ", 2), ("한", 2), ("🇪🇸", 2), ("👍🏽", 4), ("❤️", 2), ("தொ", 2), ("…", 1), ("", 0)),
    ],
)
def test_width(text: str, cells: int) -> None:
    assert cell_width(text) == cells


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        (" with [bold]markup[/bold]", " with [bold]markup[/bold]"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b", "ab"),
        ("\x9b2Jx\x1bcy\x1b(0z", "xyz"),
        ("a\tb\r\nc\u2028d", "a b  c d"),
        ("a\x00\x07\x08\x7fb", "ab"),
        ("a\u202eb\u2066c\u200bd\u00ade", "abcde"),
        ("\ud800", "�"),
        (FAMILY, FAMILY),
        ("می‌خواهم", "می‌خواهم"),
        ("\x1b", ""),
        ("\x1b[", ""),
        ("\x1b]never ended", ""),
    ],
)
def test_text_cannot_command_the_terminal(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        *(("abc", 3, "abc"), ("abcd", 3, "ab…"), ("abcd", 1, "…"), ("abcd", 0, "")),
        *(("中文字", 5, "中文…"), ("中文字", 4, "中…"), ("ab cd", 4, "ab…")),
    ],
)
def test_fit(text: str, width: int, expected: str) -> None:
    assert fit(text, width) == expected


def test_the_tail_is_the_end_of_the_whole() -> None:
    paragraphs = [*TEXTS.values(), "", "last"]
    whole = [
        (number, *span, index == 0)
        for number, text in enumerate(paragraphs)
        for index, span in enumerate(wrap(text, 20))
    ]
    for height in (0, 1, 2, 5, 11, len(whole), 999):
        tail = tail_lines(paragraphs, 20, height)
        found = [(line.paragraph, line.start, line.end, line.begins) for line in tail]
        assert found == whole[max(0, len(whole) - height) :]


@pytest.mark.parametrize("text", [TEXTS["eng"], TEXTS["cmn"], TEXTS["ben"]])
def test_lines_of_a_long_paragraph_stay_while_it_grows(text: str) -> None:
    paragraph = (text + " ") * 80
    moved = 0
    before: list[str] = []
    for count in range(1, 400):
        grown = paragraph + text[:20] * count
        now = [grown[line.start : line.end] for line in tail_lines([grown], 30, 6)]
        assert len(now) == 6
        # The next picture begins with lines of this one, but for the few times it starts anew.
        moved += bool(before) and not any(now[:3] == before[at : at + 3] for at in range(4))
        before = now
    assert moved <= 20


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        *(("arb", "", True), ("heb", "", True), ("urd", "", True), ("pes", "", True)),
        *(("pbt", "", True), ("snd", "", True), ("ckb", "", True), ("ary", "", True)),
        *(("eng", "", False), ("ben", "שלום", False), ("cmn", "", False), ("tgk", "", False)),
        *(("ydd", "שלום", True), ("qqq", "...", False), ("qqq", "1 hello שלום", False)),
    ],
)
def test_direction(language: str, text: str, expected: bool) -> None:
    assert is_right_to_left(language, text) is expected


def test_a_row_too_narrow_says_things_shortly_then_leaves_out_the_least_important() -> None:
    left = [
        Part((("first", PLAIN),)),
        Part((("second", PLAIN),), rank=2),
        Part((("third, at length", PLAIN),), rank=1, shorter=((("third", PLAIN),),)),
    ]
    right = [Part((("end", DIM),))]
    rows = {
        39: "first  second  third, at length     end",
        36: "first  second  third, at length  end",
        35: "first  second  third            end",
        25: "first  second  third  end",
        24: "first  third         end",
        16: "first        end",
        9: "first  e…",
        4: "fir…",
    }
    for width, expected in rows.items():
        row = fit_row(left, right, width, "…")
        assert "".join(segment.text for segment in row) == expected, width


def test_meter() -> None:
    table = {
        -60.0: "··········",
        0.0: "██████████",
        9.0: "██████████",
        -30.0: "█████·····",
        -27.0: "█████▌····",
        -99.0: "··········",
    }
    for level_db, expected in table.items():
        assert "".join(text for text, _ in meter(level_db, 10, UNICODE)) == expected


def test_sparkline() -> None:
    pieces = sparkline([0.0, None, 1.0, 4.0, 7.9, 8.0, 9.0], 8.0, 8.0, UNICODE)
    assert "".join(text for text, _ in pieces) == "▁ ▂▅███"
    assert pieces[-1][0] == "█"  # the one over the limit is styled apart


@pytest.mark.parametrize(
    ("encoding", "arrow"), [("utf-8", "→"), ("ascii", "->"), ("latin-1", "->"), ("nonsense", "->")]
)
def test_signs_fall_back_to_ascii(encoding: str, arrow: str) -> None:
    assert symbols_of(encoding).arrow == arrow

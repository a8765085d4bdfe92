"""Text laid out by the cells of a terminal, in scripts with and without spaces.

Terminals do not agree how wide some characters are. Rich gives the vowel signs that stand beside
a Bengali or Devanagari consonant no cell, as a few terminals do; tmux, xterm and most others give
them one. Text is measured here by the widest of these, so that a line never runs over the edge.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from engine.languages import LANGUAGES
from engine.text.graphemes import graphemes

Span = tuple[int, int]
"""Where a line begins and ends in its text."""
Pieces = tuple[tuple[str, Style], ...]
Row = list[Segment]

FLOOR_DB = -60.0
PLAIN, BOLD, DIM = Style(), Style(bold=True), Style(dim=True)
GOOD, WARN, BAD = Style(color="green"), Style(color="yellow"), Style(color="red", bold=True)
LINE = Style(color="cyan")

# Colours, cursor moves (CSI); titles, links (OSC and its like); other short sequences.
_ESCAPE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"
    "|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)?"
    "|\x1b[ -/]*[0-~]"
)
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
# Scripts written without spaces: a line may break between any two of their characters.
_BREAKS_ANYWHERE = re.compile(
    "[\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u2e80-\u312f\u3190-\ua4cf"  # Chinese, Japanese; not the Korean letters among them
    "\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\U00020000-\U0003ffff]"
)
_WORD = re.compile(" +|[^ ]+")
_OPENING = frozenset({"Ps", "Pi"})
_CLOSING = frozenset({"Pe", "Pf", "Po"})
# A longer text is wrapped from a border further back, which moves on only once in so many
# characters: lines that are on the screen stay as they are while text is added.
_STRIDE = 1024


def clean(text: str) -> str:
    """Text of unknown origin as one line that cannot command the terminal.

    Escape sequences go, with control characters and the invisible ones that turn the direction of
    writing; line breaks become spaces.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_clean(character) for character in _ESCAPE.sub("", text))


def _clean(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Zl", "Zp") or character in "\t\n\r\v\f\x85":
        return " "
    if category == "Cs":  # half of a character, from a file name or a device's
        return "\N{REPLACEMENT CHARACTER}"
    return "" if category in ("Cc", "Cf") and character not in _JOINERS else character


def cell_width(text: str) -> int:
    """The most cells a terminal takes for `text`."""
    return len(text) if text.isascii() else sum(map(_grapheme_width, graphemes(text)))


@lru_cache(maxsize=8192)
def _grapheme_width(grapheme: str) -> int:
    # A terminal that does not join an emoji draws its parts side by side.
    return max(cell_len(grapheme), sum(map(_apart_width, grapheme)))


def _apart_width(character: str) -> int:
    category = unicodedata.category(character)
    if category == "Mc":  # a mark, but one that takes space
        return 1
    wide = unicodedata.east_asian_width(character) in "WF" and category[0] != "M"
    return 2 if wide else cell_len(character)


def fit(text: str, width: int, ellipsis: str = "…") -> str:
    """`text`, its end cut off where it is wider than `width` cells."""
    if cell_width(text) <= width:
        return text
    if width < len(ellipsis):
        return ""
    kept, cells = "", len(ellipsis)
    for grapheme in graphemes(text):
        cells += _grapheme_width(grapheme)
        if cells > width:
            break
        kept += grapheme
    return kept.rstrip() + ellipsis


class _Piece(NamedTuple):
    """What stays together on a line: a word, one character of Chinese, or the space between."""

    start: int
    end: int
    cells: int
    is_space: bool


def _pieces(text: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    for found in _WORD.finditer(text):
        start, end = found.span()
        word = found[0]
        if _BREAKS_ANYWHERE.search(word):
            pieces.extend(_characters(word, start))
        else:
            pieces.append(_Piece(start, end, _word_width(word), word[0] == " "))
    return pieces


@lru_cache(maxsize=4096)
def _word_width(word: str) -> int:
    return cell_width(word)


def _characters(word: str, start: int) -> list[_Piece]:
    """The pieces of a word in a script without spaces, or partly in one."""
    pieces: list[_Piece] = []
    last = ""
    for grapheme in graphemes(word):
        end, width = start + len(grapheme), _grapheme_width(grapheme)
        if last and not _may_break(last, grapheme):
            before = pieces[-1]
            pieces[-1] = _Piece(before.start, end, before.cells + width, is_space=False)
        else:
            pieces.append(_Piece(start, end, width, is_space=False))
        last, start = grapheme, end
    return pieces


def _may_break(last: str, following: str) -> bool:
    """Whether a line may end between two characters that are not spaces."""
    if not (_BREAKS_ANYWHERE.match(last) or _BREAKS_ANYWHERE.match(following)):
        return False
    return (
        unicodedata.category(last[0]) not in _OPENING
        and unicodedata.category(following[0]) not in _CLOSING
    )


@lru_cache(maxsize=512)
def wrap(text: str, width: int) -> tuple[Span, ...]:
    """The lines of `text`, none wider than `width` cells, without the spaces they break at.

    A word too long for a line is broken between characters as a reader sees them. A character
    wider than the whole line is left out.
    """
    lines: list[Span] = []
    start = end = cells = gap = 0
    for piece in _pieces(text):
        if piece.is_space:
            gap += piece.cells
            continue
        if end > start and cells + gap + piece.cells <= width:
            end, cells, gap = piece.end, cells + gap + piece.cells, 0
            continue
        if end > start:
            lines.append((start, end))
        start, end, cells, gap = piece.start, piece.end, piece.cells, 0
        if cells > width:
            *whole, (start, end, cells) = _broken(text, piece, width)
            lines.extend((line_start, line_end) for line_start, line_end, _ in whole)
    if end > start:
        lines.append((start, end))
    return tuple(lines)


def _broken(text: str, piece: _Piece, width: int) -> list[tuple[int, int, int]]:
    """A long word cut to lines: start, end and width of each; the last one may go on."""
    lines: list[tuple[int, int, int]] = []
    start = end = piece.start
    cells = 0
    for grapheme in graphemes(text[piece.start : piece.end]):
        wide = _grapheme_width(grapheme)
        if cells + wide > width:
            if end > start:
                lines.append((start, end, cells))
            start, cells = end, 0
        end += len(grapheme)
        if wide > width:
            start = end
            continue
        cells += wide
    return [*lines, (start, end, cells)]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a paragraph on the screen."""

    paragraph: int
    """Counted from the first that was given."""
    start: int
    end: int
    """Its place in the paragraph's text."""
    begins: bool
    """Whether the paragraph begins with it."""


def tail_lines(paragraphs: Sequence[str], width: int, height: int) -> list[Line]:
    """The last `height` lines of paragraphs that each begin a line of their own.

    Only what may be seen is laid out, however long the rest is.
    """
    lines: list[Line] = []  # the last one first
    for number in range(len(paragraphs) - 1, -1, -1):
        if len(lines) >= height:
            break
        text = paragraphs[number]
        skipped = _skipped(text, width * height)
        spans = wrap(text[skipped:] if skipped else text, width)
        for index in range(len(spans) - 1, -1, -1):
            start, end = spans[index]
            begins = index == 0 and skipped == 0
            lines.append(Line(number, start + skipped, end + skipped, begins))
    return lines[: max(0, height)][::-1]


def _skipped(text: str, seen_cells: int) -> int:
    """How much of a long text's beginning is surely above the screen."""
    # Letters may bring marks that take no cell; three are more than any language needs.
    border = (len(text) - 4 * seen_cells) // _STRIDE * _STRIDE
    if border <= 0:
        return 0
    space = text.find(" ", border, border + _STRIDE // 2)
    if space >= 0:
        return space + 1
    return border + len(graphemes(text[border : border + 32])[0])


@lru_cache(maxsize=256)
def is_right_to_left(language: str, text: str = "") -> bool:
    """Whether a language is written from right to left, by its own name; one that is not in the
    table goes by the first letter of `text`."""
    known = LANGUAGES.get(language)
    for character in known.autonym if known else text:
        direction = unicodedata.bidirectional(character)
        if direction in ("L", "R", "AL"):
            return direction != "L"
    return False


@dataclass(frozen=True, slots=True)
class Symbols:
    """Signs that a terminal's encoding may lack."""

    levels: str
    parts_of_cell: str
    """From an eighth of a cell to a whole one."""
    rest: str
    rule: str
    arrow: str
    ellipsis: str
    volume_keys: str
    separator: str


UNICODE = Symbols("▁▂▃▄▅▆▇█", "▏▎▍▌▋▊▉█", "·", "─", "→", "…", "↑↓", " · ")
ASCII = Symbols("_.,-~=*#", "#", "-", "-", "->", "...", "up/down", " / ")


@dataclass(frozen=True, slots=True)
class Part:
    """A few words of a row, with what to do where the row is too narrow for all its parts."""

    pieces: Pieces
    rank: int = 0
    """The highest goes first; 0 stays."""
    shorter: tuple[Pieces, ...] = ()
    """Said instead before anything goes, one after the other."""


@dataclass(frozen=True, slots=True)
class Screenful:
    """Rows of a screen, none wider than it is."""

    rows: list[Row]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for number, row in enumerate(self.rows):
            if number:
                yield Segment.line()
            yield from row


def symbols_of(encoding: str) -> Symbols:
    """The signs that text in an encoding can hold."""
    try:
        "".join(astuple(UNICODE)).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def fit_row(left: Sequence[Part], right: Sequence[Part], width: int, ellipsis: str) -> Row:
    """Parts two spaces apart, some of them at the right edge.

    Where they are too wide together, they are first said shortly and then left out, the highest
    rank first; what is still too wide is cut.
    """
    margin = 1 if width >= 40 else 0
    room = width - 2 * margin
    parts = (*left, *right)
    shown = {number: part.pieces for number, part in enumerate(parts)}
    by_rank = sorted(enumerate(parts), key=lambda each: -each[1].rank)
    steps = [(number, pieces) for number, part in by_rank for pieces in part.shorter]
    for number, short in [*steps, *((number, None) for number, part in by_rank if part.rank)]:
        if _joined_width(shown.values()) <= room:
            break
        if short is None:
            del shown[number]
        else:
            shown[number] = short
    filler = max(0, room - _joined_width(shown.values()))
    row = [Segment(" " * margin)] if margin else []
    for place, (number, pieces) in enumerate(shown.items()):
        gap = 2 if place else 0
        if number >= len(left):
            gap, filler = gap + filler, 0
        for text, style in ((" " * gap, None), *pieces):
            kept = text if style is None else fit(text, room, ellipsis)
            if kept and cell_width(kept) <= room:
                row.append(Segment(kept, style))
            if kept != text or not room:
                return row
            room -= cell_width(kept)
    return row


def _joined_width(parts: Iterable[Pieces]) -> int:
    widths = [sum(cell_width(text) for text, _ in pieces) for pieces in parts]
    return sum(widths) + 2 * (len(widths) - 1)


def meter(level_db: float, cells: int, symbols: Symbols) -> Pieces:
    """A bar for a level in dBFS."""
    parts = symbols.parts_of_cell
    share = min(1.0, max(0.0, 1.0 - level_db / FLOOR_DB))
    whole, part = divmod(round(share * cells * len(parts)), len(parts))
    bar = parts[-1] * whole + (parts[part - 1] if part else "")
    return ((bar, loudness(level_db)), (symbols.rest * (cells - len(bar)), DIM))


def loudness(level_db: float) -> Style:
    """Whether a level is safe."""
    if level_db < -12.0:
        return GOOD
    return WARN if level_db < -3.0 else BAD


def sparkline(
    values: Sequence[float | None], top: float, limit: float | None, symbols: Symbols
) -> Pieces:
    """One sign for each value between 0 and `top`, a gap for None; above `limit` it is marked."""
    pieces: list[tuple[str, Style]] = []
    for value in values:
        sign = " "
        if value is not None:
            level = int(value / top * len(symbols.levels))
            sign = symbols.levels[min(len(symbols.levels) - 1, max(0, level))]
        style = BAD if value is not None and limit is not None and value > limit else LINE
        # Signs of one colour share its codes.
        if pieces and pieces[-1][1] is style:
            pieces[-1] = (pieces[-1][0] + sign, style)
        else:
            pieces.append((sign, style))
    return tuple(pieces)

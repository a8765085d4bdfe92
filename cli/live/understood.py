"""What a recogniser understands of our own speech: as a line, and as a row of the panel."""

from rich.segment import Segment
from rich.style import Style

from cli.terminal.cells import DIM, PLAIN, Row, Symbols, cell_width, clean
from engine.events import OutputHeard
from engine.text.graphemes import graphemes
from engine.text.writers import one_line

NO_WORDS = "no words"


def understood_line(event: OutputHeard) -> str:
    """What was understood, among lines of text."""
    return f"understood ({event.language})  {one_line(event.text) or NO_WORDS}"


def understood_row(
    heard: OutputHeard | None,
    width: int,
    symbols: Symbols,
    brackets: tuple[str, str],
    partial: Style,
) -> Row:
    """A row of the panel: the end of what was understood last, cut to `width` cells.

    What may still change stands between the brackets, in the style of a partial.
    """
    label = " understood: " if width >= 30 else ""
    room = max(0, width - len(label) - len(label[:1]))
    text = clean(heard.text).strip() if heard is not None else "nothing yet"
    if heard is None or not text:
        return [Segment(label + _tail(text or NO_WORDS, room, symbols.ellipsis), DIM)]
    opening, closing = ("", "") if heard.final else brackets
    text = _tail(text, room - cell_width(opening + closing), symbols.ellipsis)
    return [
        Segment(label, DIM),
        Segment(opening + text + closing, PLAIN if heard.final else partial),
    ]


def _tail(text: str, width: int, ellipsis: str) -> str:
    """`text`, its beginning cut off where it is wider than `width` cells."""
    if cell_width(text) <= width:
        return text
    kept, cells = "", cell_width(ellipsis)
    for grapheme in reversed(graphemes(text)):
        cells += cell_width(grapheme)
        if cells > width:
            break
        kept = grapheme + kept
    return ellipsis + kept if width >= cell_width(ellipsis) else ""

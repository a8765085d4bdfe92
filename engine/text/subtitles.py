"""Committed words into cues people can read, and cues into SubRip and WebVTT.

Text becomes pieces, the smallest parts that may stand on a line of their own: words, or single
characters in a language written without spaces. Pieces gather in the open cue until no more fit.

    speech   |--a---b--|          |-c-|-d-|
    cues     |  a b    |          | c d    |      0.4 s of speech are shown for a whole second
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from engine.events import SourceText, TargetText
from engine.languages import written_without_spaces
from engine.text.graphemes import graphemes
from engine.text.reading import reading_ms
from engine.text.times import TextTimes

LINE_CELLS = 42
"""Width of a line, in terminal cells."""
SHORTEST_MS = 1000
LONGEST_MS = 7000
PAUSE_MS = 1000
"""A silence this long ends a cue, or the words after it would be read before they are said."""
LATE_MS = 120
"""So much later than it is said a cue may begin, so that the one before can be read: three pictures
of a film, which nobody sees."""
SMALLEST_GAP_MS = 83
"""A shorter darkness between two cues, of less than two pictures of a film, is only a flicker."""
_STEP_BACK_MS = 300
"""An utterance that begins this long before the one before it ended is shown before it."""

VTT_HEADER = "WEBVTT\n\n"

_SENTENCE_END = re.compile(r"[.!?…。！？؟۔।။។]['\"”’»)\]」』）]*$")
_CLAUSE_END = re.compile(r"[,;:、，；：،؛—–]['\"”’»)\]」』）]*$")
_SPACES = re.compile("[ \u1680\u2000-\u2006\u2008-\u200a\u205f\u3000]+")
"""Every space at which a line may break."""
_INVISIBLE_SPACES = "\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NO-BREAK SPACE}"
_UNWRITABLE = {"Cc": " ", "Zl": " ", "Zp": " ", "Cs": "\N{REPLACEMENT CHARACTER}"}
"""What stands for a character of these Unicode categories."""
_CLOSING = frozenset("。、！？，．：；…」』）】〉》”’!?,.:;)]}%")
"""What may not begin a line, in a language that may break anywhere else."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle: what stands on the screen, and when, in seconds of the recording."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    cells: int
    start_ms: int
    end_ms: int
    spaced: bool
    """Whether a space stands before it, unless a line begins with it."""


class SubtitleComposer:
    """Cues of one language, from committed text in the order it comes.

    What it holds is the open cue, so memory does not grow with the recording. Cues are in order
    and never overlap, unless the recording's clock itself steps back; each is shown for 1 to 7 s,
    and as long as it takes to be read where the next one leaves that much, or begins up to a second
    late. Where a short span holds more text than fits, later cues wait, and catch up as soon as the
    speech leaves room.
    """

    def __init__(self, language: str) -> None:
        self._language = language
        self._spaceless = written_without_spaces(language)
        self._open: list[_Piece] = []
        self._utterance: int | None = None
        self._free_from_ms = 0
        """End of the last cue that left."""
        self._said_until_ms = 0
        """End of the last piece."""

    def add(self, event: SourceText | TargetText) -> list[Cue]:
        """Take one text event of this language; returns the cues it completes, in order.

        Text that is not committed is ignored, as it may still change.
        """
        if not event.committed or not (text := _clean(event.text)):
            return []
        times = TextTimes(text, event.words, event.start_s, event.end_s)
        new_utterance = event.utterance != self._utterance
        self._utterance = event.utterance
        cues: list[Cue] = []
        for match in re.finditer("[^ ]+", text):
            begins_text = match.start() == 0
            if begins_text and not new_utterance and self._open:
                pieces = self._continued(match[0], times)
            else:
                spaced = not begins_text or (new_utterance and not self._spaceless)
                pieces = self._pieces(match[0], times, match.start(), spaced)
            for piece in pieces:
                cues += self._take(piece, starts_utterance=new_utterance)
                new_utterance = False
        return cues

    def finish(self) -> list[Cue]:
        """The recording is over: what was still open, one cue or none."""
        return [self._close(len(self._open), None)] if self._open else []

    def _pieces(self, word: str, times: TextTimes, offset: int, spaced: bool) -> list[_Piece]:
        """One word of the text, which begins at `offset` of it, in parts that fit on a line."""
        made: list[_Piece] = []
        for part in self._parts(word):
            start_ms, end_ms = times.start_ms(offset), times.end_ms(offset + len(part))
            made.append(_piece(part, start_ms, end_ms, spaced and not made))
            offset += len(part)
        return made

    def _continued(self, word: str, times: TextTimes) -> list[_Piece]:
        """A text that brings no space goes on with the word before: both are cut anew."""
        last = self._open[-1]
        whole = self._parts(last.text + word)
        if whole[0] == last.text:  # They do not grow together, or no more fits on its line.
            return self._pieces(word, times, 0, spaced=False)
        self._open.pop()
        made: list[_Piece] = []
        offset = -len(last.text)
        for part in whole:
            start_ms = last.start_ms if offset < 0 else times.start_ms(offset)
            offset += len(part)
            end_ms = times.end_ms(offset) if offset > 0 else last.end_ms
            made.append(_piece(part, start_ms, end_ms, last.spaced and not made))
        return made

    def _parts(self, word: str) -> list[str]:
        """The smallest parts of a word that may be parted; none is wider than a line."""
        units = _narrow_graphemes(word)
        if not self._spaceless:
            return [word] if cell_len(word) <= LINE_CELLS else _filled(units)
        parts: list[str] = []
        for unit in units:
            # Latin words and numbers stay whole, and no line begins with a full stop.
            joins = parts and (
                unit in _CLOSING or (unit.isascii() and unit.isalnum() and parts[-1].isascii())
            )
            if joins and cell_len(parts[-1] + unit) <= LINE_CELLS:
                parts[-1] += unit
            else:
                parts.append(unit)
        return parts

    def _take(self, piece: _Piece, starts_utterance: bool) -> list[Cue]:
        cues: list[Cue] = []
        if starts_utterance and piece.start_ms < self._said_until_ms - _STEP_BACK_MS:
            cues += self.finish()
            self._open, self._free_from_ms = [], 0
        self._said_until_ms = piece.end_ms
        if self._open:
            shown_ms = piece.start_ms - max(self._open[0].start_ms, self._free_from_ms)
            pause_ms = piece.start_ms - self._open[-1].end_ms
            # A word like "yes" is shown with what follows when nothing is left of its second.
            if pause_ms >= PAUSE_MS or (starts_utterance and shown_ms >= SHORTEST_MS):
                cues.append(self._close(len(self._open), piece))
        while self._open and not _fits([*self._open, piece]):
            cues.append(self._close(_best_end(self._open), piece))
        self._open.append(piece)
        return cues

    def _close(self, count: int, piece: _Piece | None) -> Cue:
        """The cue of the first `count` open pieces. `piece`, if there is one, comes after all."""
        shown, self._open = self._open[:count], self._open[count:]
        after = self._open[0] if self._open else piece
        start_ms = max(shown[0].start_ms, self._free_from_ms)
        end_ms = max(shown[-1].end_ms, start_ms + SHORTEST_MS)
        read_ms = start_ms + reading_ms(_text(shown), self._language)
        if after is not None:
            read_ms = min(read_ms, after.start_ms + LATE_MS)
        longest_ms = start_ms + LONGEST_MS
        end_ms = min(max(end_ms, read_ms), longest_ms)
        if after is not None and 0 < after.start_ms - end_ms < SMALLEST_GAP_MS:
            end_ms = after.start_ms
            if end_ms > longest_ms:
                end_ms -= SMALLEST_GAP_MS
        self._free_from_ms = end_ms
        return Cue(start_ms / 1000, end_ms / 1000, _lines(shown))


def _piece(text: str, start_ms: int, end_ms: int, spaced: bool) -> _Piece:
    return _Piece(text, cell_len(text), start_ms, max(start_ms, end_ms), spaced)


def _clean(text: str) -> str:
    """`text` with every line break, control character and run of spaces as one space."""
    kinds = [unicodedata.category(character) for character in text]
    if not any(kind[0] in "LMNPS" for kind in kinds):
        return ""
    plain = (
        _UNWRITABLE.get(kind, character)
        for character, kind in zip(text, kinds, strict=True)
        if character not in _INVISIBLE_SPACES
    )
    return _SPACES.sub(" ", "".join(plain))


def _narrow_graphemes(word: str) -> list[str]:
    """Its graphemes; one wider than a line, which no language has, falls into characters."""
    units = graphemes(word)
    return [part for unit in units for part in ([unit] if cell_len(unit) <= LINE_CELLS else unit)]


def _filled(units: Sequence[str]) -> list[str]:
    """A word wider than a line, cut into parts as wide as fit."""
    parts = [""]
    for unit in units:
        if parts[-1] and cell_len(parts[-1] + unit) > LINE_CELLS:
            parts.append("")
        parts[-1] += unit
    return parts


def _cells(pieces: Sequence[_Piece]) -> int:
    return sum(piece.cells + piece.spaced for piece in pieces) - pieces[0].spaced


def _text(pieces: Sequence[_Piece]) -> str:
    return "".join(" " * (piece.spaced and at > 0) + piece.text for at, piece in enumerate(pieces))


def _fits(pieces: Sequence[_Piece]) -> bool:
    """Whether one cue can hold these pieces."""
    if len(pieces) > 1 and pieces[-1].end_ms - pieces[0].start_ms > LONGEST_MS:
        return False
    return _cells(pieces) <= LINE_CELLS or _best_break(pieces) is not None


def _lines(pieces: Sequence[_Piece]) -> tuple[str, ...]:
    if _cells(pieces) <= LINE_CELLS:
        return (_text(pieces),)
    at = _best_break(pieces)
    return (_text(pieces[:at]), _text(pieces[at:]))


def _best_break(pieces: Sequence[_Piece]) -> int | None:
    """Where the second line begins so that both are about as long, better after punctuation;
    None when two lines are not enough."""
    whole = _cells(pieces)
    upper = 0
    best: tuple[int, int] | None = None
    for at in range(1, len(pieces)):
        upper += pieces[at - 1].cells + (pieces[at - 1].spaced if at > 1 else 0)
        lower = whole - upper - pieces[at].spaced
        if upper > LINE_CELLS:
            break
        if lower > LINE_CELLS:
            continue
        cost = abs(upper - lower) - _punctuation(pieces[at - 1])
        if best is None or cost < best[0]:
            best = (cost, at)
    return best[1] if best else None


def _punctuation(piece: _Piece) -> int:
    """How welcome a break after this piece is, in cells of imbalance it is worth."""
    if _SENTENCE_END.search(piece.text):
        return 20
    return 10 if _CLAUSE_END.search(piece.text) else 0


def _best_end(pieces: Sequence[_Piece]) -> int:
    """How many of the pieces of a full cue it keeps: all, or up to the last sentence or clause
    that ends in its second half and can be shown for long enough."""
    best, most = len(pieces), _punctuation(pieces[-1])
    for count in range(len(pieces) - 1, 0, -1):
        kept = pieces[:count]
        if 2 * _cells(kept) < _cells(pieces):
            break
        long_enough = kept[-1].end_ms - kept[0].start_ms >= SHORTEST_MS
        if long_enough and _punctuation(kept[-1]) > most:
            best, most = count, _punctuation(kept[-1])
    return best


def _clock(time_s: float, mark: str) -> str:
    # Equal times are written alike, so an end is never written later than the next start.
    milliseconds = round(time_s * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{mark}{milliseconds % 1000:03}"


def format_srt(index: int, cue: Cue) -> str:
    """One block of a SubRip file; `index` counts from 1. SubRip knows no escapes, so the arrow
    of its own time line is written shorter where the text holds it."""
    lines = "\n".join(re.sub("--+>", "->", line) for line in cue.lines)
    return f"{index}\n{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n{lines}\n\n"


def format_vtt(cue: Cue) -> str:
    """One block of a WebVTT file, which begins with `VTT_HEADER`."""
    lines = "\n".join(cue.lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n{lines}\n\n"

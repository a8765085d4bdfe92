"""The live panel: what it looks like, and the screen it is drawn on.

Rich styles the text. The screen is drawn here and not by `rich.live.Live`, which pads every line
with spaces by its own count of cells and rewrites all of them each time: in a terminal that counts
a Bengali vowel sign as one cell, the padding would break the screen. Here only rows that changed
are written, each at its own place.
"""

import atexit
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from itertools import islice
from typing import Self, TextIO

from rich.console import Console
from rich.segment import ControlType, Segment
from rich.style import Style

from cli.live.understood import understood_row
from cli.live.view import LISTENING, LiveView, Transcript, bare_language, language_title
from cli.terminal.cells import (
    BAD,
    BOLD,
    DIM,
    GOOD,
    PLAIN,
    WARN,
    Part,
    Row,
    Screenful,
    Symbols,
    cell_width,
    clean,
    fit,
    fit_row,
    is_right_to_left,
    loudness,
    meter,
    sparkline,
    symbols_of,
    tail_lines,
)
from cli.terminal.keys import before_stopping, in_foreground, is_terminal, size_of

FRAMES_PER_REPAINT = 8
"""Every so often all rows are written again, over what other programs wrote to the terminal."""

HEARD, TRANSLATED = Style(color="cyan", bold=True), Style(color="green", bold=True)
# Reversed, so that they stand out without colours too.
BADGE, NOTICE, ALARM = (
    Style(color=color, bold=True, reverse=True) for color in ("yellow", "yellow", "red")
)
PARTIAL = Style(dim=True, italic=True)


def render(
    view: LiveView, width: int, height: int, *, encoding: str = "utf-8", no_color: bool = False
) -> Screenful:
    """The panel on a screen of `width` cells and exactly `height` rows.

    Without colours a partial stands in brackets.
    """
    return Screenful(_Layout(view, width, symbols_of(encoding), no_color).rows(height))


class _Layout:
    """One picture of the view, of one width."""

    def __init__(self, view: LiveView, width: int, symbols: Symbols, no_color: bool) -> None:
        self._view = view
        self._width = width
        self._symbols = symbols
        self._brackets = ("[", symbols.ellipsis + "]") if no_color else ("", symbols.ellipsis)

    def rows(self, height: int) -> list[Row]:
        # The lower the screen, the fewer rows are spared for other things than text.
        alerts = self._alerts(two=height >= 18)
        if not alerts and height >= 20:
            alerts = [[]]  # kept free: text does not move when a notice comes and goes
        top = [
            *([self._title()] if height >= 3 else []),
            *([self._input()] if height >= 9 else []),
            *([self._output()] if height >= 12 else []),
        ]
        bottom = [
            *([self._rule()] if height >= 22 else []),
            *([self._understood()] if self._view.checks_output and height >= 7 else []),
            *([self._lag()] if height >= 10 else []),
            *([self._sparkline()] if height >= 18 else []),
            *([self._counters()] if height >= 14 else []),
            *(alerts if height >= 4 else []),
            *([self._keys()] if height >= 6 else []),
        ]
        text = self._text(max(0, height - len(top) - len(bottom)))
        return (top + text + bottom)[:height]

    # Text

    def _text(self, height: int) -> list[Row]:
        view = self._view
        targets = sorted(view.targets, key=lambda target: target != view.spoken)
        # With little room, the translation that is heard is the last to go.
        shown = targets[: max(1, height // 2 - 1)]
        areas: list[tuple[str | None, Transcript, bool]] = [(view.source, view.heard, False)]
        for target in sorted(shown, key=view.targets.index):
            areas.append((target, view.translated.get(target, Transcript()), True))
        headings = height >= 3 * len(areas)
        lines, extra = divmod(height - headings * len(areas), len(areas))
        rows: list[Row] = []
        for number, (code, transcript, is_target) in enumerate(areas):
            if headings:
                rows.append(self._heading(code, is_target))
            rows += self._area(transcript, lines + (number >= len(areas) - extra))
        return rows

    def _heading(self, code: str | None, is_target: bool) -> Row:
        view, note = self._view, ""
        if is_target and code == view.spoken and view.output_name:
            note = "spoken, muted" if view.muted else "spoken"
        return self._rule(language_title(code), TRANSLATED if is_target else HEARD, note)

    def _rule(self, name: str = "", style: Style = PLAIN, note: str = "") -> Row:
        rule, room = self._symbols.rule, self._width
        row: Row = []
        for text, text_style in ((name, style), (note, DIM)):
            shown = f" {fit(text, room - 4, self._symbols.ellipsis)} " if text else ""
            if shown.strip():
                row += [Segment(rule, DIM), Segment(shown, text_style)]
                room -= 1 + cell_width(shown)
        return [*row, Segment(rule * room, DIM)]

    def _area(self, transcript: Transcript, height: int) -> list[Row]:
        newest = [*islice(reversed(transcript.said), max(0, height))][::-1]
        paragraphs = [said.shown(*self._brackets) for said in newest]
        hang = 2 if self._width >= 40 else 0
        margin = 1 if self._width >= 10 else 0
        width = max(1, self._width - hang - 2 * margin)
        rows: list[Row] = []
        for line in tail_lines([text for text, _ in paragraphs], width, height):
            text, border = paragraphs[line.paragraph]
            indent = margin + (0 if line.begins else hang)
            middle = min(max(line.start, border), line.end)
            pieces = [
                Segment(text[start:end], style)
                for start, end, style in ((line.start, middle, PLAIN), (middle, line.end, PARTIAL))
                if start < end  # nothing would still cost its colour codes
            ]
            if is_right_to_left(newest[line.paragraph].language, text):
                indent = self._width - indent - cell_width(text[line.start : line.end])
            rows.append([Segment(" " * indent), *pieces])
        return [[] for _ in range(height - len(rows))] + rows

    # The rows around it

    def _title(self) -> Row:
        view = self._view
        targets, arrow = view.targets or ("?",), f" {self._symbols.arrow} "
        names, bare_names, codes = (
            naming(view.source) + arrow + ", ".join(map(naming, targets))
            for naming in (language_title, bare_language, lambda code: code or "any")
        )
        engine = clean(view.engine) + (", draft" if view.draft else "")
        left = [
            Part((("s2st live", BOLD),), rank=5),
            Part(((engine, WARN if view.draft else DIM),), rank=4),
            Part(((names, BOLD),), shorter=(((bare_names, BOLD),), ((codes, BOLD),))),
        ]
        status = Part(((view.status, GOOD),))
        if view.status != LISTENING:
            status = Part(((f" {clean(view.status)} ", BADGE),))
        right = [status, Part(((str(timedelta(seconds=int(view.elapsed_s))), BOLD),), rank=3)]
        if view.muted:
            right.insert(0, Part(((" muted ", BADGE),), shorter=((("muted", BADGE),),)))
        return self._fit(left, right)

    def _input(self) -> Row:
        view = self._view
        cells = min(40, max(10, self._width // 4))
        level_db = view.meter.level_db
        parts = [
            self._device("in ", view.input_name),
            Part(meter(level_db, cells, self._symbols), rank=2),
            Part(((f"{level_db:3.0f} dB", loudness(level_db)),)),
        ]
        if view.recording:
            style = WARN if view.recording == "all" else PLAIN
            kept = (("record ", DIM), (view.recording, style))
            parts.append(Part(kept, rank=1, shorter=((("rec ", DIM), kept[1]),)))
        return self._fit(parts)

    def _output(self) -> Row:
        view = self._view
        if not view.output_name:
            return self._fit([Part((("out ", DIM), ("none, text only", PLAIN)))])
        volume = ("muted", WARN) if view.muted else (f"{view.volume_percent} %", PLAIN)
        parts = [
            self._device("out", view.output_name),
            Part((("volume ", DIM), volume), rank=2),
            Part((("queued ", DIM), (f"{view.queued_ms / 1000:.1f} s", PLAIN)), rank=3),
        ]
        if view.speed > 1.0:
            parts.append(Part((("speed ", DIM), (f"{view.speed:.2f}", PLAIN)), rank=5))
        if view.echo:
            holding = ((", holding", WARN),) if view.echo_holding else ()
            parts.append(Part((("echo ", DIM), (clean(view.echo), PLAIN), *holding), rank=4))
        return self._fit(parts)

    def _device(self, label: str, name: str) -> Part:
        named = [
            ((label + " ", DIM), (fit(clean(name), cells, self._symbols.ellipsis), BOLD))
            for cells in (max(14, self._width // 3), 20, 14)
        ]
        return Part(named[0], shorter=tuple(named[1:]))

    def _understood(self) -> Row:
        heard = self._view.understood
        return understood_row(heard, self._width, self._symbols, self._brackets, PARTIAL)

    def _lag(self) -> Row:
        view, lag = self._view, self._view.meter.lag
        if lag is None:
            return self._fit(
                [Part((("lag: nothing spoken yet" if view.spoken else "text only", DIM),))]
            )
        total_s = lag.start_s
        late = view.max_lag_s is not None and total_s > view.max_lag_s
        named = {"wait": lag.waiting_s, "compute": lag.computing_s}
        named |= {"queue": lag.queue_s, "play": lag.playback_s}
        parts = [Part((("lag ", DIM), (f"{total_s:.1f} s", BAD if late else BOLD)))]
        pieces: list[tuple[str, Style]] = []
        for name, value_s in named.items():
            pieces += [(f"{' +' if pieces else '='} {name} ", DIM), (f"{value_s:.1f}", PLAIN)]
        parts.append(Part(tuple(pieces), rank=1))
        if view.meter.start_lag_median_s is not None:
            median = (f"{view.meter.start_lag_median_s:.1f} s", PLAIN)
            parts.append(Part((("median ", DIM), median), rank=2))
        return self._fit(parts)

    def _sparkline(self) -> Row:
        view = self._view
        history = [*view.lag_history][-max(1, self._width - 20) :]
        top_s = max([view.max_lag_s or 1.0, *(lag_s for lag_s in history if lag_s is not None)])
        line = sparkline(history, top_s, view.max_lag_s, self._symbols)
        return self._fit(
            [Part(((f"{len(history):2d} s ", DIM), *line))],
            [Part(((f"0 to {top_s:.0f} s", DIM),), rank=1)],
        )

    def _counters(self) -> Row:
        view, tally, lag = self._view, self._view.meter.tally, self._view.meter.lag
        parts = []
        if lag is not None:
            parts.append(Part((("end lag ", DIM), (f"{lag.end_s:.1f} s", PLAIN)), rank=1))
        if view.max_lag_s is not None and view.spoken:
            parts.append(Part((("max lag ", DIM), (f"{view.max_lag_s:.0f} s", PLAIN)), rank=2))
        counted = (
            ("speech dropped", "dropped", tally.dropped_clauses, tally.dropped_s, WARN),
            ("sound lost", "lost", tally.lost_count, tally.lost_s, BAD),
        )
        for label, short, count, seconds, style in counted:
            told = (f" {count} ({seconds:.1f} s)", style) if count else (" 0", PLAIN)
            parts.append(Part(((label, DIM), told), shorter=(((short, DIM), told),)))
        if view.marks:
            parts.append(Part((("marks ", DIM), (str(view.marks), PLAIN)), rank=3))
        return self._fit(parts)

    def _alerts(self, two: bool) -> list[Row]:
        view = self._view
        alerts = [(clean(view.notice), NOTICE)] if view.notice else []
        if view.meter.is_slow:
            slow = f"Engine {view.meter.slowness:.1f} times slower than real time: the lag grows"
            alerts.insert(0, (slow, ALARM))
        if len(alerts) > 1 and not two:
            alerts = [(self._symbols.separator.join(text for text, _ in alerts), ALARM)]
        rows = []
        for text, style in alerts:
            shown = fit(f" ! {text}", self._width, self._symbols.ellipsis)
            rows.append([Segment(shown + " " * (self._width - cell_width(shown)), style)])
        return rows

    def _keys(self) -> Row:
        view = self._view
        keys = [("Ctrl-C", "quit", 0)]
        if view.keys_work:
            keys = [("space", view.space_does, 0)]
            if view.push_to_talk:
                keys.append(("p", view.p_does, 1))
            if view.output_name:
                keys.append(("m", "unmute" if view.muted else "mute", 1))
            if view.can_swap:
                keys.append(("s", "swap", 2))
            if view.output_name:
                keys.append((self._symbols.volume_keys, "volume", 3))
            keys += [("t", "mark", 4), ("q", "quit", 0)]
        return self._fit([Part(((key, BOLD), (f" {does}", DIM)), rank) for key, does, rank in keys])

    def _fit(self, left: Sequence[Part], right: Sequence[Part] = ()) -> Row:
        return fit_row(left, right, self._width, self._symbols.ellipsis)


_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
"""The alternate screen, no cursor, and lines that end at the edge instead of running on."""
_AS_IT_IS = [(ControlType.HOME,)]
"""Rich writes a segment that says it holds control codes as it is."""
_LEAVE = "\x1b[0m\x1b[2J\x1b[H\x1b[?7h\x1b[?25h\x1b[?1049l"


class Panel:
    """The live panel in a terminal, on its alternate screen: what was there before comes back.
    The main thread calls `draw` 4 to 8 times a second. Afterwards, and while Ctrl-Z has stopped
    the program, the terminal is as it was.
    """

    def __init__(self, view: LiveView, stream: TextIO | None = None) -> None:
        """`stream`: the terminal; None takes stdout or else stderr, whichever is one."""
        if stream is None:
            stream = next((each for each in (sys.stdout, sys.stderr) if is_terminal(each)), None)
        self._view = view
        self._stream = stream
        self._console = Console(
            file=stream or sys.stderr, force_terminal=True, legacy_windows=False
        )
        self._encoding = (stream and stream.encoding) or "utf-8"
        self._no_color = self._console.no_color or self._console.color_system is None
        self._entered = self._visible = False
        self._shown: list[Row] = []
        self._size = (0, 0)
        self._frames = self._stops = 0
        self._exits = ExitStack()

    @property
    def available(self) -> bool:
        """Whether there is a terminal that can move its cursor."""
        return is_terminal(self._stream) and not self._console.is_dumb_terminal

    def __enter__(self) -> Self:
        if self.available and self._stream is not None:
            self._stream.flush()
            with ExitStack() as exits:
                # Once more at the very end, in case a second Ctrl-C comes while we leave.
                atexit.register(self._leave)
                exits.callback(self._leave)
                exits.enter_context(before_stopping(self._leave))
                self._entered = True
                self.draw()
                self._exits = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._entered = False
        self._exits.close()
        atexit.unregister(self._leave)

    def draw(self) -> None:
        """Show the view as it is now; nothing while the program is in the background."""
        if not self._entered or self._stream is None or not in_foreground(self._stream.fileno()):
            return
        size, stops = size_of(self._stream), self._stops
        cleared = "\x1b[2J" if size != self._size else ""
        before = cleared if self._visible else _ENTER
        if before or self._frames % FRAMES_PER_REPAINT == 0:
            self._shown = []
        rows = render(self._view, *size, encoding=self._encoding, no_color=self._no_color).rows
        text = before + self._changes(rows)
        if self._stops != stops:  # Ctrl-Z came, and this was made for the screen before it
            return
        self._visible, self._size, self._shown = True, size, rows
        self._frames += 1
        self._write(text)

    def _changes(self, rows: list[Row]) -> str:
        """What turns the rows that are shown into the new ones."""
        with self._console.capture() as written:
            for number, row in enumerate(rows):
                if number < len(self._shown) and self._shown[number] == row:
                    continue
                # Cleared first: afterwards the last character of a full row would go with it.
                place = Segment(f"\x1b[{number + 1};1H\x1b[0m\x1b[K", None, _AS_IT_IS)
                self._console.print(Screenful([[place, *row]]), end="", crop=False)
        return written.get()

    def _leave(self) -> None:
        # Straight to the terminal: Ctrl-Z may come in the middle of anything.
        self._stops += 1
        if self._visible:
            self._write(_LEAVE)
            self._visible = False

    def _write(self, text: str) -> None:
        assert self._stream is not None
        data = text.encode(self._encoding, "replace")
        try:
            while data:
                data = data[os.write(self._stream.fileno(), data) :]
        except OSError:  # it may be gone; a signal says so to the program
            self._shown = []

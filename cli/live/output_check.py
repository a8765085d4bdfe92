"""`--check-output`: what a recogniser understands of our own speech, while it is spoken."""

from collections.abc import Callable
from dataclasses import replace

from rich.segment import Segment
from rich.style import Style

from audio_io.clock import Clock, WallClock
from audio_io.errors import S2stError, UsageError
from cli.live.plan import LivePlan
from cli.terminal.cells import DIM, PLAIN, Row, Symbols, cell_width, clean
from cli.terminal.verbosity import is_verbose
from engine.events import OutputHeard, Stamped, TargetAudio, UtteranceEnded
from engine.text.graphemes import graphemes
from engine.text.writers import one_line
from engine.whisper.output_asr import OutputAsr, OutputAsrConfig

COMPUTE_TYPE = "int8"
"""Half to a third of the work of float32 on a CPU. Live, being in time matters more."""
NO_WORDS = "no words"


def start_check(plan: LivePlan) -> "OutputCheck | None":
    """The check of a session, loading, if one was asked for.

    Raises:
        UsageError: nothing is spoken.
    """
    model = plan.options.check_output
    if model is None:
        return None
    if plan.spoken is None:
        raise UsageError(
            "--check-output listens to the translated speech, and there is only text.",
            hint="Leave it out (and S2ST_CHECK_OUTPUT), or let a target be spoken.",
        )
    config = OutputAsrConfig(model, plan.spoken, compute_type=COMPUTE_TYPE, background=True)
    return OutputCheck(OutputAsr(config, verbose=is_verbose()), plan.spoken)


class OutputCheck:
    """Hands what a session speaks to a recogniser, and makes events of what that understands.

    `hear` is for the session's thread; everything else for the main one.
    """

    def __init__(self, asr: OutputAsr, speaks: str, *, clock: Clock | None = None) -> None:
        self.speaks: str | None = speaks
        """The language that is spoken now."""
        self._asr = asr
        self._clock = clock or WallClock()
        self._newest: Stamped | None = None
        """Of the session's events; it tells where its time stands on the clock."""

    def wait_until_loaded(self) -> str:
        """What it listens with. Raises why it cannot."""
        return self._asr.wait_until_loaded()

    def hear(self, stamped: Stamped) -> None:
        """A listener of a session. Never waits."""
        self._newest = stamped
        event = stamped.event
        if isinstance(event, TargetAudio) and event.language == self.speaks:
            self._asr.hear(event)
        elif isinstance(event, UtteranceEnded):
            self._asr.end_utterance(event.utterance)

    def tell(self, heard: Callable[[Stamped], None], failed: Callable[[str], None]) -> None:
        """Pass on what was understood since; `failed` is told, once, why it is over."""
        try:
            news = self._asr.news()
        except S2stError as error:
            failed(f"{error} The session goes on unchecked.")
            return
        for event in news:
            if self._newest is not None:  # nothing is understood before something was said
                at_s = self._clock.now_s()
                heard(replace(self._newest, event=event, emitted_at_s=at_s))

    def finish(self, patience_s: float) -> bool:
        """Wait for what is not understood yet, but no longer; whether nothing is left."""
        return self._asr.finish(patience_s)

    def close(self) -> None:
        """Afterwards `unchecked_s` is certain. May be called twice."""
        self._asr.close()

    @property
    def unchecked_s(self) -> float:
        """Speech that was not checked."""
        return self._asr.unchecked_ms / 1000


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

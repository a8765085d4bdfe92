"""What people and programs see of a live session: the panel, plain lines, or JSON lines."""

import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Protocol

from audio_io.device_stream import DeviceNotice
from audio_io.devices import Direction
from cli.live.ends import LiveEnds
from cli.live.panel import Panel
from cli.live.plan import LivePlan
from cli.live.understood import understood_line
from cli.live.view import LISTENING, PAUSED, TALKING, WAITING, LiveView
from cli.options.wording import worded
from cli.terminal.keys import Key, Keys
from cli.terminal.lines import ResultLines
from engine.events import AudioLost, OutputHeard, SourceText, SpeechDropped, Stamped, TargetText
from engine.live.conversation import Conversation
from engine.live.happenings import (
    EngineSlow,
    Happened,
    HappeningQueue,
    Mark,
    Switched,
    mark_record,
    switched_record,
)
from engine.metrics.meter import Meter
from engine.text.records import as_line, event_record, timed
from engine.text.writers import one_line

DRAW_EVERY_S = 0.25
LOUDER_PERCENT = 10
NOTICE_S = 15.0
"""How long a notice stands on the panel."""


class LiveOutput(Protocol):
    """Belongs to the main thread."""

    def show(self, items: Sequence[Happened], lost: int) -> None:
        """What happened since; `lost` happenings before that were not kept."""

    def refresh(self) -> None:
        """Called some twenty times a second."""

    def close(self) -> None:
        """Give the terminal back. May be called twice."""


class PanelOutput:
    """The live panel, and the keys."""

    def __init__(
        self,
        plan: LivePlan,
        conversation: Conversation,
        ends: LiveEnds,
        act: Callable[[Key], None],
        stack: ExitStack,
        *,
        keeps: bool | None = None,
    ) -> None:
        """`keeps`: whether a recording keeps all that is said, or what is heard; None is none."""
        self._conversation = conversation
        self._ends = ends
        self._act = act
        self._view = LiveView(
            plan.spec.name,
            plan.request.source,
            plan.request.targets,
            meter=conversation.meter,
            spoken=plan.spoken,
            draft=plan.spec.draft,
            input_name=ends.input_name,
            output_name=ends.output_name,
            echo=ends.echo,
            max_lag_s=plan.options.max_lag_s,
            checks_output=conversation.check is not None,
            can_swap=conversation.swapped is not None,
            push_to_talk=conversation.push_to_talk,
            keeps=keeps,
        )
        self._started_s = time.monotonic()
        self._drawn_s = 0.0
        self._noticed_s = 0.0
        self._ticks = 0
        self._shown_lags = 0
        self._lost_input = False
        self._keys = Keys()
        self._panel = Panel(self._view)
        self._exits = ExitStack()
        with ExitStack() as exits:
            exits.enter_context(self._keys)
            self._view.keys_work = self._keys.available
            exits.enter_context(self._panel)
            self._exits = exits.pop_all()
        stack.callback(self.close)

    def show(self, items: Sequence[Happened], lost: int) -> None:
        for item in (happened.what for happened in items):
            if isinstance(item, Stamped):
                self._view.hear(item)
                if isinstance(item.event, SpeechDropped | AudioLost):
                    self._note(told(item.event))
            elif isinstance(item, DeviceNotice):
                self._note(item.text)
                self._note_device(item)
            elif isinstance(item, Mark):
                self._view.marks = item.number
            elif isinstance(item, str):
                self._note(item)
        if lost:
            self._note(f"{lost} events were not shown: this terminal is too slow")

    def refresh(self) -> None:
        for key in self._keys.read():
            self._act(key)
        now_s = time.monotonic()
        if now_s - self._drawn_s < DRAW_EVERY_S:
            return
        self._drawn_s = now_s
        self._fill(now_s)
        self._panel.draw()

    def close(self) -> None:
        self._exits.close()

    def _note(self, text: str) -> None:
        self._view.notice = worded(text)
        self._noticed_s = time.monotonic()

    def _note_device(self, notice: DeviceNotice) -> None:
        if notice.direction is not Direction.INPUT:
            return
        if notice.kind == "lost":
            self._lost_input = True
        elif notice.kind == "back":
            self._lost_input = False
        microphone = self._ends.microphone
        if microphone is not None:
            self._view.input_name = microphone.device.name

    def _fill(self, now_s: float) -> None:
        view, conversation, ends = self._view, self._conversation, self._ends
        view.elapsed_s = now_s - self._started_s
        view.source, view.targets = conversation.request.source, conversation.request.targets
        view.spoken = conversation.meter.speaks
        view.status = self._status()
        view.muted, view.volume_percent = conversation.muted, conversation.volume_percent
        view.echo_holding = ends.guard is not None and ends.guard.holding
        if ends.voice is not None:
            view.queued_ms, view.speed = ends.voice.queued_ms, ends.voice.speed
        if now_s - self._noticed_s > NOTICE_S:
            view.notice = ""
        seconds = int(view.elapsed_s)
        if seconds > self._ticks:
            lags = conversation.meter.tally.start_lags_s
            spoke = len(lags) > self._shown_lags
            view.lag_history.append(lags[-1] if spoke else None)
            self._ticks, self._shown_lags = seconds, len(lags)

    def _status(self) -> str:
        if self._conversation.paused:
            return PAUSED
        if self._lost_input:
            return "input lost"
        if not self._view.push_to_talk:
            return LISTENING
        return TALKING if self._conversation.talking else WAITING


class PlainOutput:
    """Committed lines: the translation on standard output, all else on standard error."""

    def __init__(self, conversation: Conversation, lines: ResultLines, *, quiet: bool) -> None:
        self._conversation = conversation
        self._lines = lines
        self._quiet = quiet
        self._several = len(conversation.request.targets) > 1
        self._slow = False

    def show(self, items: Sequence[Happened], lost: int) -> None:
        for item in (happened.what for happened in items):
            if isinstance(item, Stamped):
                self._show_event(item)
            elif isinstance(item, DeviceNotice):
                say(item.text)
            elif isinstance(item, Mark):
                self._remark(f"mark {item.number} at {item.at_s:.1f} s")
            elif isinstance(item, str):
                say(item)
        if lost:
            say(f"{lost} events were not shown: whoever reads them is too slow")

    def refresh(self) -> None:
        meter = self._conversation.meter
        if meter.is_slow and not self._slow:
            say(f"the engine is {meter.slowness:.2f} times slower than real time")
        self._slow = meter.is_slow

    def close(self) -> None:
        pass

    def _show_event(self, stamped: Stamped) -> None:
        event = stamped.event
        if isinstance(event, TargetText) and event.committed:
            text = one_line(event.text)
            self._lines.put(f"{event.language}\t{text}" if self._several else text)
        elif isinstance(event, SourceText) and event.committed:
            if self._conversation.request.targets == (event.language,):
                self._lines.put(one_line(event.text))
            else:
                self._remark(f"{event.language}  {one_line(event.text)}")
        elif isinstance(event, OutputHeard) and event.final:
            self._remark(understood_line(event))
        elif isinstance(event, SpeechDropped | AudioLost):
            say(told(event))

    def _remark(self, text: str) -> None:
        if not self._quiet:
            say(text)


class JsonOutput:
    """One record a line on standard output, each with its time, which never goes back."""

    def __init__(self, meter: Meter, lines: ResultLines, queue: HappeningQueue) -> None:
        self._meter = meter
        self._lines = lines
        self._queue = queue
        self._slow = False

    def show(self, items: Sequence[Happened], lost: int) -> None:
        if lost:
            at_s = items[0].at_s if items else self._queue.last_s()
            self._put({"type": "events_lost", "count": lost}, at_s)
        for item in items:
            self._put(_record(item), item.at_s)

    def refresh(self) -> None:
        slowness = self._meter.slowness
        if self._meter.is_slow and not self._slow and slowness is not None:
            self._queue.put(EngineSlow(slowness))
        self._slow = self._meter.is_slow

    def close(self) -> None:
        pass

    def _put(self, record: dict[str, object], at_s: float) -> None:
        self._lines.put(as_line(timed(record, at_s)))


def _record(happened: Happened) -> dict[str, object]:
    item = happened.what
    if isinstance(item, Stamped):
        return event_record(item.event)
    if isinstance(item, DeviceNotice):
        return device_record(item)
    if isinstance(item, Mark):
        return mark_record(item)
    if isinstance(item, Switched):
        return switched_record(item)
    if isinstance(item, EngineSlow):
        return {"type": "engine_slow", "factor": round(item.factor, 3)}
    return {"type": "notice", "text": worded(item)}


def device_record(notice: DeviceNotice) -> dict[str, object]:
    return {
        "type": "device",
        "event": notice.kind,
        "device": notice.direction.value,
        "text": worded(notice.text),
    }


def told(event: SpeechDropped | AudioLost) -> str:
    """A loss in words."""
    if isinstance(event, SpeechDropped):
        return f"not spoken ({event.language}, {event.start_s:.1f} s): {event.reason}"
    return f"{event.end_s - event.start_s:.1f} s of sound not heard: {event.reason}"


def say(line: str) -> None:
    """Something worth knowing that is no result."""
    if sys.stderr is None:  # closed before we started
        return
    with contextlib.suppress(OSError):  # whoever read it has gone
        print(worded(line), file=sys.stderr, flush=True)

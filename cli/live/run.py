"""Runs `s2st live` once its options are known; gives the exit code."""

import functools
import math
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from types import FrameType

from audio_io.device_stream import DeviceNotice
from audio_io.errors import OutputError, UsageError
from audio_io.portaudio import quiet_libraries
from cli.live.command import LiveOptions
from cli.live.ends import Ends, find_devices, join_ends
from cli.live.output import (
    LOUDER_PERCENT,
    JsonOutput,
    LiveOutput,
    PanelOutput,
    PlainOutput,
    device_record,
    say,
)
from cli.live.output_check import start_check
from cli.live.plan import LivePlan, as_text_only, plan_live
from cli.live.record import Recorder
from cli.live.session import HappeningQueue, LiveSession
from cli.terminal.keys import Key, is_terminal
from cli.terminal.lines import ResultLines
from cli.terminal.verbosity import is_verbose
from engine.errors import EngineError
from engine.events import Stamped
from engine.metrics.meter import Percentiles
from engine.registry import engines
from engine.streams.process_stepper import ProcessStepper
from engine.text.records import as_line

OK, FAILED = 0, 1
TICK_S = 0.05
FINISH_S = 30.0
"""How long a session may take to finish what was said, before the rest is dropped."""
GRACE_S = 5.0
"""How long its threads may take to end after that."""
CHECK_S = 5.0
"""How long the end waits until what was spoken last is understood, where that is checked."""
KEPT_NOTICES = 100


def run_live(options: LiveOptions) -> int:
    """Exit code 0 when the session ended as asked, 1 when something failed, 128 and its number
    when a signal other than Ctrl-C ended it."""
    plan = plan_live(options)
    if options.push_to_talk and not _has_panel(options):
        raise UsageError(
            "--push-to-talk takes the space bar of a terminal, and there is none here.",
            hint="Leave it out, or run in a terminal without --plain and --json.",
        )
    devices = find_devices(plan)
    signals = Signals()
    if plan.spoken is not None and devices.output is None:
        plan = as_text_only(plan)
        say("This machine has no speaker: there is only text.")
    with ExitStack() as stack:
        stepper = ProcessStepper(
            functools.partial(plan.spec.load, plan.load_options), verbose=is_verbose()
        )
        stack.callback(stepper.end)
        check = start_check(plan)
        if check is not None:
            stack.callback(check.close)
        queue = HappeningQueue()
        if not options.quiet:
            for note in plan.notes:
                say(note)
        if plan.spec.notice:
            say(f"s2st: {plan.spec.notice}")
        stepper.wait_until_loaded()
        check_speed(plan, stepper.measure(plan.request), say)
        if check is not None:
            if not options.quiet:
                say(f"output check: loading '{options.check_output}'")
            listens = check.wait_until_loaded()
            if not options.quiet:
                say(f"output check: {listens}")
        recorder = None
        if options.record is not None:
            recorder = Recorder(options.record, plan.languages, queue.put)
            stack.callback(recorder.close)
        notices: deque[DeviceNotice] = deque(maxlen=KEPT_NOTICES)

        def tell(notice: DeviceNotice) -> None:
            notices.append(notice)
            queue.put(notice)
            if recorder is not None:
                recorder.note(device_record(notice))

        if not is_verbose():
            stack.enter_context(quiet_libraries())
        ends = join_ends(plan, devices, tell, recorder, stack)
        session = LiveSession(plan, ends, stepper, queue, recorder, check)
        return _Run(session, stepper, queue, recorder, notices, signals, stack).run()


def check_speed(plan: LivePlan, needed: float | None, tell: Callable[[str], None]) -> None:
    """Says how fast the engine is here. Raises an `EngineError` for one that cannot keep up, unless
    that was said to be all right."""
    if needed is None:
        return
    speed = f"{needed:.1f} s of computing for each second of sound, on this machine"
    if needed <= 1.0:
        if not plan.options.quiet:
            tell(f"engine: {speed}")
        return
    if plan.options.slow_ok:
        tell(f"s2st: the engine '{plan.spec.name}' cannot keep up: {speed}")
        return
    others = [
        spec.name
        for spec in engines()
        if spec.name != plan.spec.name
        and not spec.uncovered(plan.request)
        and not spec.missing(plan.request, plan.load_options)
    ]
    instead = f"--engine {others[0]} keeps up; " if others else ""
    raise EngineError(
        f"The engine '{plan.spec.name}' cannot keep up: {speed}.",
        hint=f"{instead}`s2st file` takes its time; --slow-ok goes on anyway, and skips.",
    )


def _has_panel(options: LiveOptions) -> bool:
    """Whether there is a terminal to draw on, and to take keys from."""
    plain = options.json or options.plain or os.environ.get("TERM") == "dumb"
    return not plain and is_terminal(sys.stdout)


class Signals:
    """What ends the program from outside. Before the session has begun, at once; then it is only
    noted here, since a handler may interrupt whoever holds a lock."""

    def __init__(self) -> None:
        self.count = 0
        self.number = 0
        """The first that came."""
        self.only_noted = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup has SIGHUP ignored
                signal.signal(number, self._note)

    def _note(self, number: int, _: FrameType | None) -> None:
        if not self.only_noted:
            raise SystemExit(128 + number)
        self.count += 1
        self.number = self.number or number


class _Run:
    """The main thread's part of one session."""

    def __init__(
        self,
        session: LiveSession,
        stepper: ProcessStepper,
        queue: HappeningQueue,
        recorder: Recorder | None,
        notices: deque[DeviceNotice],
        signals: Signals,
        stack: ExitStack,
    ) -> None:
        self._session = session
        self._plan = session.plan
        self._options = session.plan.options
        self._stepper = stepper
        self._queue = queue
        self._recorder = recorder
        self._notices = notices
        self._signals = signals
        self._stack = stack
        self._lines = ResultLines()
        self._obeyed = 0
        """Signals that were acted on."""
        self._ending_s: float | None = None
        self._forced = False
        """Whether the engine was stopped in the middle of its work."""

    def run(self) -> int:
        output = self._output()
        self._signals.only_noted = True
        started_s = time.monotonic()
        self._session.start()
        hangs = False
        while not self._session.over.wait(TICK_S):
            self._tell_understood()
            output.show(*self._queue.drain())
            output.refresh()
            self._obey(time.monotonic() - started_s)
            hangs = self._hangs()
            if hangs:
                break
        self._finish_check(output, hangs)
        output.show(*self._queue.drain())
        output.close()
        if self._recorder is not None:
            self._recorder.close()
        self._sum_up(time.monotonic() - started_s)
        self._lines.finish()
        code = self._code()
        if hangs:
            # A thread waits for a device that does not answer any more, and would for ever.
            say("s2st: the sound system does not answer any more; leaving all the same.")
            self._stepper.kill()
            os._exit(code or FAILED)
        return code

    def _tell_understood(self) -> None:
        check = self._session.check
        if check is not None:
            check.tell(self._hear, self._queue.put)

    def _hear(self, stamped: Stamped) -> None:
        """An event that does not come from the session."""
        self._queue.put(stamped)
        if self._recorder is not None:
            self._recorder.hear(stamped)

    def _finish_check(self, output: LiveOutput, hangs: bool) -> None:
        """What was spoken last is understood a little later. Whoever is in a hurry waits not."""
        check = self._session.check
        if check is None:
            return
        hurry = hangs or self._forced or self._options.on_quit == "drop"
        end_s, count = time.monotonic() + (0 if hurry else CHECK_S), self._signals.count
        while time.monotonic() < end_s and self._signals.count == count:
            finished = check.finish(TICK_S)
            self._tell_understood()
            output.show(*self._queue.drain())
            output.refresh()
            if finished:
                break
        check.close()
        self._tell_understood()

    def _code(self) -> int:
        error = self._session.error
        self._session.error = None
        if error is not None and not self._forced:
            if not is_verbose():
                # Its frames would keep alive what must be gone before the interpreter ends.
                error.__traceback__ = error.__context__ = error.__cause__ = None
            raise error
        if self._lines.error is not None and not self._lines.reader_has_gone:
            raise OutputError(
                f"Standard output cannot be written ({self._lines.error.strerror}).",
                hint="Send it somewhere else.",
            )
        if self._lines.lost:
            say(f"s2st: {self._lines.lost} lines were not read from standard output in time.")
        stopped = any(notice.kind == "stopped" for notice in self._notices)
        spoiled = self._recorder is not None and self._recorder.error is not None
        if self._signals.number not in (0, signal.SIGINT):
            return 128 + self._signals.number
        return FAILED if stopped or spoiled or self._forced or self._lines.lost else OK

    def _obey(self, elapsed_s: float) -> None:
        """Act on signals, on the clock, and on what cannot go on."""
        count = self._signals.count
        if count > self._obeyed:
            gently = self._signals.number == signal.SIGINT and count == 1
            self._obeyed = count
            self._end(drop=not gently or self._options.on_quit == "drop")
            if count > 1:
                self._stop_engine()
        duration_s = self._options.duration_s
        if duration_s is not None and elapsed_s >= duration_s and self._ending_s is None:
            self._end(drop=self._options.on_quit == "drop")
        if self._ending_s is None and (
            self._lines.error is not None or any(n.kind == "stopped" for n in self._notices)
        ):
            self._end(drop=True)
        if self._ending_s is not None and time.monotonic() - self._ending_s > FINISH_S:
            self._stop_engine()

    def _end(self, *, drop: bool) -> None:
        voice = self._session.ends.voice
        if self._ending_s is None:
            self._ending_s = time.monotonic()
            if not drop and voice is not None and voice.queued_ms:
                self._queue.put("ending; once more drops what is not spoken yet")
        else:
            drop = True
        self._session.end(drop=drop)

    def _stop_engine(self) -> None:
        if not self._forced:
            self._forced = True
            self._ending_s = min(self._ending_s or math.inf, time.monotonic() - FINISH_S)
            self._session.end(drop=True)
            self._stepper.kill()

    def _hangs(self) -> bool:
        """Whether the session does not end although nothing keeps it."""
        return self._ending_s is not None and time.monotonic() - self._ending_s > FINISH_S + GRACE_S

    def _output(self) -> LiveOutput:
        options = self._options
        if options.json:
            return JsonOutput(self._session, self._lines)
        if _has_panel(options):
            return PanelOutput(self._session, self._act, self._stack)
        return PlainOutput(self._session, self._lines, quiet=options.quiet)

    def _act(self, key: Key) -> None:
        session = self._session
        match key:
            case Key.TALK:
                session.toggle_talk()
            case Key.PAUSE:
                session.toggle_pause()
            case Key.MUTE:
                session.toggle_mute()
            case Key.LOUDER:
                session.louder(LOUDER_PERCENT)
            case Key.QUIETER:
                session.louder(-LOUDER_PERCENT)
            case Key.MARK:
                session.mark()
            case Key.SWAP:
                if not session.swap():
                    self._queue.put(f"{self._plan.spec.name} cannot exchange these languages")
            case Key.QUIT:
                self._end(drop=self._options.on_quit == "drop")

    def _sum_up(self, elapsed_s: float) -> None:
        session, tally = self._session, self._session.meter.tally
        ends: Ends = session.ends
        if self._options.json:
            self._lines.put(as_line(self._summary_record(elapsed_s)))
            return
        if not self._options.quiet:
            heard = f"{session.heard_s:.0f} s heard in {elapsed_s:.0f} s"
            written = ", ".join(f"{n} {code}" for code, n in tally.target_words.items())
            say(f"{heard}; words: {tally.source_words} heard, written: {written or 'none'}")
            if ends.voice is not None and tally.start_lag is not None:
                say(f"start lag {tally.start_lag}; end lag {tally.end_lag}")
            elif ends.voice is not None:
                say("lag: not measured, nothing was spoken")
        losses = []
        if tally.dropped_clauses:
            losses.append(f"{tally.dropped_clauses} clauses ({tally.dropped_s:.1f} s) not spoken")
        if tally.lost_count:
            losses.append(f"{tally.lost_s:.1f} s of sound not heard, in {tally.lost_count} pieces")
        if ends.speaker is not None and ends.speaker.underflows:
            losses.append(f"the speaker ran dry {ends.speaker.underflows} times")
        if unchecked_s := self._unchecked_s():
            losses.append(f"{unchecked_s:.1f} s of speech not checked")
        if losses or not self._options.quiet:
            say("; ".join(losses) if losses else "nothing was lost")
        for notice in self._notices:
            say(f"device: {notice.text}")
        if self._recorder is not None and not self._options.quiet:
            until = ", up to the error" if self._recorder.error is not None else ""
            say(f"recorded in {self._recorder.folder}{until}")

    def _summary_record(self, elapsed_s: float) -> dict[str, object]:
        session, tally = self._session, self._session.meter.tally
        return {
            "type": "summary",
            "elapsed_s": round(elapsed_s, 3),
            "heard_s": round(session.heard_s, 3),
            "source_words": tally.source_words,
            "target_words": tally.target_words,
            "start_lag": _record(tally.start_lag),
            "end_lag": _record(tally.end_lag),
            "dropped_clauses": tally.dropped_clauses,
            "lost_s": round(tally.lost_s, 3),
            "unchecked_s": self._unchecked_s(),
            "device_events": len(self._notices),
        }

    def _unchecked_s(self) -> float | None:
        """Speech that was not checked; None where none is."""
        check = self._session.check
        return None if check is None else round(check.unchecked_s, 3)


def _record(lag: Percentiles | None) -> dict[str, float] | None:
    return None if lag is None else asdict(lag)

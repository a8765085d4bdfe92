"""Runs `s2st live` once its options are known; gives the exit code."""

import functools
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from types import FrameType

from audio_io.device_stream import DeviceNotice
from cli.keys import Key, is_terminal
from cli.live_ends import Ends, find_devices, join_ends
from cli.live_output import (
    LOUDER_PERCENT,
    JsonOutput,
    LiveOutput,
    PanelOutput,
    PlainOutput,
    device_record,
    out,
    say,
)
from cli.live_plan import LiveOptions, LivePlan, plan_live, without_speech
from cli.live_record import Recorder
from cli.live_session import HappeningQueue, LiveSession
from cli.records import as_line
from engine.metrics.meter import Percentiles
from engine.process_stepper import ProcessStepper

OK, FAILED, INTERRUPTED = 0, 1, 130
TICK_S = 0.05
FINISH_S = 30.0
"""How long a session may take to finish what was said, before the rest is dropped."""


def run_live(options: LiveOptions) -> int:
    """Exit code 0 when the session ended as asked, 1 when something of it was lost on the way."""
    plan = plan_live(options)
    devices = find_devices(plan)
    if plan.spoken is not None and devices.output is None:
        plan = without_speech(plan)
        say("This machine has no speaker: there is only text.")
    with ExitStack() as stack:
        stepper = ProcessStepper(
            functools.partial(plan.spec.load, plan.load_options), verbose=options.verbose
        )
        stack.callback(stepper.end)
        queue = HappeningQueue()
        recorder = None
        if options.record is not None:
            recorder = Recorder(options.record, plan.languages, queue.put)
            stack.callback(recorder.close)
        notices: list[DeviceNotice] = []

        def tell(notice: DeviceNotice) -> None:
            notices.append(notice)
            queue.put(notice)
            if recorder is not None:
                recorder.note(device_record(notice))

        if not options.quiet:
            for note in plan.notes:
                say(note)
        if plan.spec.notice:
            say(f"s2st: {plan.spec.notice}")
        stepper.wait_until_loaded()
        ends = join_ends(plan, devices, tell, recorder, stack)
        session = LiveSession(plan, ends, stepper, queue, recorder)
        return _Run(plan, session, queue, recorder, notices, stack).run()


class _Run:
    """The main thread's part of one session."""

    def __init__(
        self,
        plan: LivePlan,
        session: LiveSession,
        queue: HappeningQueue,
        recorder: Recorder | None,
        notices: list[DeviceNotice],
        stack: ExitStack,
    ) -> None:
        self._plan = plan
        self._options = plan.options
        self._session = session
        self._queue = queue
        self._recorder = recorder
        self._notices = notices
        self._stack = stack
        self._interrupts = 0
        self._ending_s: float | None = None

    def run(self) -> int:
        output = self._output()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup has SIGHUP ignored
                signal.signal(number, self._interrupt)
        started_s = time.monotonic()
        self._session.start()
        try:
            while not self._session.over.wait(TICK_S):
                output.show(*self._queue.drain())
                output.refresh()
                self._keep_time(time.monotonic() - started_s)
        finally:
            self._session.end(drop=True)
            self._session.over.wait(FINISH_S)
            output.show(*self._queue.drain())
            output.close()
        if self._recorder is not None:
            self._recorder.close()
        self._sum_up(time.monotonic() - started_s)
        if self._session.error is not None:
            raise self._session.error
        stopped = any(notice.kind == "stopped" for notice in self._notices)
        spoiled = self._recorder is not None and self._recorder.error is not None
        return FAILED if stopped or spoiled else OK

    def _output(self) -> LiveOutput:
        options = self._options
        if options.json:
            return JsonOutput(self._session)
        if options.plain or not is_terminal(sys.stdout):
            return PlainOutput(self._session, quiet=options.quiet)
        return PanelOutput(self._session, self._act, self._stack)

    def _act(self, key: Key) -> None:
        session = self._session
        match key:
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

    def _interrupt(self, number: int, _: FrameType | None) -> None:
        """Ctrl-C ends as asked; a second one, or another signal, at once."""
        self._interrupts += 1
        if self._interrupts > 2:
            raise SystemExit(128 + number)
        self._end(
            drop=self._interrupts > 1 or number != signal.SIGINT or self._options.on_quit == "drop"
        )

    def _end(self, *, drop: bool) -> None:
        if self._ending_s is None:
            self._ending_s = time.monotonic()
            self._queue.put("ending; q or Ctrl-C again drops what is not spoken yet")
        else:
            drop = True
        self._session.end(drop=drop)

    def _keep_time(self, elapsed_s: float) -> None:
        duration_s = self._options.duration_s
        if duration_s is not None and elapsed_s >= duration_s and self._ending_s is None:
            self._end(drop=self._options.on_quit == "drop")
        if self._ending_s is not None and time.monotonic() - self._ending_s > FINISH_S:
            self._session.end(drop=True)

    def _sum_up(self, elapsed_s: float) -> None:
        session, tally = self._session, self._session.meter.tally
        ends: Ends = session.ends
        if self._options.json:
            out(as_line(self._summary_record(elapsed_s)))
            return
        if not self._options.quiet:
            heard = f"{session.heard_s:.0f} s heard in {elapsed_s:.0f} s"
            say(f"{heard}, {tally.source_words} words heard, {tally.target_words} written")
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
        if losses or not self._options.quiet:
            say("; ".join(losses) if losses else "nothing was lost")
        for notice in self._notices:
            say(f"device: {notice.text}")
        if self._recorder is not None and not self._options.quiet:
            say(f"recorded in {self._recorder.folder}")

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
            "device_events": len(self._notices),
        }


def _record(lag: Percentiles | None) -> dict[str, float] | None:
    return None if lag is None else asdict(lag)

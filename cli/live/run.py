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

from audio_io.device_stream import DeviceNotice
from audio_io.errors import OutputError, S2stError, UsageError
from audio_io.portaudio import quiet_libraries
from cli.live.command import LiveOptions
from cli.live.ends import LiveEnds, find_devices, join_ends
from cli.live.output import (
    LOUDER_PERCENT,
    JsonOutput,
    LiveOutput,
    PanelOutput,
    PlainOutput,
    device_record,
    say,
)
from cli.live.plan import LivePlan, as_text_only, plan_live
from cli.live.summary import Summary
from cli.terminal.keys import Key, is_terminal
from cli.terminal.lines import ResultLines
from cli.terminal.signals import Signals
from cli.terminal.verbosity import is_verbose
from engine.errors import EngineError
from engine.live.conversation import Conversation
from engine.live.happenings import HappeningQueue
from engine.live.listening import Listening
from engine.live.recorder import Recorder
from engine.live.speed import judge_speed
from engine.streams.process_stepper import ProcessStepper
from engine.text.losses import told_of_losses
from engine.text.records import as_line, timed
from engine.whisper.check import OutputCheck
from engine.whisper.output_asr import OutputAsr, OutputAsrConfig

OK, FAILED = 0, 1
TICK_S = 0.05
FINISH_S = 30.0
"""How long a session may take to finish what was said, before the rest is dropped."""
GRACE_S = 5.0
"""How long its threads may take to end after that."""
CHECK_S = 5.0
"""How long the end waits until what was spoken last is understood, where that is checked."""
KEPT_NOTICES = 100
CHECKED_WITH = "int8"
"""Half to a third of the work of float32 on a CPU. Live, being in time matters more."""


def run_live(options: LiveOptions) -> int:
    """Exit code 0 when the session ended as asked, 1 when something failed, 128 and its number
    when a signal other than Ctrl-C ended it."""
    plan = plan_live(options)
    _check_options(options)
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
        if plan.spec.notice and not options.quiet:
            say(f"s2st: {plan.spec.notice}")
        stepper.wait_until_loaded()
        check_speed(plan, stepper.measure(plan.request), say)
        if check is not None:
            if not options.quiet:
                say(f"output check: loading '{options.check_output}'")
            listens = check.wait_until_loaded()
            if not options.quiet:
                say(f"output check: {listens}")
        recorder = _open_recorder(plan, queue)
        if recorder is not None:
            stack.callback(recorder.close)
        notices: deque[DeviceNotice] = deque(maxlen=KEPT_NOTICES)

        def tell(notice: DeviceNotice) -> None:
            notices.append(notice)
            at_s = queue.put(notice)
            if recorder is not None:
                recorder.note(device_record(notice), at_s)

        if not is_verbose():
            stack.enter_context(quiet_libraries())
        listening = Listening(not options.push_to_talk)
        ends = join_ends(plan, devices, tell, queue.stream, listening, recorder, stack)
        conversation = Conversation(
            plan.request,
            ends,
            stepper,
            queue,
            swapped=plan.swapped,
            push_to_talk=options.push_to_talk,
            recorder=recorder,
            check=check,
            listening=listening,
        )
        return _Run(
            plan, conversation, ends, stepper, queue, recorder, notices, signals, stack
        ).run()


def check_speed(plan: LivePlan, needed_s: float | None, tell: Callable[[str], None]) -> None:
    """Says how fast the engine is here. Raises an `EngineError` for one that cannot keep up, unless
    that was said to be all right."""
    if needed_s is None:
        return
    speed = judge_speed(plan.spec, plan.request, plan.load_options, needed_s)
    name = plan.spec.name
    if speed.keeps_up:
        if not plan.options.quiet:
            tell(f"engine: {speed}")
    elif plan.options.slow_ok:
        tell(f"s2st: the engine '{name}' cannot keep up: {speed}")
    else:
        instead = f"--engine {speed.instead} keeps up; " if speed.instead else ""
        raise EngineError(
            f"The engine '{name}' cannot keep up: {speed}.",
            hint=f"{instead}`s2st file` takes its time; --slow-ok goes on anyway, and skips.",
        )


def start_check(plan: LivePlan) -> OutputCheck | None:
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
    config = OutputAsrConfig(model, plan.spoken, compute_type=CHECKED_WITH, background=True)
    return OutputCheck(OutputAsr(config, verbose=is_verbose()), plan.spoken)


def _check_options(options: LiveOptions) -> None:
    """Raises a `UsageError` for what does not go together."""
    if options.push_to_talk and not _has_panel(options):
        raise UsageError(
            "--push-to-talk takes the space bar of a terminal, and there is none here.",
            hint="Leave it out, or run in a terminal without --plain and --json.",
        )
    if options.record_all and options.record is None:
        raise UsageError("--record-all is for recordings.", hint="Give --record DIR, too.")


def _open_recorder(plan: LivePlan, queue: HappeningQueue) -> Recorder | None:
    """None where nothing is recorded."""
    options = plan.options
    if options.record is None:
        return None
    try:
        return Recorder(
            options.record,
            plan.languages,
            queue.put,
            queue.stream,
            keeps_all=options.record_all,
        )
    except S2stError as error:
        error.hint = "Give --record another folder."
        raise


def _has_panel(options: LiveOptions) -> bool:
    """Whether there is a terminal to draw on, and to take keys from."""
    plain = options.json or options.plain or os.environ.get("TERM") == "dumb"
    return not plain and is_terminal(sys.stdout)


class _Run:
    """The main thread's part of one session."""

    def __init__(
        self,
        plan: LivePlan,
        conversation: Conversation,
        ends: LiveEnds,
        stepper: ProcessStepper,
        queue: HappeningQueue,
        recorder: Recorder | None,
        notices: deque[DeviceNotice],
        signals: Signals,
        stack: ExitStack,
    ) -> None:
        self._plan = plan
        self._options = plan.options
        self._conversation = conversation
        self._ends = ends
        self._stepper = stepper
        self._queue = queue
        self._recorder = recorder
        self._notices = notices
        self._signals = signals
        self._stack = stack
        self._lines = ResultLines()
        self._obeyed = 0
        """Signals that were acted on."""
        self._is_plain = False
        """Whether everything that happens is said as it happens."""
        self._ending_s: float | None = None
        self._forced = False
        """Whether the engine was stopped in the middle of its work."""

    def run(self) -> int:
        output = self._output()
        self._signals.only_noted = True
        started_s = time.monotonic()
        self._conversation.start()
        hangs = False
        while not self._conversation.over.wait(TICK_S):
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
        summary = Summary(
            self._conversation,
            self._ends,
            self._recorder,
            self._notices,
            time.monotonic() - started_s,
        )
        if self._options.json:
            self._lines.put(as_line(timed(summary.record(), self._queue.last_s())))
        else:
            summary.tell(quiet=self._options.quiet)
        self._lines.finish()
        code = self._code()
        if hangs:
            # A thread waits for a device that does not answer any more, and would for ever.
            say("s2st: the sound system does not answer any more; leaving all the same.")
            self._stepper.kill()
            os._exit(code or FAILED)
        return code

    def _tell_understood(self) -> None:
        check = self._conversation.check
        if check is not None:
            check.tell(self._conversation.hear, self._queue.put)

    def _finish_check(self, output: LiveOutput, hangs: bool) -> None:
        """What was spoken last is understood a little later. Whoever is in a hurry waits not."""
        check = self._conversation.check
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
        error = self._conversation.error
        self._conversation.error = None
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
        missing = self._conversation.missing if self._ends.recording else []
        if missing:
            told = told_of_losses(missing)
            say(f"{self._ends.recording}: {told}. The rest was translated.")
        stopped = any(notice.kind == "stopped" for notice in self._notices)
        spoiled = self._recorder is not None and self._recorder.error is not None
        if self._recorder is not None and self._recorder.error is not None and not self._is_plain:
            say(f"s2st: The recording ended early: {self._recorder.error.args[0]}")
        if self._signals.number not in (0, signal.SIGINT):
            return 128 + self._signals.number
        failed = stopped or spoiled or missing or self._forced or self._lines.lost
        return FAILED if failed else OK

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
        voice = self._ends.voice
        if self._ending_s is None:
            self._ending_s = time.monotonic()
            if not drop and voice is not None and voice.queued_ms:
                self._queue.put("ending; once more drops what is not spoken yet")
        else:
            drop = True
        self._conversation.end(drop=drop)

    def _stop_engine(self) -> None:
        if not self._forced:
            self._forced = True
            self._ending_s = min(self._ending_s or math.inf, time.monotonic() - FINISH_S)
            self._conversation.end(drop=True)
            self._stepper.kill()

    def _hangs(self) -> bool:
        """Whether the session does not end although nothing keeps it."""
        return self._ending_s is not None and time.monotonic() - self._ending_s > FINISH_S + GRACE_S

    def _output(self) -> LiveOutput:
        options = self._options
        if options.json:
            return JsonOutput(self._conversation.meter, self._lines, self._queue)
        if _has_panel(options):
            return PanelOutput(
                self._plan,
                self._conversation,
                self._ends,
                self._act,
                self._stack,
                keeps=self._recorder.keeps_all if self._recorder is not None else None,
            )
        self._is_plain = True
        return PlainOutput(self._conversation, self._lines, quiet=options.quiet)

    def _act(self, key: Key) -> None:
        conversation = self._conversation
        match key:
            case Key.TALK:
                conversation.toggle_talk()
            case Key.PAUSE:
                conversation.toggle_pause()
            case Key.MUTE:
                conversation.toggle_mute()
            case Key.LOUDER:
                conversation.louder(LOUDER_PERCENT)
            case Key.QUIETER:
                conversation.louder(-LOUDER_PERCENT)
            case Key.MARK:
                conversation.mark()
            case Key.SWAP:
                if not conversation.swap():
                    self._queue.put(f"{self._plan.spec.name} cannot exchange these languages")
            case Key.QUIT:
                self._end(drop=self._options.on_quit == "drop")

"""The two ends of a live session, opened and joined: microphone to engine, engine to speaker."""

import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from audio_io.addresses import SCHEMES, scheme_of, shown
from audio_io.clock import ClockedSource, RunningClock, StreamClock
from audio_io.cut import CutSource
from audio_io.decoding.downmix import Downmix
from audio_io.device_stream import DeviceLost
from audio_io.devices import Device, Direction, find_device, list_devices
from audio_io.echo_guard import EchoGuard
from audio_io.errors import DeviceError, SoundFileError, UsageError
from audio_io.feed import Feed
from audio_io.guarded import GuardedSource
from audio_io.kept_device import Tell
from audio_io.microphone import Microphone
from audio_io.paced import PacedSource
from audio_io.paths import is_file, is_folder, is_there
from audio_io.ports import AudioSource
from audio_io.recordings.address import open_broadcast
from audio_io.recordings.recording import Recording, open_pipe, open_recording
from audio_io.speaker import Speaker
from audio_io.tee import RecordedSource
from cli.live.command import LiveOptions
from cli.live.plan import LivePlan
from engine.batch.descriptors import STDIN, descriptor_of
from engine.hearing.catch_up import CatchUp, CatchUpConfig
from engine.live.conversation import Ends
from engine.live.listening import HeardSource, Listening
from engine.live.recorder import Recorder
from engine.speaking.live_voice import LiveVoice
from engine.speaking.speech_queue import LagConfig

PIPE = "-"
BLOCK_MS = 20
SPEECH_RATE_HZ = 16_000
"""For an agent that hears any rate."""
LEAD_S = 0.05
"""The echo guard is told so much early what is played: an echo that comes before the news of it
cannot be held, and devices are not exact about when they play."""
DUCKED = 0.25
"""How loud we go on while somebody talks over us: 12 dB less."""
HEADPHONES = re.compile(r"head-?phone|head-?set|ear-?(phone|bud|piece)|airpod", re.IGNORECASE)
OFF, DUCK = "off", "duck"


class SpeakerLoudness:
    """How loud a speaker is: what a person chose, and less while somebody talks over us."""

    def __init__(self, speaker: Speaker | None) -> None:
        self._speaker = speaker
        self._chosen = 1.0
        self._ducked = 1.0

    def choose(self, percent: int, *, muted: bool) -> None:
        self._chosen = 0.0 if muted else percent / 100
        self._apply()

    def duck(self, talking: bool) -> None:
        """Somebody talks over us, or has stopped."""
        self._ducked = DUCKED if talking else 1.0
        self._apply()

    def _apply(self) -> None:
        if self._speaker is not None:
            self._speaker.set_gain(self._chosen * self._ducked)


@dataclass(frozen=True, slots=True)
class LiveEnds(Ends):
    """With what is known of the devices."""

    input_name: str
    output_name: str
    """Empty when nothing is spoken."""
    microphone: Microphone | None
    speaker: Speaker | None
    guard: EchoGuard | None
    echo: str
    """The mode of the echo guard, or why there is none."""
    taken: Callable[[], str]
    """Which of several sounds is heard; empty where there is nothing to choose."""
    recording: str
    """What is read, where it is to be whole; empty for a microphone or a broadcast."""


@dataclass(frozen=True, slots=True)
class Devices:
    """Which devices a session needs; None for the end that is no device."""

    input: Device | None
    output: Device | None


@dataclass(frozen=True, slots=True)
class _Input:
    source: AudioSource
    waiting_ms: Callable[[], float] | None
    """None for a pipe: what waits there is not late, it is not there yet."""
    end: Callable[[], None]
    name: str
    taken: Callable[[], str]
    """Which of several sounds is heard; empty where there is nothing to choose."""
    device: Device | None = None
    microphone: Microphone | None = None
    recording: str = ""
    """What is read, where it is to be whole."""


def find_devices(plan: LivePlan) -> Devices:
    """What the options name, found before anything is loaded or opened.

    Raises:
        DeviceError: there is no such device. A default speaker that does not exist is none.
        UsageError: the options do not go together.
    """
    options = plan.options
    _check_names(options)
    asked = _asked(plan)
    is_device = asked != PIPE and (asked is None or not _is_file(asked))
    if options.raw_rate_hz is not None and asked != PIPE:
        raise UsageError("--rate is for raw sound on standard input.", hint="Give --input -.")
    if options.pace and is_device:
        raise UsageError("--pace is for recordings and pipes.", hint="Give --input FILE.")
    if options.pace is False and asked is not None and asked != PIPE and not is_device:
        raise UsageError(
            "A recording is played at the pace of life here.",
            hint=f"`s2st file {asked}` is as fast as the machine.",
        )
    if not is_device and asked is not None and asked != PIPE and not _can_be_read_once(asked):
        # Says what is wrong with it.
        open_recording(Path(asked), plan.spec.input_rate_hz, choice=plan.sound).close()
    found_input = find_device(list_devices(), asked, Direction.INPUT) if is_device else None
    found_output = None
    if plan.spoken is not None:
        try:
            found_output = find_device(list_devices(), options.output, Direction.OUTPUT)
        except DeviceError:
            if options.output is not None:
                raise
    return Devices(found_input, found_output)


def join_ends(
    plan: LivePlan,
    devices: Devices,
    tell: Tell,
    stream: StreamClock,
    listening: Listening,
    recorder: Recorder | None,
    stack: ExitStack,
) -> LiveEnds:
    """Open what was asked for; `stack` closes it. `plan.spoken` says whether to speak. `stream` is
    told where the sound stands, `listening` knows what of it is heard.

    Raises:
        DeviceError: a device cannot be used.
        SoundFileError: the recording cannot be read.
    """
    on_lost = DeviceLost(plan.options.device_lost)
    found = _open_input(plan, devices.input, on_lost, tell, stream, stack)
    rate_hz = found.source.sample_rate_hz
    kept: AudioSource = found.source
    if recorder is not None and recorder.keeps_all:
        kept = RecordedSource(kept, recorder.source_sink(rate_hz))
    kept = HeardSource(kept, listening)
    if recorder is not None and not recorder.keeps_all:
        kept = RecordedSource(kept, recorder.source_sink(rate_hz))
    output = devices.output if plan.spoken is not None else None
    speaker = None
    if output is not None:
        speaker = Speaker(
            output,
            plan.spec.output_rate_hz,
            rate_hz,
            on_lost,
            tell,
            follows=plan.options.output is None,
        )
        stack.callback(speaker.close)
    guard, echo = None, ""
    if speaker is not None and output is not None:
        why_not = _no_echo(plan, found, output)
        echo = f"{OFF}: {why_not}" if why_not else plan.options.echo
        guard = None if why_not else EchoGuard(rate_hz)
    loudness = SpeakerLoudness(speaker)
    if guard is not None and speaker is not None:
        talking = loudness.duck if plan.options.echo == DUCK else lambda _: None
        played = partial(speaker.played_around, lead_s=LEAD_S)
        kept = GuardedSource(kept, guard, played, talking)
    if found.waiting_ms is not None:
        limits = CatchUpConfig(
            limit_ms=max(1000.0, 500 * plan.options.max_lag_s),
            hard_limit_ms=max(1000.0, 1000 * plan.options.max_lag_s),
        )
        running = RunningClock()
        stack.callback(running.close)
        kept = CatchUp(kept, found.waiting_ms, limits, running, running.held_s)
    voice = None
    if speaker is not None:
        lag = LagConfig(max_lag_s=plan.options.max_lag_s)
        keep = recorder.keep_speech(speaker.sample_rate_hz) if recorder is not None else None
        voice = LiveVoice(speaker, lag, keep=keep)
    return LiveEnds(
        CutSource(kept),
        found.end,
        voice,
        loudness,
        found.name,
        output.name if output is not None else "",
        found.microphone,
        speaker,
        guard,
        echo,
        found.taken,
        found.recording,
    )


def _rate(plan: LivePlan) -> int:
    """What the session hears at; an agent that hears everything gets what speech needs."""
    return plan.spec.input_rate_hz or SPEECH_RATE_HZ


def _open_input(
    plan: LivePlan,
    device: Device | None,
    on_lost: DeviceLost,
    tell: Tell,
    stream: StreamClock,
    stack: ExitStack,
) -> _Input:
    asked, rate_hz = _asked(plan), _rate(plan)
    if device is not None:
        downmix = Downmix(plan.sound.channel, f"The microphone '{device.name}'")
        follows = asked is None
        microphone = Microphone(device, rate_hz, on_lost, tell, follows=follows, mix=downmix.mix)
        stack.callback(microphone.close)
        return _Input(
            ClockedSource(microphone, stream),
            lambda: microphone.waiting_ms,
            microphone.end,
            device.name,
            lambda: downmix.taken,
            device,
            microphone,
        )
    if asked is None or asked == PIPE:
        stream.flows = False
        return _open_pipe(plan, stream, stack)
    if scheme_of(asked):
        return _open_address(plan, asked, stream, stack)
    recording = open_recording(Path(asked), rate_hz, BLOCK_MS, plan.sound)
    return _paced(recording, Path(asked).name, asked, stream, stack)


def _open_address(plan: LivePlan, url: str, stream: StreamClock, stack: ExitStack) -> _Input:
    """A broadcast comes at its own pace, a recording at the pace of life."""
    source, is_broadcast = open_broadcast(url, _rate(plan), BLOCK_MS, plan.sound)
    if is_broadcast:
        stream.flows = False
        feed = Feed(source, stream=stream)
        stack.callback(feed.close)
        return _Input(feed, None, feed.end, shown(url), lambda: source.taken)
    return _paced(source, shown(url), shown(url), stream, stack)


def _open_pipe(plan: LivePlan, stream: StreamClock, stack: ExitStack) -> _Input:
    options, rate_hz = plan.options, _rate(plan)
    if sys.stdin is None:
        raise SoundFileError("Standard input is closed.", hint="Pipe sound into it.")
    if sys.stdin.isatty():
        raise UsageError("Standard input is a terminal, not sound.", hint="Pipe sound into it.")
    # Not Python's own reader: a thread that waits in it at the very end would abort the program.
    piped = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115
    source = open_pipe(piped, rate_hz, options.raw_rate_hz, block_ms=BLOCK_MS, choice=plan.sound)
    name = "standard input"
    if options.pace:
        return _paced(source, name, name, stream, stack)
    feed = Feed(source, stream=stream)
    stack.callback(feed.close)
    return _Input(feed, None, feed.end, name, lambda: source.taken, recording=name)


def _paced(
    source: Recording, name: str, recording: str, stream: StreamClock, stack: ExitStack
) -> _Input:
    """A recording at the pace of life."""
    stack.callback(source.close)
    paced = PacedSource(source)
    return _Input(
        ClockedSource(paced, stream),
        lambda: paced.waiting_ms,
        paced.end,
        name,
        lambda: source.taken,
        recording=recording,
    )


def _no_echo(plan: LivePlan, found: _Input, output: Device) -> str:
    """Why our own voice need not be kept out; empty when it must be."""
    if plan.options.echo == OFF:
        return "as asked"
    if plan.options.headphones:
        return "headphones"
    if found.device is None:
        return "no microphone"
    if HEADPHONES.search(output.name):
        return f"'{output.name}' is headphones"
    return ""


def _asked(plan: LivePlan) -> str | None:
    """The input, by one of its names: standard input has several."""
    asked = plan.options.input
    return PIPE if asked is not None and descriptor_of(asked) == STDIN else asked


def _check_names(options: LiveOptions) -> None:
    """Raises a `UsageError` for a name that is none."""
    for option, name, default in (
        ("--input", options.input, "microphone"),
        ("--output", options.output, "speaker"),
    ):
        if name is not None and not name.strip():
            raise UsageError(f"{option} is empty.", hint=f"Leave it out for the default {default}.")


def _can_be_read_once(asked: str) -> bool:
    """Whether it is a pipe, such as a shell makes of `<(command)`: nothing of it is to be lost. Nor
    is an address asked twice."""
    if scheme_of(asked):
        return True
    path = Path(asked)
    return is_there(path) and not is_file(path) and not is_folder(path)


def _is_file(asked: str) -> bool:
    """Whether an input is a recording's path or address rather than a device's name."""
    if (scheme := scheme_of(asked)) and scheme not in SCHEMES:
        raise UsageError(
            f"'{shown(asked)}' is an address of a kind that is not read.",
            hint=f"There is: {', '.join(SCHEMES)}.",
        )
    return is_there(Path(asked)) or "/" in asked or bool(re.fullmatch(r"[^ ]*\.\w{2,4}", asked))

"""One open stream of a device, the same for microphone and speaker: opened with what the device
can do, watched, and known to be lost when it is."""

import contextlib
import enum
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from audio_io.devices import Device, Direction
from audio_io.errors import DeviceError
from audio_io.portaudio import quiet_libraries, sounddevice
from audio_io.sound_server import SoundServer, Watch

BLOCK_MS = 20
LATENCY_S = 0.1
"""What PortAudio is asked for. Less than five blocks behind PulseAudio means hundreds of xruns."""
STALL_S = 0.5
"""A running device calls back more often than this."""
START_S = 5.0
"""How long after it was opened a device may stall. A remapped source takes two seconds to its first
block, and a null sink pauses for more than one."""
CLOSE_S = 2.0
"""How long closing may take."""
SETTLE_S = 1.0
"""How long the server may take to put a new stream where it belongs."""


class DeviceLost(enum.Enum):
    """What to do when a device goes away."""

    WAIT = "wait"
    """Until the same one is back."""
    DEFAULT = "default"
    """Go on with the system's default."""
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class DeviceNotice:
    """Something happened to a device."""

    kind: str
    """`lost`, `back`, `moved`, `silent`, `sounding`, `overrun` or `stopped`."""
    direction: Direction
    text: str
    """One sentence for people."""


class DeviceStream:
    """A PortAudio stream, and the device behind it as the sound server sees it.

    `callback` runs on the sound card's thread. `beat` must be called by it, once a block.
    """

    def __init__(
        self,
        device: Device,
        direction: Direction,
        wanted_hz: int,
        callback: Callable[..., None],
        *,
        follows: bool = False,
    ) -> None:
        """`follows` says that whoever moves the stream to another device of the server is right;
        otherwise it belongs where it was opened. Raises `DeviceError` when the device cannot be
        opened."""
        self.device = device
        self.direction = direction
        self._callback = callback
        self._follows = follows
        self._finished = False
        self._beat_at_s: float | None = None
        self._server = SoundServer()
        self._watch: Watch | None = None
        self.moved_to = ""
        """Where somebody moved the stream; whoever tells of it empties this."""
        self.place: str | None = None
        """The server's source or sink this stream belongs to; None without a server."""
        rates = [wanted_hz, device.rate_hz] if device.resamples else [device.rate_hz, wanted_hz]
        self.rate_hz, self.channels, self._stream = self._open([*rates, 48_000, 44_100])
        self.block_samples: int = self._stream.blocksize
        self._opened_at_s = time.monotonic()

    def start(self) -> None:
        try:
            with quiet_libraries(), _server_device(self.device, self.direction):
                self._stream.start()
        except sounddevice().PortAudioError as error:
            self.close()
            raise refused(self.device, self.direction, error) from error
        self._opened_at_s = time.monotonic()
        if self.device.resamples and self._server.connect():
            self._settle()
            self._watch = self._server.watch()

    def beat(self, now_s: float) -> None:
        """A block has come. For the callback."""
        self._beat_at_s = now_s

    @property
    def latency_s(self) -> float:
        """What PortAudio says that it adds."""
        return float(self._stream.latency)

    def trouble(self) -> str:
        """Why the device counts as lost; empty while all is well."""
        if self._finished:
            return "the sound server or the device closed it"
        now_s = time.monotonic()
        silent_s = now_s - (self._beat_at_s or self._opened_at_s)
        if silent_s > STALL_S and now_s - self._opened_at_s > START_S:
            return f"it has stood still for {silent_s:.1f} s"
        if self._watch is not None and self.place is not None and self._watch.changed():
            return self._look_around()
        return ""

    def close(self) -> None:
        """May be called twice, and when the device is gone."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        # PortAudio waits for its own thread, and that one may never come back from a server that
        # died: then this stream is given up, and the thread that closes it with it.
        closing = threading.Thread(target=self._close_stream, name="closing", daemon=True)
        closing.start()
        closing.join(CLOSE_S)
        self._server.close()

    def _close_stream(self) -> None:
        with contextlib.suppress(Exception):  # it may be gone
            self._stream.abort(ignore_errors=True)
            self._stream.close(ignore_errors=True)

    def _open(self, rates: list[int]) -> tuple[int, int, Any]:
        package = sounddevice()
        inward = self.direction is Direction.INPUT
        most = self.device.input_channels if inward else self.device.output_channels
        kind = package.InputStream if inward else package.OutputStream
        refusal: Exception | None = None
        for rate_hz in dict.fromkeys(rates):
            for channels in dict.fromkeys((1, min(2, most), most)):
                try:
                    with quiet_libraries(), _server_device(self.device, self.direction):
                        stream = kind(
                            device=self.device.port,
                            samplerate=rate_hz,
                            channels=channels,
                            blocksize=rate_hz * BLOCK_MS // 1000,
                            latency=LATENCY_S,
                            dtype="float32",
                            callback=self._callback,
                            finished_callback=self._note_end,
                        )
                except (package.PortAudioError, ValueError) as error:
                    refusal = refusal or error
                else:
                    return rate_hz, channels, stream
        assert refusal is not None
        raise refused(self.device, self.direction, refusal) from refusal

    def _note_end(self) -> None:
        self._finished = True

    def _where(self) -> str | None:
        inward = self.direction is Direction.INPUT
        return self._server.our_source() if inward else self._server.our_sink()

    def _settle(self) -> None:
        """Learn where the server has put us, and ask for the right place if it is another."""
        deadline_s = time.monotonic() + SETTLE_S
        wanted = self.device.server_name
        while time.monotonic() < deadline_s:
            self.place = self._where()
            if self.place is not None:
                if not wanted or self.place == wanted:
                    return
                self._server.move_ours(wanted, inward=self.direction is Direction.INPUT)
            time.sleep(0.02)
        if wanted and self.place != wanted:
            self.close()
            raise DeviceError(
                f"The sound server does not connect us to '{self.device.name}'.",
                hint="`s2st devices` lists what there is.",
            )

    def _look_around(self) -> str:
        """Something changed at the server: are we still where we belong?"""
        where = self._where()
        if where == self.place:
            return ""
        if where is None:
            return "the sound server dropped it"
        inward = self.direction is Direction.INPUT
        there = self._server.sources() if inward else self._server.sinks()
        if not any(item.name == self.place for item in there):
            return "it was unplugged or removed"
        title = next((item.title for item in there if item.name == where), where)
        if not self._follows:
            return f"the sound server connected '{title}' in its place"
        # It is still there, so this is a new default, or somebody's choice in a mixer.
        self.place, self.moved_to = where, title
        return ""

    def is_back(self) -> bool:
        """Whether the place that was lost is there again. True without a server."""
        server = SoundServer()
        try:
            if self.place is None:
                return True
            if not server.connect():
                return False
            inward = self.direction is Direction.INPUT
            there = server.sources() if inward else server.sinks()
            return any(item.name == self.place for item in there)
        finally:
            server.close()


@contextlib.contextmanager
def _server_device(device: Device, direction: Direction) -> Iterator[None]:
    """The server's own choice of source or sink, for streams opened meanwhile."""
    if not device.server_name:
        yield
        return
    variable = "PULSE_SOURCE" if direction is Direction.INPUT else "PULSE_SINK"
    before = os.environ.get(variable)
    os.environ[variable] = device.server_name
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


def refused(device: Device, direction: Direction, error: Exception) -> DeviceError:
    kind = "microphone" if direction is Direction.INPUT else "speaker"
    seen = str(error).replace("\n", " ")
    hint = f"Choose another of `s2st devices` with ⟦{direction.value}⟧."
    if "unavailable" in seen.casefold() or "-9985" in seen:
        return DeviceError(
            f"The {kind} '{device.name}' is in use by another program, or gone ({seen}).",
            hint=f"Close that program, or choose another with ⟦{direction.value}⟧.",
        )
    if "sample rate" in seen.casefold():
        return DeviceError(f"The {kind} '{device.name}' takes no usual rate ({seen}).", hint=hint)
    return DeviceError(f"The {kind} '{device.name}' cannot be opened ({seen}).", hint=hint)

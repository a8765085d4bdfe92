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
from audio_io.pulse_recording import PulseRecording
from audio_io.sound_server import ServerPlace

BLOCK_MS = 20
LATENCY_S = 0.1
"""What PortAudio is asked for. Less than five blocks behind PulseAudio means hundreds of xruns."""
STALL_S = 2.0
"""A device that did not call back for so long has stopped. Only time counts in which we looked."""
LOOK_S = 0.15
"""Between two looks no more than this counts. Whoever could not look for longer was held, as by
Ctrl-Z, or found no time on a busy machine, and so did the callback."""
DROWSY_S = 0.5
"""Without a callback for so long, it is asleep if the server has suspended it."""
START_S = 5.0
"""How long after it was opened a device may stall. A remapped source takes two seconds to its first
block, and a null sink pauses for more than one."""
STEREO = ("front-left", "front-right")
"""Two places that mean the same to everybody."""
CLOSE_S = 2.0
"""How long closing may take."""


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
    """`lost`, `back`, `moved`, `silent`, `sounding`, `quiet`, `asleep`, `awake`, `overrun` or
    `stopped`."""
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
        all_channels: bool = False,
    ) -> None:
        """`follows` says that whoever moves the stream to another device of the server is right;
        otherwise it belongs where it was opened. `all_channels`: a microphone's are taken as they
        are, where that works. Raises `DeviceError` when the device cannot be opened."""
        self._all_channels = all_channels and direction is Direction.INPUT
        self.device = device
        self.direction = direction
        self._callback = callback
        self._finished = False
        self._beats = 0
        self._seen_beats = 0
        self._looked_at_s = 0.0
        self._still_s = 0.0
        """How long it has been seen not to call back."""
        self.is_asleep = False
        """Whether the sound server has suspended the device, which comes back by itself."""
        self.place = ServerPlace(
            device.name,
            device.server_name,
            inward=direction is Direction.INPUT,
            follows=follows,
        )
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
        self._opened_at_s = self._looked_at_s = time.monotonic()
        try:
            if self.device.resamples:
                self.place.settle()
        except DeviceError:
            self.close()
            raise

    def beat(self) -> None:
        """A block has come. For the callback."""
        self._beats += 1

    @property
    def latency_s(self) -> float:
        """What PortAudio says that it adds."""
        return float(self._stream.latency)

    def trouble(self) -> str:
        """Why the device counts as lost; empty while all is well."""
        if self._finished:
            return "the sound server or the device closed it"
        now_s = time.monotonic()
        if self._beats != self._seen_beats:
            self._seen_beats, self._still_s, self.is_asleep = self._beats, 0.0, False
        else:
            self._still_s += min(now_s - self._looked_at_s, LOOK_S)
        self._looked_at_s = now_s
        if self._still_s > DROWSY_S and self.place.is_asleep:
            self.is_asleep = True
            self._still_s, self._opened_at_s = DROWSY_S, now_s  # it wakes as if opened anew
        if self._still_s > STALL_S and now_s - self._opened_at_s > START_S:
            return f"it has stood still for {self._still_s:.1f} s"
        return self.place.trouble()

    def close(self) -> None:
        """May be called twice, and when the device is gone."""
        # PortAudio waits for its own thread, and that one may never come back from a server that
        # died: then this stream is given up, and the thread that closes it with it.
        closing = threading.Thread(target=self._close_stream, name="closing", daemon=True)
        closing.start()
        closing.join(CLOSE_S)
        self.place.close()

    def _close_stream(self) -> None:
        with contextlib.suppress(Exception):  # it may be gone
            self._stream.abort(ignore_errors=True)
            self._stream.close(ignore_errors=True)

    def _open(self, rates: list[int]) -> tuple[int, int, Any]:
        package = sounddevice()
        inward = self.direction is Direction.INPUT
        most = self.device.input_channels if inward else self.device.output_channels
        kind = package.InputStream if inward else package.OutputStream
        counts = dict.fromkeys((1, min(2, most), most))
        if self._all_channels and most > 1:
            if self.device.channel_names == STEREO or not self.device.resamples:
                counts = dict.fromkeys((most, *counts))
            elif self.device.channel_names:
                recording = PulseRecording.open(
                    self.device.server_name,
                    self.device.channel_names,
                    rates[0],
                    rates[0] * BLOCK_MS // 1000,
                    self._callback,
                    self._note_end,
                )
                if recording is not None:
                    return rates[0], most, recording
        refusal: Exception | None = None
        for rate_hz in dict.fromkeys(rates):
            for channels in counts:
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

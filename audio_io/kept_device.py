"""`KeptDevice`: a device that is taken up again when it was lost, or replaced, as asked."""

import time
from collections.abc import Callable
from dataclasses import replace

from audio_io.device_stream import DeviceLost, DeviceNotice, DeviceStream
from audio_io.devices import Device, Direction, find_device, list_devices
from audio_io.errors import DeviceError

RETRY_S = 0.5
"""How often it is looked whether a lost device is back."""
TITLES = {Direction.INPUT: "microphone", Direction.OUTPUT: "speaker"}

Tell = Callable[[DeviceNotice], None]


class KeptDevice:
    """One device for as long as a session takes. Belongs to one thread, but for `beat`."""

    def __init__(
        self,
        device: Device,
        direction: Direction,
        wanted_hz: int,
        callback: Callable[..., None],
        on_lost: DeviceLost,
        tell: Tell,
        *,
        follows: bool = False,
        all_channels: bool = False,
    ) -> None:
        """`follows`: nobody asked for this very device, so the server may move us. `all_channels`:
        a microphone's are taken as they are, not mixed by the server."""
        self._all_channels = all_channels
        self._follows = follows
        self._device = device
        self._direction = direction
        self._wanted_hz = wanted_hz
        self._callback = callback
        self._on_lost = on_lost
        self._tell = tell
        self._gone: DeviceStream | None = None
        self._gone_at_s = 0.0
        self._retry_at_s = 0.0
        self._was_asleep = False
        self._was_muted = False
        self.stream: DeviceStream | None = None
        """The open stream; None while the device is lost."""
        self.stopped = False
        """Whether the device was lost, and that is the end of it."""

    @property
    def name(self) -> str:
        return self._device.name

    @property
    def is_monitor(self) -> bool:
        return self._device.is_monitor

    @property
    def place(self) -> str | None:
        """The sound server's name of what we are connected to."""
        return self.stream.place.name if self.stream is not None else None

    @property
    def is_asleep(self) -> bool:
        """Whether the sound server has suspended it, so that nothing goes through."""
        return self.stream is not None and self.stream.is_asleep

    def open(self, prepare: Callable[[DeviceStream], None]) -> None:
        """Open the device and start it; `prepare` is given the stream before its callback runs.

        Raises:
            DeviceError: that does not work.
        """
        stream = DeviceStream(
            self._device,
            self._direction,
            self._wanted_hz,
            self._callback,
            follows=self._follows,
            all_channels=self._all_channels,
        )
        prepare(stream)
        self.stream = stream
        try:
            stream.start()
        except DeviceError:
            self.stream = None
            raise

    def beat(self) -> None:
        """A block has come or gone. For the callback."""
        stream = self.stream
        if stream is not None:
            stream.beat()

    def lost(self) -> bool:
        """Whether the device has gone since this was asked last. It is closed and told of then."""
        if self.stream is None:
            return False
        trouble = self.stream.trouble()
        if not trouble:
            self._tell_news(self.stream)
            return False
        gone, self.stream = self.stream, None
        gone.close()
        if gone.place.name is not None:  # asked for by name from now on
            self._device = replace(self._device, server_name=gone.place.name)
        self._gone, self._gone_at_s, self._retry_at_s = gone, time.monotonic(), 0.0
        self._was_asleep = False
        title = f"The {TITLES[self._direction]} '{self.name}'"
        if self._on_lost is DeviceLost.STOP:
            self.stopped = True
            self.say("stopped", f"{title} is lost: {trouble}. Stopping, as asked.")
        else:
            then = "waiting for it" if self._on_lost is DeviceLost.WAIT else "taking the default"
            self.say("lost", f"{title} is lost: {trouble}; {then}.")
        return True

    def try_again(self, prepare: Callable[[DeviceStream], None]) -> bool:
        """Open the lost device, or the one that takes over, if that works by now."""
        now_s = time.monotonic()
        if self.stopped or now_s < self._retry_at_s:
            return False
        self._retry_at_s = now_s + RETRY_S
        before = self._device
        try:
            found = self._next()
            if found is None:
                return False
            self._device = found
            self.open(prepare)
        except DeviceError:
            self._device = before
            return False
        verb = "Listening to" if self._direction is Direction.INPUT else "Speaking through"
        again = " again" if found.name == before.name else " instead"
        self.say("back", f"{verb} '{self.name}'{again}.")
        return True

    def close(self) -> None:
        stream, self.stream = self.stream, None
        if stream is not None:
            stream.close()

    def say(self, kind: str, text: str) -> None:
        self._tell(DeviceNotice(kind, self._direction, text))

    def _tell_news(self, stream: DeviceStream) -> None:
        """What happened to it, and is no loss."""
        place, title = stream.place, f"The {TITLES[self._direction]} '{self.name}'"
        if place.moved_to:
            self._device = replace(self._device, name=place.moved_to)
            self.say("moved", f"The sound server now connects '{place.moved_to}' to us.")
            place.moved_to = ""
        if stream.is_asleep != self._was_asleep:
            self._was_asleep = stream.is_asleep
            if stream.is_asleep:
                self.say("asleep", f"{title} sleeps: the sound server has suspended it.")
            else:
                self.say("awake", f"{title} is awake again.")
        # Of a microphone the zeros tell, whoever it was that muted it.
        if self._direction is Direction.OUTPUT and place.is_muted != self._was_muted:
            self._was_muted = place.is_muted
            if place.is_muted:
                self.say("silent", f"{title} is muted at the sound server: nobody hears it.")
            else:
                self.say("sounding", f"{title} can be heard again.")

    def _next(self) -> Device | None:
        if self._gone is not None:
            if self._gone.place.name is None:
                return self._device
            found = self._gone.place.found_again(self._gone_at_s)
            if found is not None:
                return replace(
                    self._device,
                    name=found.title,
                    server_name=found.name,
                    channel_names=found.channel_names,
                )
        if self._on_lost is not DeviceLost.DEFAULT:
            return None
        default = find_device(list_devices(), None, self._direction)
        # What our own speaker plays must never be taken for somebody's speech.
        return None if default.is_monitor else default

"""What the machine has to hear and to speak with, and which one a name means."""

from dataclasses import dataclass
from enum import Enum

from audio_io.errors import DeviceError
from audio_io.portaudio import NO_DEVICES_HINT, sounddevice
from audio_io.sound_server import MONITOR, SoundServer

_SERVER_NAMES = ("pulse", "pipewire", "default")
"""What the devices of ALSA are called behind which a sound server stands, best first."""


class Direction(Enum):
    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Device:
    """A microphone or a speaker. The sound server's come after PortAudio's, and are reached
    through one of those."""

    number: int
    name: str
    host: str
    """PortAudio's host API, or the sound server."""
    input_channels: int
    output_channels: int
    rate_hz: int
    """Its own rate."""
    port: int
    """PortAudio's number of the device to open."""
    server_name: str = ""
    """The source or sink to ask the server for; empty for PortAudio's own devices."""
    channel_names: tuple[str, ...] = ()
    """The server's, of a source: where each of its channels stands."""
    resamples: bool = False
    """Whether any rate may be asked of it."""
    default_input: bool = False
    default_output: bool = False

    @property
    def is_monitor(self) -> bool:
        """Whether it hears what a speaker plays."""
        return self.server_name.endswith(MONITOR)

    def suits(self, direction: Direction) -> bool:
        channels = self.input_channels if direction is Direction.INPUT else self.output_channels
        return channels > 0


def list_devices() -> list[Device]:
    """All devices: PortAudio's by its numbers, then those of the sound server.

    Raises:
        DeviceError: PortAudio is not installed.
    """
    package = sounddevice()
    hosts = [host["name"] for host in package.query_hostapis()]
    default_input, default_output = package.default.device
    devices: list[Device] = []
    for number, found in enumerate(package.query_devices()):
        host = hosts[found["hostapi"]]
        devices.append(
            Device(
                number,
                found["name"],
                host,
                found["max_input_channels"],
                found["max_output_channels"],
                round(found["default_samplerate"]),
                number,
                resamples=host == "PulseAudio" or (host == "ALSA" and "(hw:" not in found["name"]),
                default_input=number == default_input,
                default_output=number == default_output,
            )
        )
    return _with_server(devices)


def find_device(devices: list[Device], asked: str | None, direction: Direction) -> Device:
    """The device a number or a part of a name means; the default one for None.

    Raises:
        DeviceError: none matches, or more than one does.
    """
    kind = "microphone" if direction is Direction.INPUT else "speaker"
    suited = [device for device in devices if device.suits(direction)]
    if not suited:
        hint = NO_DEVICES_HINT if direction is Direction.INPUT else "⟦no_speech⟧ shows text only."
        raise DeviceError(f"This machine has no {kind}.", hint=hint)
    if asked is None:
        return _default(suited, direction, kind)
    if asked.strip().isdecimal():
        for device in suited:
            if device.number == int(asked):
                return device
        raise DeviceError(
            f"No {kind} has the number {asked}; there are {len(suited)}.",
            hint="`s2st devices` lists them.",
        )
    found = _matching(suited, asked.casefold())
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{device.number} '{device.name}'" for device in found[:6])
        more = f" and {len(found) - 6} more" if len(found) > 6 else ""
        raise DeviceError(
            f"'{asked}' may mean several {kind}s: {names}{more}.", hint="Give the number."
        )
    raise DeviceError(
        f"No {kind} matches '{asked}'; there are {len(suited)}.",
        hint="`s2st devices` lists them.",
    )


def _matching(devices: list[Device], wanted: str) -> list[Device]:
    """Those whose name is `wanted`; else those with it in their name, what a speaker plays only
    where there is no microphone."""
    for match in (str.__eq__, str.__contains__):
        found = [
            device
            for device in devices
            if match(device.name.casefold(), wanted) or match(device.server_name.casefold(), wanted)
        ]
        if found:
            return [device for device in found if not device.is_monitor] or found
    return []


def _default(suited: list[Device], direction: Direction, kind: str) -> Device:
    inward = direction is Direction.INPUT
    chosen = [d for d in suited if (d.default_input if inward else d.default_output)]
    if not chosen:
        raise DeviceError(
            f"This machine names no default {kind}.",
            hint=f"Choose one of `s2st devices` with ⟦{direction.value}⟧.",
        )
    return chosen[-1]  # the server's own, where there is one: its name says what it is


def _with_server(devices: list[Device]) -> list[Device]:
    """The devices, and those of the sound server if one can be reached through PortAudio."""
    ports = [
        device
        for name in _SERVER_NAMES
        for device in devices
        if device.resamples and device.name == name
    ]
    server = SoundServer()
    if not ports or not server.connect():
        return devices
    port = ports[0].port
    found = list(devices)
    for direction, listed in (
        (Direction.INPUT, server.sources()),
        (Direction.OUTPUT, server.sinks()),
    ):
        inward = direction is Direction.INPUT
        for item in listed:
            found.append(
                Device(
                    len(found),
                    item.title,
                    "sound server",
                    item.channels if inward else 0,
                    0 if inward else item.channels,
                    item.rate_hz,
                    port,
                    server_name=item.name,
                    channel_names=item.channel_names if inward else (),
                    resamples=True,
                    default_input=inward and item.is_default,
                    default_output=not inward and item.is_default,
                )
            )
    server.close()
    return found

"""The table of devices, and the level test."""

import sys
import time

import numpy as np

from audio_io.decoding.downmix import Downmix
from audio_io.device_stream import DeviceLost
from audio_io.devices import Device, Direction, find_device, list_devices
from audio_io.errors import DeviceError
from audio_io.microphone import Microphone
from audio_io.portaudio import NO_DEVICES_HINT
from cli.terminal.cells import clean
from engine.text.records import as_line

RATE_HZ = 16_000
BARS = 40
QUIETEST_DB = -80.0


def show_devices(*, json: bool) -> None:
    """Raises `DeviceError` when there are none."""
    devices = list_devices()
    if not devices:
        raise DeviceError("This machine has no sound devices.", hint=NO_DEVICES_HINT)
    if json:
        for device in devices:
            print(as_line(_record(device)))
        return
    print(" no.  in out    rate  host           name")
    for device in devices:
        defaults = [
            name
            for name, is_default in (
                ("default input", device.default_input),
                ("default output", device.default_output),
                ("hears what is played", device.is_monitor),
            )
            if is_default
        ]
        note = f"  ({', '.join(defaults)})" if defaults else ""
        print(
            f"{device.number:4}  {device.input_channels:2} {device.output_channels:3}  "
            f"{device.rate_hz:6}  {device.host:13}  {clean(device.name)}{note}"
        )


def show_level(asked: str | None, seconds: float, *, json: bool) -> None:
    """What a microphone hears, for a moment."""
    device = find_device(list_devices(), asked, Direction.INPUT)
    said: list[str] = []
    microphone = Microphone(
        device,
        RATE_HZ,
        DeviceLost.STOP,
        lambda notice: said.append(notice.text),
        mix=Downmix("", device.name).mix,
    )
    levels: list[float] = []
    peak = 0.0
    ends_at_s = time.monotonic() + seconds
    try:
        print(f"listening to '{clean(device.name)}' for {seconds:g} s", file=sys.stderr)
        for chunk in microphone:
            if not len(chunk.samples):
                continue
            if not levels:
                ends_at_s = time.monotonic() + seconds  # some take a while to start
            power = float(np.mean(np.square(chunk.samples, dtype=np.float64)))
            levels.append(max(QUIETEST_DB, 10 * float(np.log10(power + 1e-12))))
            peak = max(peak, float(np.max(np.abs(chunk.samples))))
            if sys.stderr.isatty():
                print(f"\r{_bar(levels[-1])}", end="", file=sys.stderr, flush=True)
            if time.monotonic() >= ends_at_s:
                microphone.end()
    finally:
        microphone.close()
        if sys.stderr.isatty():
            print(file=sys.stderr)
    if said:
        raise DeviceError(said[0])
    if not levels:
        raise DeviceError(f"Nothing came from '{device.name}'.", hint="Choose another one.")
    median_db = float(np.median(levels))
    loudest_db = max(levels)
    if json:
        record = {"type": "level", "device": device.name, "median_db": round(median_db, 1)}
        print(as_line(record | {"loudest_db": round(loudest_db, 1), "peak": round(peak, 4)}))
    elif peak == 0.0:
        print("only zeros: muted, or permission refused")
    else:
        print(f"median {median_db:.0f} dBFS, loudest {loudest_db:.0f} dBFS, peak {peak:.2f}")


def _bar(level_db: float) -> str:
    filled = round(BARS * (level_db - QUIETEST_DB) / -QUIETEST_DB)
    return f"{'#' * filled}{'.' * (BARS - filled)} {level_db:4.0f} dBFS"


def _record(device: Device) -> dict[str, object]:
    return {
        "type": "device",
        "number": device.number,
        "name": device.name,
        "host": device.host,
        "input_channels": device.input_channels,
        "output_channels": device.output_channels,
        "rate_hz": device.rate_hz,
        "default_input": device.default_input,
        "default_output": device.default_output,
        "monitor": device.is_monitor,
    }

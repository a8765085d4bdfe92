"""`s2st doctor`: what works on this machine, what is missing, and the line that mends it.

Nothing is taken on trust: the recogniser listens, the translator translates, the voice speaks.
"""

import platform
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

import typer

from audio_io.errors import DeviceError, S2stError
from audio_io.paths import is_there
from cli.config import config_path, load_defaults
from cli.options.shared import Json
from cli.options.wording import worded
from engine.agent import StreamRequest, Task
from engine.registry import Finding, LoadOptions, engines

PACKAGES = ("numpy", "soxr", "soundfile", "sounddevice", "av", "pocketsphinx", "typer", "rich")


def doctor(json: Json = False) -> None:
    """Try every part and say what works, what is missing, and what to type.

    Exit code 0 when the default engine works, else 1.
    """
    from engine.text.records import as_line

    healthy = True
    for finding in findings():
        healthy = healthy and (finding.works or not finding.needed)
        if json:
            record = {
                "name": finding.name,
                "works": finding.works,
                "needed": finding.needed,
                "seen": finding.seen,
                "remedy": finding.remedy or None,
            }
            print(as_line(record))
            continue
        mark = "ok     " if finding.works else "MISSING" if finding.needed else "absent "
        print(f"{mark}  {finding.name}: {finding.seen}")
        if finding.remedy and not finding.works:
            print(f"         {finding.remedy}")
    raise typer.Exit(0 if healthy else 1)


def findings() -> Iterator[Finding]:
    """Every part of the program and of its engines, tried."""
    for finding in _tried():
        yield replace(finding, seen=worded(finding.seen), remedy=worded(finding.remedy))


def _tried() -> Iterator[Finding]:
    yield Finding("python", True, f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield _packages()
    yield _config()
    yield _sound()
    yield from _engines()
    for spec in engines():
        yield from spec.findings()


def _packages() -> Finding:
    seen, missing = [], []
    for name in PACKAGES:
        try:
            seen.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    remedy = f"{sys.executable} -m pip install {' '.join(missing)}" if missing else ""
    return Finding("packages", not missing, ", ".join(seen), remedy)


def _config() -> Finding:
    path = config_path()
    try:
        load_defaults()
    except S2stError as error:
        return Finding("configuration", False, str(error), f"Mend or remove {path}")
    return Finding("configuration", True, str(path) if is_there(path) else f"none at {path}")


def _sound() -> Finding:
    """Microphones and speakers; without any, recordings can still be translated."""
    from audio_io.devices import Direction, find_device, list_devices

    name = "microphone and speaker"
    try:
        devices = list_devices()
        inputs = find_device(devices, None, Direction.INPUT).name
        outputs = find_device(devices, None, Direction.OUTPUT).name
    except DeviceError as error:
        return Finding(name, False, str(error.args[0]), error.hint, needed=False)
    return Finding(name, True, f"{len(devices)} devices; default '{inputs}' and '{outputs}'")


def _engines() -> Iterator[Finding]:
    """One complete engine is enough."""
    found_one = False
    for spec in engines():
        request = StreamRequest(min(spec.sources), tuple(sorted(spec.speech_targets)), Task.S2ST)
        missing = spec.missing(request, LoadOptions())
        seen = spec.summary
        if missing:
            seen = f"lacks {' and '.join(item.what for item in missing)}"
        yield Finding(
            f"engine {spec.name}",
            not missing,
            seen,
            " && ".join(item.remedy for item in missing),
            needed=not found_one,
        )
        found_one = found_one or not missing

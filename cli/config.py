"""`s2st config`: defaults from a TOML file and `S2ST_*` variables, under the command line."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from audio_io.errors import UsageError

COMMON = {"src": str, "tgt": list, "engine": str, "vad": str}
"""Keys at the top of the file, for every command."""
FILE = {
    "output": str,
    "format": list,
    "timeline": bool,
    "mix_original": float,
    "min_confidence": float,
    "partials": bool,
    "audio_root": str,
    "jobs": int,
}
"""Keys of the table `[file]`."""
LIVE = {
    "input": str,
    "output": str,
    "device_lost": str,
    "speak": str,
    "check_output": str,
    "max_lag": float,
    "echo": str,
    "headphones": bool,
    "on_quit": str,
    "min_confidence": float,
}
"""Keys of the table `[live]`."""
TABLES: dict[str, dict[str, type]] = {"file": FILE, "live": LIVE}
PARAMETERS = {("file", "format"): "formats", ("live", "input"): "input_"}
"""Keys whose parameter has another name."""
VARIABLES = {("live", "output"): "S2ST_OUTPUT_DEVICE"}
"""Keys whose variable is not `S2ST_` and the key."""

TEMPLATE = """\
# Defaults of s2st. The command line wins over S2ST_* variables, and those over this file.

# src = "eng"
# tgt = ["spa"]
# engine = "auto"
# vad = "pocketsphinx"

[file]
# output = "translations"
# format = ["wav", "srt"]
# timeline = false
# mix_original = -18.0
# min_confidence = 0.3
# partials = false
# audio_root = "recordings"
# jobs = 1

[live]
# input = "USB"
# output = "Headphones"
# device_lost = "wait"
# speak = "spa"
# check_output = "small"
# max_lag = 6.0
# echo = "gate"
# headphones = false
# on_quit = "finish"
# min_confidence = 0.3
"""


def config(
    init: Annotated[
        bool, typer.Option("--init", help="Write a file with all keys commented out.")
    ] = False,
    path: Annotated[bool, typer.Option("--path", help="Only say where the file is.")] = False,
) -> None:
    """Show the defaults that apply here, and where each comes from."""
    where = config_path()
    if path:
        print(where)
    elif init:
        _write_template(where)
        print(f"Wrote {where}")
    else:
        _show(where)


def config_path() -> Path:
    """`S2ST_CONFIG`, or `s2st/config.toml` where this system keeps configuration."""
    named = os.environ.get("S2ST_CONFIG")
    if named:
        return Path(named)
    from platformdirs import user_config_path

    return user_config_path("s2st", appauthor=False) / "config.toml"


def load_defaults() -> dict[str, dict[str, Any]]:
    """The file as Typer's default map: a value for parameters the command line leaves out."""
    settings = _read(config_path())
    common = {key: settings[key] for key in COMMON if key in settings}
    defaults = {}
    for table in TABLES:
        own = settings.get(table, {}).items()
        named = {PARAMETERS.get((table, key), key): value for key, value in own}
        defaults[table] = common | named
    return defaults


def _read(path: Path) -> dict[str, Any]:
    """The settings, checked. A file that is not there has none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The configuration '{path}' cannot be read: {error}.") from error
    import tomllib

    try:
        settings = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The configuration '{path}' is not TOML: {error}.") from error
    common = {key: value for key, value in settings.items() if key not in TABLES}
    _check(path, common, COMMON, "")
    for name, known in TABLES.items():
        table = settings.get(name, {})
        if not isinstance(table, dict):
            raise UsageError(f"In '{path}', `{name}` must be a table: write [{name}].")
        _check(path, table, known, f" in [{name}]")
    return settings | common


def _check(path: Path, found: dict[str, Any], known: Mapping[str, type], place: str) -> None:
    """Only known keys, each of its type. A single word becomes the list it is short for."""
    for key, value in found.items():
        if key not in known:
            raise UsageError(
                f"'{path}' has an unknown key '{key}'{place}.",
                hint=f"There is: {', '.join(known)}.",
            )
        kind = known[key]
        if kind is list and isinstance(value, str):
            found[key] = [value]
            continue
        right = isinstance(value, int | float) if kind is float else isinstance(value, kind)
        if not right or (isinstance(value, bool) and kind is not bool):
            raise UsageError(
                f"'{path}': {key}{place} is {value!r}, but should be a {kind.__name__}."
            )


def _write_template(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError as error:
        raise UsageError(f"'{path}' exists already.", hint="Edit it.") from error
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written ({error.strerror}).") from error


def _show(path: Path) -> None:
    settings = _read(path)
    there = "" if path.exists() else " (not there; `s2st config --init` writes one)"
    print(f"file: {path}{there}")
    for key in COMMON:
        _show_key(key, f"S2ST_{key.upper()}", settings.get(key))
    for name, known in TABLES.items():
        print(f"[{name}]")
        for key in known:
            variable = VARIABLES.get((name, key), f"S2ST_{key.upper()}")
            _show_key(key, variable, settings.get(name, {}).get(key))


def _show_key(key: str, variable: str, in_file: object) -> None:
    if variable in os.environ:
        print(f"{key} = {os.environ[variable]!r}  (from {variable})")
    elif in_file is not None:
        print(f"{key} = {in_file!r}  (from the file)")
    else:
        print(f"{key}: not set")

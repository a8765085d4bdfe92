"""`s2st config`: defaults from a TOML file and `S2ST_*` variables, under the command line.

What may be set is what the options of `file` and `live` mark with a `Key`.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from audio_io.errors import UsageError
from audio_io.paths import expanded, is_there, own_folder
from cli.file.command import FileOptions
from cli.live.command import LiveOptions
from cli.options.declared import Declared, declared

VARIABLE = "S2ST_CONFIG"
"""Names the file."""
COMMANDS: dict[str, type[Any]] = {"file": FileOptions, "live": LiveOptions}
"""The commands with a table of their own, and their options."""


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
    named = _named_path()
    if named is not None:
        return named
    from platformdirs import user_config_path

    return own_folder(user_config_path) / "config.toml"


def _named_path() -> Path | None:
    """Where `S2ST_CONFIG` says."""
    named = os.environ.get(VARIABLE)
    return expanded(Path(named)) if named else None


def load_defaults() -> dict[str, dict[str, Any]]:
    """The file as Typer's default map: a value for parameters the command line leaves out.

    Raises:
        UsageError: the file cannot be read, or says what cannot be; one that was named is not
            there.
    """
    named = _named_path()
    if named is not None:
        _check_is_there(named)
    settings = _read(config_path())
    defaults = {}
    for name in COMMANDS:
        found = [(_keys(for_all=True), settings), (_keys(name), settings.get(name, {}))]
        defaults[name] = {
            known[key].field: said[key] for known, said in found for key in known if key in said
        }
    return defaults


def _check_is_there(named: Path) -> None:
    try:
        named.stat()
    except OSError as error:
        why = "is not there"
        if not isinstance(error, FileNotFoundError):
            why = f"cannot be read: {error.strerror}"
        raise UsageError(
            f"The configuration '{named}' that {VARIABLE} names {why}.",
            hint=f"`s2st config --init` writes one; unset {VARIABLE} to have none.",
        ) from error


def _keys(command: str = "file", *, for_all: bool = False) -> dict[str, Declared]:
    """What may be set of a command, by name; or for all of them."""
    return {
        each.name: each
        for each in declared(COMMANDS[command])
        if each.key is not None and each.key.for_all == for_all
    }


def _type(key: Declared) -> type:
    """Of its value in the file."""
    if key.is_list:
        return list
    kinds = get_args(key.kind) if isinstance(key.kind, UnionType) else (key.kind,)
    kind = kinds[0]
    return str if kind is Path or get_origin(kind) is Literal else kind


def _template() -> str:
    lines = [
        "# Defaults of s2st. The command line wins over S2ST_* variables, and those over this file."
    ]
    for title, keys in _tables():
        lines += ["", *([f"[{title}]"] if title else [])]
        lines += [f"# {name} = {each.key.example}" for name, each in keys.items() if each.key]
    return "\n".join(lines) + "\n"


def _tables() -> Iterator[tuple[str, dict[str, Declared]]]:
    yield "", _keys(for_all=True)
    for name in COMMANDS:
        yield name, _keys(name)


def _read(path: Path) -> dict[str, Any]:
    """The settings, checked. A file that is not there has none, and none is in a place that cannot
    be looked at: there may be no home, or nobody may look into it."""
    if not is_there(path) or not (path.is_absolute() or _named_path()):
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"The configuration '{path}' cannot be read: {reason}.") from error
    import tomllib

    try:
        settings = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The configuration '{path}' is not TOML: {error}.") from error
    common = {key: value for key, value in settings.items() if key not in COMMANDS}
    _check(path, common, _keys(for_all=True), "")
    for name in COMMANDS:
        table = settings.get(name, {})
        if not isinstance(table, dict):
            raise UsageError(f"In '{path}', `{name}` must be a table: write [{name}].")
        _check(path, table, _keys(name), f" in [{name}]")
    return settings | common


def _check(path: Path, found: dict[str, Any], known: Mapping[str, Declared], place: str) -> None:
    """Only known keys, each of its type. A single word becomes the list it is short for."""
    for key, value in found.items():
        if key not in known:
            raise UsageError(
                f"'{path}' has an unknown key '{key}'{place}.",
                hint=f"There is: {', '.join(known)}.",
            )
        kind = _type(known[key])
        if value == []:
            raise UsageError(f"'{path}': {key}{place} is empty.")
        if kind is list and isinstance(value, str):
            found[key] = [value]
            continue
        right = isinstance(value, int | float) if kind is float else isinstance(value, kind)
        if not right or (isinstance(value, bool) and kind is not bool):
            raise UsageError(
                f"'{path}': {key}{place} is {value!r}, but should be a {kind.__name__}."
            )


def _write_template(path: Path) -> None:
    if not (path.is_absolute() or _named_path()):
        raise UsageError(
            "There is no home folder to keep a configuration in.",
            hint=f"Name a file with {VARIABLE}.",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(_template())
    except FileExistsError as error:
        raise UsageError(f"'{path}' exists already.", hint="Edit it.") from error
    except OSError as error:
        raise UsageError(
            f"'{path}' cannot be written ({error.strerror}).",
            hint=f"{VARIABLE} names another place.",
        ) from error


def _show(path: Path) -> None:
    settings = _read(path)
    there = "" if is_there(path) else " (not there; `s2st config --init` writes one)"
    print(f"file: {path}{there}")
    for title, keys in _tables():
        if title:
            print(f"[{title}]")
        in_file = settings.get(title, {}) if title else settings
        for name, each in keys.items():
            variable = each.info.envvar
            assert isinstance(variable, str)
            _show_key(name, variable, in_file.get(name))


def _show_key(key: str, variable: str, in_file: object) -> None:
    if variable in os.environ:
        print(f"{key} = {os.environ[variable]!r}  (from {variable})")
    elif in_file is not None:
        print(f"{key} = {in_file!r}  (from the file)")
    else:
        print(f"{key}: not set")

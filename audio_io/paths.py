"""Paths as people name them: looked at without an error, and names that fit a file system."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from audio_io.errors import UsageError

LONGEST_NAME_BYTES = 255
"""Of all usual file systems."""
_DIGEST_BYTES = 6


def is_there(path: Path) -> bool:
    """Whether something can be seen there. What cannot be looked at is not there: whoever opens it
    is told why."""
    return os.path.exists(path)  # noqa: PTH110  Path's own raises


def is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  Path's own raises


def is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113  Path's own raises


def really(path: Path) -> Path:
    """Where a path leads, as far as that can be seen. Unlike `Path.resolve` it bears a loop of
    links: that file then cannot be opened."""
    return Path(os.path.realpath(path))


def expanded(path: Path) -> Path:
    """With the folder of a person for a `~` it begins with. Raises `UsageError` where nobody has
    one: a folder named `~` is never meant."""
    whole = Path(os.path.expanduser(path))  # noqa: PTH111  Path's own raises for names like ~x.wav
    if whole.parts[:1] == ("~",):
        raise UsageError(f"There is no home folder for '{path}'.", hint="Name the whole path.")
    return whole


def own_folder(find: Callable[..., Path]) -> Path:
    """The folder that a function of `platformdirs` finds for s2st. Below `~`, where nothing is, for
    who has no home."""
    try:
        return find("s2st", appauthor=False)
    except RuntimeError:
        return Path("~") / "s2st"


def fitting(stem: str, ending: str = "", longest_bytes: int = LONGEST_NAME_BYTES) -> str:
    """A file's name, `stem` and `ending`. Where that is too long for one, the stem is cut, and a
    digest of it keeps it apart from every other that begins alike."""
    whole, end = os.fsencode(stem), os.fsencode(ending)
    if len(whole) + len(end) <= longest_bytes:
        return stem + ending
    mark = "~" + hashlib.blake2b(whole, digest_size=_DIGEST_BYTES).hexdigest()
    room_bytes = longest_bytes - len(mark) - len(end)
    while room_bytes and whole[room_bytes] & 0xC0 == 0x80:  # within a character of UTF-8
        room_bytes -= 1
    return os.fsdecode(whole[:room_bytes]) + mark + ending

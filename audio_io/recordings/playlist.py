"""Playlists of nothing but files beside them."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from audio_io.errors import SoundFileError

_HEADS = (b"#extm3u", b"ffconcat", b"[playlist]")
_LARGEST_BYTES = 4 << 20
_MOST_ENTRIES = 10_000
_RANGE = re.compile(r"(\d{1,18})(?:@(\d{1,18}))?")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a playlist, or a stretch of it."""

    path: Path
    start: int = 0
    size_bytes: int | None = None
    """None is all of it."""


@dataclass(frozen=True, slots=True)
class Playlist:
    entries: tuple[Entry, ...]
    is_one_stream: bool
    """Whether the files are pieces of one stream (HLS), rather than recordings of their own."""


def is_playlist(head: bytes, suffix: str = "") -> bool:
    """Whether it begins like one, or is text and named like an m3u, which needs no first line."""
    if suffix.lower() in (".m3u", ".m3u8") and head.strip() and b"\0" not in head:
        return True
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:16].lower().startswith(_HEADS)


def read_playlist(path: Path) -> Playlist:
    """The files of an m3u, m3u8, pls or ffconcat playlist.

    Raises:
        SoundFileError: it names what is no file below its own folder, or nothing. Nothing that it
            names was opened then.
    """
    data = path.read_bytes()[:_LARGEST_BYTES]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")  # what m3u was before m3u8
    if "#EXT-X-STREAM-INF" in text:
        raise SoundFileError(
            f"{path} is a playlist of playlists.", hint="Give one of those that it names."
        )
    if re.search(r"#EXT-X-KEY:(?!METHOD=NONE)", text):
        raise SoundFileError(f"{path} is a playlist of encrypted pieces.")
    names = _ffconcat(text) if text.startswith("ffconcat") else _listed(text)
    if not names:
        raise SoundFileError(f"{path} is a playlist of nothing.")
    if len(names) > _MOST_ENTRIES:
        raise SoundFileError(f"{path} names {len(names)} files, more than {_MOST_ENTRIES}.")
    entries = tuple(
        Entry(_beside(path, name), start, size_bytes) for name, start, size_bytes in names
    )
    return Playlist(entries, "#EXT-X-TARGETDURATION" in text)


def _listed(text: str) -> list[tuple[str, int, int | None]]:
    """Of m3u, m3u8 and pls."""
    names: list[tuple[str, int, int | None]] = []
    is_pls = text.lstrip().lower().startswith("[playlist]")
    start, size_bytes = 0, None
    ends: dict[str, int] = {}
    for line in map(str.strip, text.splitlines()):
        if is_pls:
            if re.match(r"File\d+=", line, re.IGNORECASE):
                names.append((line.partition("=")[2], 0, None))
        elif line.startswith("#EXT-X-MAP:"):
            found = re.search(r'URI="([^"]*)"', line)
            if found:
                names.append((found[1], 0, None))
        elif line.startswith("#EXT-X-BYTERANGE:"):
            found = _RANGE.match(line.removeprefix("#EXT-X-BYTERANGE:"))
            if found:
                size_bytes, start = int(found[1]), int(found[2]) if found[2] else -1
        elif line and not line.startswith("#"):
            if size_bytes is not None:
                start = ends.get(line, 0) if start < 0 else start
                ends[line] = start + size_bytes
            names.append((line, start, size_bytes))
            start, size_bytes = 0, None
    return names


def _ffconcat(text: str) -> list[tuple[str, int, int | None]]:
    names: list[tuple[str, int, int | None]] = []
    for line in text.splitlines():
        found = re.match(r"\s*file\s+(.+?)\s*$", line)
        if found:
            names.append((_unquoted(found[1]), 0, None))
    return names


def _unquoted(text: str) -> str:
    """By FFmpeg's rules: nothing is special between quotes, and a backslash outside of them takes
    the next letter as it is."""
    return re.sub(r"'([^']*)'?|\\(.?)", lambda found: found[1] or found[2] or "", text)


def _beside(playlist: Path, name: str) -> Path:
    """As it stands there, or as players write and other systems separate names, if that exists."""
    paths = []
    for plain in (name, unquote(name), name.replace("\\", "/")):
        parts = PurePosixPath(plain)
        if (
            re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", plain)
            or parts.is_absolute()
            or ".." in parts.parts
            or "\0" in plain
        ):
            raise SoundFileError(
                f"{playlist} is a playlist that points elsewhere ({name[:80]!r}).",
                hint="Only files below its own folder are read; give the recordings themselves.",
            )
        paths.append(playlist.parent / parts)
    return next((path for path in paths if _is_there(path)), paths[0])


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # no name that a file could have
        return False

"""Lists of one thing a line: recordings, or references."""

from pathlib import Path

from audio_io.errors import ManifestError


def read_text(path: Path) -> str:
    """Raises a `ManifestError`."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ManifestError(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path} is not UTF-8.") from error


def stripped(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n")]


def lines_for(text: str, count: int) -> list[str]:
    """The lines of a text that should have so many. Empty ones at its end count as long as they
    are wanted: that they are empty is what is wrong then, not how many there are."""
    lines = stripped(text.removesuffix("\n"))
    while len(lines) > count and not lines[-1]:
        lines.pop()
    return lines

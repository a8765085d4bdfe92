"""`WholeFile`: a result that is on the disk complete, or not at all."""

import contextlib
import errno
import io
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, TextIO, cast

from audio_io.errors import OutputError
from audio_io.paths import LONGEST_NAME_BYTES, fitting

_REASONS = {
    errno.ENOSPC: ("the disk is full.", "Free some space, or write to another disk."),
    errno.EDQUOT: ("your share of the disk is used up.", "Free some space there."),
    errno.EFBIG: ("it would be larger than files may be here.", "Raise the limit (`ulimit -f`)."),
    errno.ENOENT: ("its folder does not exist.", "Create it with `mkdir -p`."),
    errno.ENOTDIR: ("part of its path is a file, not a folder.", "Check the path."),
    errno.EACCES: ("permission denied.", "Write to a folder of your own."),
    errno.EPERM: ("permission denied.", "Write to a folder of your own."),
    errno.EROFS: ("it is on a read-only disk.", "Write somewhere else."),
    errno.ENAMETOOLONG: ("its name is too long.", "Give it a shorter name."),
    errno.EISDIR: ("it is a folder.", "Name a file in it."),
}


class WholeFile:
    """A temporary file beside `path` that takes its place in `finish()`.

    Its name is `.{name}.{pid}.part`, so that what a killed process left behind is recognised and
    removed by the next one that writes to the same path. Leaving a `with` block finishes, or
    abandons if an error ended it. One process may write to a path only once at a time.

    Raises:
        OutputError: from every method, when the disk is full or the path can't be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: IO[bytes] | IO[str] | None = None
        self._descriptor = -1
        self._abandoned = False
        try:
            self._target = _followed(path)
            _refuse_what_is_no_file(path, self._target)
            self._part = self._target.with_name(_part_name(self._target.name, os.getpid()))
            remove_stale_parts(self._target)
            self._part.unlink(missing_ok=True)  # an earlier process may have had our number
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(self._part, flags, 0o666)
        except (OSError, ValueError, RuntimeError) as error:  # a NUL; a loop of links
            raise _output_error(path, error) from error

    @property
    def part(self) -> Path:
        """The temporary file, for a writer that wants a path. It exists and is empty."""
        return self._part

    def open_binary(self) -> BinaryIO:
        """A handle to write bytes with and seek in. `finish` and `abandon` close it."""
        raw = _OutputBytes(self._descriptor, self.path)
        self._handle = io.BufferedWriter(raw, buffer_size=65536)
        return cast(BinaryIO, self._handle)

    def open_text(self) -> TextIO:
        """A handle to write UTF-8 with, lines ending in `\\n`. `finish` and `abandon` close it."""
        self._handle = io.TextIOWrapper(self.open_binary(), encoding="utf-8", newline="\n")
        return cast(TextIO, self._handle)

    def finish(self) -> None:
        """Put the file in its place. May be called twice; if it fails, nothing is left behind.

        Raises:
            ValueError: the file was abandoned.
        """
        if self._abandoned:
            raise ValueError(f"{self.path} was abandoned")
        if self._descriptor < 0:
            return
        try:
            if self._handle is not None:
                self._handle.close()
            os.fsync(self._descriptor)
            self._part.replace(self._target)
        except OSError as error:
            self.abandon()
            raise _output_error(self.path, error) from error
        except OutputError:
            self.abandon()
            raise
        self._close_descriptor()

    def abandon(self) -> None:
        """Remove what was written. May be called twice, and does nothing after `finish`."""
        if self._descriptor < 0:
            return
        self._abandoned = True
        if self._handle is not None:
            # Closing writes what is still buffered, onto a disk that may be full.
            with contextlib.suppress(OutputError):
                self._handle.close()
        self._close_descriptor()
        with contextlib.suppress(OSError):
            self._part.unlink()

    def __enter__(self) -> "WholeFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finish()
        else:
            self.abandon()

    def _close_descriptor(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1


class _OutputBytes(io.FileIO):
    """A raw file whose failed writes say which result could not be written, and why."""

    def __init__(self, descriptor: int, path: Path) -> None:
        super().__init__(descriptor, "r+b", closefd=False)
        self._path = path

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise _output_error(self._path, error) from error


def _output_error(path: Path, error: Exception) -> OutputError:
    number = error.errno if isinstance(error, OSError) else None
    seen = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    reason, hint = _REASONS.get(number or 0, (f"{seen}.", ""))
    return OutputError(f"{path} cannot be written: {reason}", hint=hint)


def _refuse_what_is_no_file(path: Path, target: Path) -> None:
    # Asked first, so that a name that is too long fails now and not when all work is done.
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        if not target.name:
            raise OutputError(f"{path} cannot be written: it names no file.") from None
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory")
    if not stat.S_ISREG(mode):
        # Replacing /dev/null by a file would break the machine.
        raise OutputError(
            f"{path} cannot be written: it is a device or a pipe.", hint="Name an ordinary file."
        )


def _followed(path: Path) -> Path:
    """A link is written through: the file it points at is replaced, not the link."""
    return path.resolve() if path.is_symlink() else path


def _part_name(name: str, pid: int) -> str:
    return f"{_part_stem(name)}.{pid}.part"


def _part_stem(name: str) -> str:
    """A dot and the target's name, shortened if the whole would be no legal name any more."""
    room_bytes = LONGEST_NAME_BYTES - len(".") - len(".4194304.part")  # the largest pid of Linux
    return "." + fitting(name, longest_bytes=room_bytes)


def remove_own_part(path: Path) -> None:
    """Remove what this process has half written for `path`: what may be left when somebody wants
    to leave (Ctrl-C) before a `WholeFile` that was just made is in anyone's hands."""
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        target = _followed(path)
        target.with_name(_part_name(target.name, os.getpid())).unlink()


def remove_stale_parts(target: Path) -> None:
    """Remove what processes that live no more left half written for `target`."""
    stem = _part_stem(target.name) + "."
    with os.scandir(target.parent) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(stem)]
    for name in names:
        pid, _, suffix = name[len(stem) :].partition(".")
        if suffix == "part" and pid.isascii() and pid.isdigit() and not is_alive(int(pid)):
            with contextlib.suppress(OSError):
                (target.parent / name).unlink()


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True  # someone else's process; or a number that was never a process's
    return True

"""The decoder of a file: of one recording, of several joined in one, or of a playlist's."""

import contextlib
import functools
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from audio_io.byte_streams import FileBytes, Piece, PiecesBytes
from audio_io.containers.links import Link, find_links
from audio_io.decoding.decoded import DecodedBlock, Decoder
from audio_io.decoding.libav import LibavDecoder
from audio_io.errors import SoundFileError, system_said
from audio_io.recordings.joined import JoinedDecoder
from audio_io.recordings.playlist import Playlist, is_playlist, read_playlist
from audio_io.sound_choice import SoundChoice

_PROBED_BYTES = 8 << 20
_STEP_BYTES = 1 << 20


def open_decoder(path: Path, file: IO[bytes], data: FileBytes, choice: SoundChoice) -> Decoder:
    """The decoder of an open file.

    Raises:
        SoundFileError: it can't be read, or holds no sound.
        OSError: it could not be looked at.
    """
    name = str(path)
    data = readable(file, data)
    if is_playlist(data.head, path.suffix):
        return _open_playlist(path, read_playlist(path), choice)
    links = find_links(data)
    if len(links) == 1:
        return LibavDecoder(data, name, choice, links[0].damaged_at)
    return JoinedDecoder([_opens(file, link, name, choice) for link in links], "links")


def readable(file: IO[bytes], data: FileBytes) -> FileBytes:
    """As much of a file as can be read, as far as FFmpeg looks at it all at once.

    What a disk cannot read raises within FFmpeg, again and again, and PyAV prints all but one of
    these errors. Later FFmpeg reads bit by bit, and stops at the first.
    """
    end = data.size_bytes
    for at in (*range(0, min(end, _PROBED_BYTES), _STEP_BYTES), max(0, end - _STEP_BYTES)):
        try:
            data.at(at, _STEP_BYTES)
        except OSError as error:
            whole_bytes = _readable_from(data, at)
            return PiecesBytes([Piece(file, 0, whole_bytes)], system_said(error))
    return data


def _readable_from(data: FileBytes, start: int) -> int:
    """Up to where it can be read: not at `start` + `_STEP_BYTES` any more."""
    good, step = start, _STEP_BYTES
    while step > 1:
        step //= 2
        with contextlib.suppress(OSError):
            data.at(good, step)
            good += step
    return good


def _opens(file: IO[bytes], link: Link, name: str, choice: SoundChoice) -> Callable[[], Decoder]:
    piece = PiecesBytes([Piece(file, link.start, link.end - link.start)])
    damaged_at = [at - link.start for at in link.damaged_at]
    return lambda: LibavDecoder(piece, name, choice, damaged_at)


def _open_playlist(path: Path, playlist: Playlist, choice: SoundChoice) -> Decoder:
    if not playlist.is_one_stream:
        parts = [functools.partial(_open_entry, entry.path, choice) for entry in playlist.entries]
        return JoinedDecoder(parts, "files")
    with ExitStack() as stack:
        files = {entry.path: stack.enter_context(opened(entry.path)) for entry in playlist.entries}
        pieces = [
            Piece(
                files[entry.path],
                entry.start,
                os.fstat(files[entry.path].fileno()).st_size
                if entry.size_bytes is None
                else entry.size_bytes,
            )
            for entry in playlist.entries
        ]
        decoder = LibavDecoder(PiecesBytes(pieces), str(path), choice)
        return _Owner(decoder, stack.pop_all())
    raise AssertionError("an exit stack of files hides no error")


def _open_entry(path: Path, choice: SoundChoice) -> Decoder:
    with ExitStack() as stack:
        file = stack.enter_context(opened(path))
        data = FileBytes(file, os.fstat(file.fileno()).st_size)
        if is_playlist(data.head, path.suffix):
            raise SoundFileError(f"{path} is a playlist within another.")
        return _Owner(open_decoder(path, file, data, choice), stack.pop_all())
    raise AssertionError("an exit stack of files hides no error")


def opened(path: Path) -> IO[bytes]:
    """An ordinary file, to read.

    Raises:
        SoundFileError: it is none, or can't be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for who writes it
            raise SoundFileError(f"{path} is no ordinary file.")
        return path.open("rb", buffering=0)
    except OSError as error:
        raise SoundFileError(f"{path} cannot be read: {error.strerror}.") from error


class _Owner:
    """A decoder and the files that are its own."""

    def __init__(self, decoder: Decoder, files: ExitStack) -> None:
        self._decoder = decoder
        self._files = files

    @property
    def duration_s(self) -> float | None:
        return self._decoder.duration_s

    @property
    def taken(self) -> str:
        return self._decoder.taken

    def __iter__(self) -> Iterator[DecodedBlock]:
        return iter(self._decoder)

    def close(self) -> None:
        self._decoder.close()
        self._files.close()

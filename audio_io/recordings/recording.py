"""`Recording`: a source for any audio or video file, and for pipes."""

import errno
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from audio_io.byte_streams import FileBytes, PipeBytes
from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from audio_io.decoding.decoded import DecodedBlock, Decoder
from audio_io.errors import SoundFileError
from audio_io.pcm import from_pcm16
from audio_io.resample import StreamResampler
from audio_io.shown_clock import ShownClock
from audio_io.sound_choice import ANY_SOUND, SoundChoice

_OPEN_ERRORS = {
    errno.ENOENT: ("does not exist.", "Check the name and the folder."),
    errno.EISDIR: ("is a folder.", "Give one recording in it."),
    errno.ENOTDIR: ("does not exist: part of its path is a file.", "Check the path."),
    errno.EACCES: ("may not be read: permission denied.", "`chmod +r` it, or copy it."),
    errno.EPERM: ("may not be read: permission denied.", "`chmod +r` it, or copy it."),
    errno.ENAMETOOLONG: ("does not exist: the name is too long.", "Check the name."),
}


def open_recording(
    path: Path,
    sample_rate_hz: int | None,
    block_ms: int = 100,
    choice: SoundChoice = ANY_SOUND,
) -> "Recording":
    """A recording as a source at `sample_rate_hz`, or at its own rate, mono. It can be iterated
    once. `choice` says which of its tracks and channels is heard.

    Named pipes and devices work too, as `open_pipe` reads them.

    Raises:
        SoundFileError: there is no such file, it can't be read, or holds no sound.
    """
    try:
        file = path.open("rb", buffering=0)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _cannot_open(path, error) from error
    try:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return open_pipe(
                file, sample_rate_hz, block_ms=block_ms, name=str(path), owned=True, choice=choice
            )
        from audio_io.recordings.files import open_decoder  # 70 ms to import, not for raw pipes

        decoder = open_decoder(path, file, FileBytes(file, status.st_size), choice)
        return Recording(decoder, sample_rate_hz, block_ms, str(path), owned=file)
    except BaseException:
        file.close()
        raise


def open_pipe(
    stream: IO[bytes],
    sample_rate_hz: int | None,
    raw_rate_hz: int | None = None,
    *,
    block_ms: int = 100,
    name: str = "standard input",
    owned: bool = False,
    choice: SoundChoice = ANY_SOUND,
) -> "Recording":
    """A stream of bytes that can only be read forwards, as a source. It can be iterated once.

    With `raw_rate_hz` the bytes are 16-bit little-endian mono samples at that rate, and each
    block is handed over as soon as it has come. Without, they are a file of any kind. Waits for
    the first sound. `owned` says that closing the recording closes the stream.

    Raises:
        SoundFileError: the stream is empty, or holds no sound.
    """
    data = PipeBytes(stream)
    decoder: Decoder
    if raw_rate_hz is None:
        from audio_io.decoding.libav import LibavDecoder  # as above

        decoder = LibavDecoder(data, name, choice)
    else:
        decoder = _RawPcm(data, raw_rate_hz, block_ms, name)
    return Recording(decoder, sample_rate_hz, block_ms, name, owned=stream if owned else None)


class Recording:
    """An `AudioSource` of what a decoder reads, brought to one rate and cut into even blocks.

    Every chunk has `block_ms` of sound but the last and the one before a loss. Where sound was
    lost, the next chunk's `start_sample` jumps; a recording that was cut off ends with an empty
    chunk at the end it promised. Where sound is damaged and nobody knows how much of it, a chunk
    has a `lost_reason` and does not jump.
    """

    def __init__(
        self,
        decoder: Decoder,
        sample_rate_hz: int | None,
        block_ms: int,
        name: str,
        owned: IO[bytes] | None = None,
    ) -> None:
        """Without `sample_rate_hz`, chunks have the rate that the sound begins with."""
        self._decoder = decoder
        self._duration_s = decoder.duration_s
        self._owned = owned
        self._blocks = iter(decoder)
        self.clock = ShownClock()
        """What a player shows when this sound is heard; it knows what was read so far."""
        try:
            # Only sound that was really decoded proves that there is some.
            self._first = next((block for block in self._blocks if len(block.samples)), None)
            if self._first is None:
                raise SoundFileError(
                    f"{name} holds no sound: not one sample of it could be read.",
                    hint="Play it elsewhere to see whether it is damaged.",
                )
            self.sample_rate_hz = sample_rate_hz or self._first.sample_rate_hz
            block_samples = max(1, self.sample_rate_hz * block_ms // 1000)
            self._cutter = _BlockCutter(self.sample_rate_hz, block_samples)
        except BaseException:
            self.close()
            raise

    @property
    def duration_s(self) -> float | None:
        return self._duration_s

    @property
    def taken(self) -> str:
        """What was heard of a recording that holds more than one sound; empty where there was
        nothing to choose. Known in full at the end."""
        return self._decoder.taken

    def __iter__(self) -> Iterator[AudioChunk]:
        if self._first is None:
            raise ValueError("a recording can be read once; open it again")
        first, self._first = self._first, None
        resampler, rate_hz, position_s = None, 0, 0.0
        for block in itertools.chain([first], self._blocks):
            if resampler is None or block.lost_reason or block.sample_rate_hz != rate_hz:
                if resampler is not None:
                    yield from self._cutter.push(resampler.process(silence(0), last=True))
                rate_hz = block.sample_rate_hz
                resampler = StreamResampler(rate_hz, self.sample_rate_hz)
            if block.lost_reason:
                lost_samples = round(block.lost_s * self.sample_rate_hz)
                yield from self._cutter.jump(lost_samples, block.lost_reason)
            position_s += block.lost_s
            self.clock.mark(position_s, block.late_s)
            position_s += len(block.samples) / block.sample_rate_hz
            yield from self._cutter.push(resampler.process(block.samples))
        assert resampler is not None  # the first block made one
        yield from self._cutter.push(resampler.process(silence(0), last=True))
        yield self._cutter.rest(Boundary.STREAM)

    def close(self) -> None:
        self._decoder.close()
        if self._owned is not None:
            self._owned.close()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _BlockCutter:
    """Cuts sound that comes in pieces of any length into chunks of one length."""

    def __init__(self, sample_rate_hz: int, block_samples: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._block_samples = block_samples
        self._pending: Samples = silence(0)
        self._start_sample = 0
        """Stream time of the first pending sample."""
        self._lost_reason = ""
        """Of what is missing before it."""

    def push(self, samples: Samples) -> Iterator[AudioChunk]:
        # A filter overshoots at loud edges.
        self._pending = np.concatenate([self._pending, np.clip(samples, -1.0, 1.0)])
        while len(self._pending) >= self._block_samples:
            yield self._take(self._block_samples, Boundary.NONE)

    def jump(self, samples: int, reason: str) -> Iterator[AudioChunk]:
        if len(self._pending) or self._lost_reason:
            yield self.rest(Boundary.NONE)
        self._start_sample += samples
        self._lost_reason = reason

    def rest(self, boundary: Boundary) -> AudioChunk:
        return self._take(len(self._pending), boundary)

    def _take(self, samples: int, boundary: Boundary) -> AudioChunk:
        chunk = AudioChunk(
            self._pending[:samples],
            self._sample_rate_hz,
            self._start_sample,
            boundary=boundary,
            lost_reason=self._lost_reason,
        )
        self._lost_reason = ""
        self._pending = self._pending[samples:]
        self._start_sample += samples
        return chunk


class _RawPcm:
    """A `Decoder` of bare 16-bit little-endian mono samples."""

    duration_s = None
    taken = ""

    def __init__(self, data: PipeBytes, rate_hz: int, block_ms: int, name: str) -> None:
        self._data = data
        self._rate_hz = rate_hz
        self._block_bytes = 2 * max(1, rate_hz * block_ms // 1000)
        self._name = name

    def __iter__(self) -> Iterator[DecodedBlock]:
        pending = b""
        while True:
            try:
                data = self._data.read(self._block_bytes - len(pending))
            except OSError as error:
                raise _cannot_open(self._name, error) from error
            pending += data
            if data and len(pending) < self._block_bytes:
                continue
            whole_bytes = len(pending) // 2 * 2  # half a sample at the very end is nothing
            if whole_bytes:
                yield DecodedBlock(from_pcm16(pending[:whole_bytes]), self._rate_hz)
            if not data:
                return
            pending = b""

    def close(self) -> None:
        pass


def _cannot_open(name: Path | str, error: OSError | ValueError) -> SoundFileError:
    seen = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    number = error.errno if isinstance(error, OSError) else None
    reason, hint = _OPEN_ERRORS.get(number or 0, (f"cannot be read: {seen}.", ""))
    return SoundFileError(f"{name} {reason}", hint=hint)

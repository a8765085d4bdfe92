"""`RunningWav`: a wav that can be played at any moment while it is written, even after a crash."""

import contextlib
from pathlib import Path
from typing import BinaryIO

from audio_io.chunk import AudioChunk
from audio_io.errors import OutputError
from audio_io.pcm import to_pcm16
from audio_io.wav import LARGEST_WAV_BYTES, wav_header

_BYTES_PER_SAMPLE = 2
_ZEROS_AT_ONCE = 1 << 16


class RunningWav:
    """An `AudioSink` for live recordings, 16-bit mono. Its header is true every second.

    A chunk that starts later than what was written so far leaves silence in between; one that
    starts earlier is appended. A process that is killed loses at most the last second.

    Raises:
        OutputError: the file exists, or cannot be written.
    """

    def __init__(self, path: Path, sample_rate_hz: int) -> None:
        self.path = path
        self.sample_rate_hz = sample_rate_hz
        self._samples = 0
        self._told_samples = 0
        """How many samples the header on the disk speaks of."""
        self._closed = False
        try:
            self._file: BinaryIO = path.open("xb")
            self._file.write(wav_header(sample_rate_hz, 0))
            self._file.flush()
        except OSError as error:
            raise _failed(path, error) from error

    def write(self, chunk: AudioChunk) -> None:
        if self._closed:
            raise ValueError(f"{self.path} is closed")
        if chunk.sample_rate_hz != self.sample_rate_hz:
            raise ValueError(
                f"{self.path} takes {self.sample_rate_hz} Hz, not {chunk.sample_rate_hz} Hz"
            )
        self.fill_to(chunk.start_sample)
        self._append(to_pcm16(chunk.samples))

    def fill_to(self, sample: int) -> None:
        """Silence up to a sample, so that what follows is in its place."""
        missing = sample - self._samples
        while missing > 0:
            block = min(missing, _ZEROS_AT_ONCE)
            self._append(bytes(block * _BYTES_PER_SAMPLE))
            missing -= block

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            self._tell_length()
        finally:
            with contextlib.suppress(OSError):
                self._file.close()

    @property
    def written_samples(self) -> int:
        """The silence in between included."""
        return self._samples

    def _append(self, data: bytes) -> None:
        if self._samples * _BYTES_PER_SAMPLE + len(data) > LARGEST_WAV_BYTES:
            raise OutputError(f"{self.path} has reached 4 GB, the most that a wav can hold.")
        try:
            self._file.write(data)
        except OSError as error:
            raise _failed(self.path, error) from error
        self._samples += len(data) // _BYTES_PER_SAMPLE
        if self._samples - self._told_samples >= self.sample_rate_hz:
            self._tell_length()

    def _tell_length(self) -> None:
        """The sound first, then the header that counts it: at no moment does it count too much."""
        try:
            self._file.flush()
            self._file.seek(0)
            self._file.write(wav_header(self.sample_rate_hz, self._samples * _BYTES_PER_SAMPLE))
            self._file.flush()
            self._file.seek(0, 2)
        except OSError as error:
            raise _failed(self.path, error) from error
        self._told_samples = self._samples


def _failed(path: Path, error: OSError) -> OutputError:
    if isinstance(error, FileExistsError):
        return OutputError(f"'{path}' exists already.", hint="Record to another folder.")
    return OutputError(
        f"'{path}' cannot be written: {error.strerror or error}.", hint="Record somewhere else."
    )

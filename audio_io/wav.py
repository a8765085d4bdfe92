"""`WavFile`: a sink for recordings, whole on disk or not there at all."""

import struct
from pathlib import Path

from audio_io.chunk import AudioChunk
from audio_io.errors import OutputError
from audio_io.pcm import to_pcm16
from audio_io.whole_file import WholeFile

_BYTES_PER_SAMPLE = 2
_SOFTWARE = b"s2st\0\0"
"""The value of the tag `ISFT`: a string that ends in a zero, padded to an even length."""
_LARGEST_SIZE = 0xFFFFFFFF


def wav_header(sample_rate_hz: int, data_bytes: int) -> bytes:
    """What stands before the samples of a 16-bit mono wav. Its length is always the same."""
    fmt = struct.pack(
        "<4sIHHIIHH",
        *(b"fmt ", 16, 1, 1),
        *(sample_rate_hz, sample_rate_hz * _BYTES_PER_SAMPLE, _BYTES_PER_SAMPLE, 16),
    )
    info = b"INFO" + struct.pack("<4sI", b"ISFT", len(_SOFTWARE)) + _SOFTWARE
    tags = struct.pack("<4sI", b"LIST", len(info)) + info
    data = struct.pack("<4sI", b"data", data_bytes)
    riff_bytes = len(b"WAVE" + fmt + tags + data) + data_bytes
    return struct.pack("<4sI", b"RIFF", riff_bytes) + b"WAVE" + fmt + tags + data


LARGEST_WAV_BYTES = _LARGEST_SIZE - len(wav_header(1, 0))
"""As much sound as the 32-bit sizes of a wav can tell: 12 hours at 48 kHz."""


class WavFile:
    """An `AudioSink` that becomes a 16-bit mono wav when `finish()` is called.

    A chunk that starts later than what was written so far leaves silence in between; one that
    starts earlier is appended.

    Raises:
        OutputError: the file can't be written. Nothing of it is left behind then.
    """

    def __init__(self, path: Path, sample_rate_hz: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self._whole = WholeFile(path)
        self._file = self._whole.open_binary()
        self._samples = 0
        self._closed = False
        self._file.write(wav_header(sample_rate_hz, 0))

    @property
    def part(self) -> Path:
        """Where the sound is until `finish`; a complete wav once closed."""
        return self._whole.part

    def write(self, chunk: AudioChunk) -> None:
        if self._closed:
            raise ValueError(f"{self._whole.path} is closed")
        if chunk.sample_rate_hz != self.sample_rate_hz:
            raise ValueError(
                f"{self._whole.path} takes {self.sample_rate_hz} Hz, not {chunk.sample_rate_hz} Hz"
            )
        silent_samples = max(0, chunk.start_sample - self._samples)
        try:
            self._check_room(silent_samples + len(chunk.samples))
            while silent_samples:
                block_samples = min(silent_samples, self.sample_rate_hz)
                self._append(bytes(block_samples * _BYTES_PER_SAMPLE))
                silent_samples -= block_samples
            self._append(to_pcm16(chunk.samples))
        except OutputError:
            self.abandon()
            raise

    def close(self) -> None:
        """No more sound comes. `finish` or `abandon` decides what becomes of the file."""
        if self._closed:
            return
        self._closed = True
        try:
            self._file.seek(0)
            self._file.write(wav_header(self.sample_rate_hz, self._samples * _BYTES_PER_SAMPLE))
            self._file.close()
        except OutputError:
            self.abandon()
            raise

    def finish(self) -> None:
        """Close the file and put it in its place, replacing what was there."""
        self.close()
        self._whole.finish()

    def abandon(self) -> None:
        """Leave nothing behind, and what was there before as it was."""
        self._closed = True
        self._whole.abandon()

    @property
    def written_samples(self) -> int:
        """The silence in between included."""
        return self._samples

    def _append(self, data: bytes) -> None:
        self._file.write(data)
        self._samples += len(data) // _BYTES_PER_SAMPLE

    def _check_room(self, samples: int) -> None:
        if (self._samples + samples) * _BYTES_PER_SAMPLE > LARGEST_WAV_BYTES:
            raise OutputError(
                f"{self._whole.path} would be larger than 4 GB, the most that a wav can hold.",
                hint="Translate the recording in parts.",
            )

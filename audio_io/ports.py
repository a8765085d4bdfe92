"""`AudioSource` and `AudioSink`: the shapes of the two ends of a stream of sound."""

from collections.abc import Iterator
from typing import Protocol

from audio_io.chunk import AudioChunk


class AudioSource(Protocol):
    """Where sound comes from. There is one way to stop: the source ends."""

    sample_rate_hz: int
    """The rate of every chunk, whatever the device or file has."""

    @property
    def duration_s(self) -> float | None:
        """How long the sound is; None when that is not known beforehand."""

    def __iter__(self) -> Iterator[AudioChunk]:
        """Chunks in order. The last one says `Boundary.STREAM`.

        A jump in `start_sample` says that sound was lost.
        """

    def close(self) -> None:
        """Let go of the file or device. May be called twice."""


class AudioSink(Protocol):
    """Where sound goes."""

    sample_rate_hz: int
    """The rate of every chunk it takes."""

    def write(self, chunk: AudioChunk) -> None:
        """Take one chunk. May wait."""

    def close(self) -> None:
        """No more sound comes. What was written is finished. May be called twice."""

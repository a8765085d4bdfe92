"""`CutSource`: one source heard by several sessions, one after the other."""

from collections.abc import Iterator

from audio_io.chunk import AudioChunk, Boundary, silence
from audio_io.ports import AudioSource


class CutSource:
    """An `AudioSource` that ends where it is cut, and goes on when it is iterated again."""

    def __init__(self, source: AudioSource) -> None:
        self.sample_rate_hz = source.sample_rate_hz
        self._source = source
        self._chunks = iter(source)
        self._end_sample = 0
        self._cut = False
        self.is_over = False
        """Whether the source itself has ended."""

    @property
    def duration_s(self) -> float | None:
        return self._source.duration_s

    @property
    def end_s(self) -> float:
        """Stream time just after the chunk handed on last, in seconds."""
        return self._end_sample / self.sample_rate_hz

    def cut(self) -> None:
        """What is heard now ends after the next chunk. From any thread."""
        self._cut = True

    def __iter__(self) -> Iterator[AudioChunk]:
        for chunk in self._chunks:
            self._end_sample = chunk.end_sample
            self.is_over = chunk.boundary is Boundary.STREAM
            yield chunk
            if self._cut and not self.is_over:
                self._cut = False
                yield AudioChunk(
                    silence(0),
                    self.sample_rate_hz,
                    self._end_sample,
                    chunk.captured_at_s,
                    Boundary.STREAM,
                )
                return
        self.is_over = True

    def close(self) -> None:
        self._source.close()

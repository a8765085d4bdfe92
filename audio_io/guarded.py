"""`GuardedSource`: a microphone that does not hear our own speaker."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from audio_io.chunk import AudioChunk, Samples, silence
from audio_io.echo_guard import EchoGuard
from audio_io.ports import AudioSource

Played = Callable[[float, int], Samples]
"""What was played during that many samples before a clock time, at the microphone's rate."""


class GuardedSource:
    """An `AudioSource` with our own voice taken out by an echo guard."""

    def __init__(
        self,
        source: AudioSource,
        guard: EchoGuard,
        played: Played,
        talking_over: Callable[[bool], None] = lambda talking: None,
    ) -> None:
        """`talking_over` is told after each chunk whether somebody speaks above our voice."""
        self.sample_rate_hz = source.sample_rate_hz
        self._source = source
        self._guard = guard
        self._played = played
        self._talking_over = talking_over

    @property
    def duration_s(self) -> float | None:
        return self._source.duration_s

    def __iter__(self) -> Iterator[AudioChunk]:
        end_sample = 0
        for chunk in self._source:
            if chunk.start_sample != end_sample:
                self._guard.reset()  # another device, or another time
            end_sample = chunk.end_sample
            if not len(chunk.samples):
                yield chunk
                continue
            played = silence(len(chunk.samples))
            if chunk.captured_at_s is not None:
                played = self._played(chunk.captured_at_s, len(chunk.samples))
            kept = self._guard.process(chunk.samples, played)
            self._talking_over(self._guard.talking_over)
            yield replace(chunk, samples=kept)

    def close(self) -> None:
        self._source.close()

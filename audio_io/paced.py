"""`PacedSource`: a recording played at the pace of life, as if somebody spoke it now."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from audio_io.chunk import AudioChunk, Boundary, silence
from audio_io.ports import AudioSource


class PacedSource:
    """An `AudioSource` that hands each chunk over when it would have been captured.

    Who takes them late gets the same chunks with the same times of capture, as a microphone's
    ring would have kept them. Ends early when `end` is called.
    """

    def __init__(
        self,
        source: AudioSource,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.sample_rate_hz = source.sample_rate_hz
        self._source = source
        self._now_s = now_s
        self._sleep = sleep
        self._started_at_s: float | None = None
        self._handed_s = 0.0
        """Stream time handed on so far."""
        self._block_s = 0.0
        """How long the chunks are."""
        self._is_over = False
        self._ends_at_s: float | None = None

    @property
    def duration_s(self) -> float | None:
        return self._source.duration_s

    @property
    def waiting_ms(self) -> float:
        """Sound that has come by now and was not handed on."""
        if self._started_at_s is None or self._is_over:
            return 0.0
        waiting_s = self._now_s() - self._started_at_s - self._handed_s
        return 1000 * waiting_s if waiting_s > self._block_s else 0.0

    def end(self) -> None:
        """The source ends after what has come by now. From any thread."""
        if self._ends_at_s is None:
            self._ends_at_s = self._now_s()

    def __iter__(self) -> Iterator[AudioChunk]:
        self._started_at_s = self._now_s()
        last: AudioChunk | None = None
        chunks = iter(self._source)
        while True:
            asked_at_s = self._now_s()
            chunk = next(chunks, None)
            if chunk is None:
                break
            # A pipe that stalls puts off all that follows; whoever takes late does not.
            late_s = self._now_s() - max(asked_at_s, self._started_at_s + chunk.end_s)
            self._started_at_s += max(0.0, late_s)
            due_at_s = self._started_at_s + chunk.end_s
            while self._ends_at_s is None and (wait_s := due_at_s - self._now_s()) > 0:
                self._sleep(min(wait_s, 0.1))  # no longer: `end` may be called
            if self._ends_at_s is not None and due_at_s > self._ends_at_s:
                break
            last = replace(chunk, captured_at_s=due_at_s)
            self._handed_s = chunk.end_s
            self._block_s = max(self._block_s, chunk.duration_ms / 1000)
            self._is_over = chunk.boundary is Boundary.STREAM
            yield last
        if last is None or last.boundary is not Boundary.STREAM:
            self._is_over = True
            end_sample = last.end_sample if last is not None else 0
            yield AudioChunk(
                silence(0), self.sample_rate_hz, end_sample, self._now_s(), Boundary.STREAM
            )

    def close(self) -> None:
        self._source.close()

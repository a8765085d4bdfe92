"""`Feed`: a bounded hand-over of sound between two ordinary threads."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from audio_io.chunk import AudioChunk, Boundary, silence
from audio_io.clock import StreamClock
from audio_io.ports import AudioSource

CLOSE_S = 0.2


class Feed:
    """A source that is read by a thread of its own, so that reading goes on while an engine works.

    When it is full, reading waits: whoever writes to a pipe has to. Errors of the source are
    raised where the feed is iterated. Time of capture is when the sound was read.
    """

    def __init__(
        self, source: AudioSource, room_ms: int = 2000, stream: StreamClock | None = None
    ) -> None:
        """`stream` is told of everything that is read; it flows on when the source has ended."""
        self.sample_rate_hz = source.sample_rate_hz
        self._source = source
        self._room_ms = room_ms
        self._stream = stream or StreamClock()
        self._chunks: deque[AudioChunk] = deque()
        self._queued_ms = 0.0
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._ended = False
        self._end_sample = 0
        self._thread = threading.Thread(target=self._read, name="feed", daemon=True)

    @property
    def duration_s(self) -> float | None:
        return self._source.duration_s

    def end(self) -> None:
        """The source ends here. From any thread."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[AudioChunk]:
        self._thread.start()
        while True:
            with self._changed:
                while not (self._chunks or self._ended or self._error):
                    self._changed.wait()
                if not self._chunks:
                    if self._error is not None and not self._ended:
                        raise self._error
                    break
                chunk = self._chunks.popleft()
                self._queued_ms -= chunk.duration_ms
                self._changed.notify_all()
            self._end_sample = chunk.end_sample
            yield chunk
            if chunk.boundary is Boundary.STREAM:
                return
        yield AudioChunk(
            silence(0), self.sample_rate_hz, self._end_sample, time.monotonic(), Boundary.STREAM
        )

    def close(self) -> None:
        """A thread that waits in a read of a pipe is left to it; it ends with the process."""
        self.end()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)
        if not self._thread.is_alive():
            self._source.close()

    def _read(self) -> None:
        try:
            for read in self._source:
                chunk = replace(read, captured_at_s=time.monotonic())
                self._stream.note(chunk)
                with self._changed:
                    while self._queued_ms >= self._room_ms and not self._ended:
                        self._changed.wait()
                    if self._ended:
                        return
                    self._chunks.append(chunk)
                    self._queued_ms += chunk.duration_ms
                    self._changed.notify_all()
            self._stream.flows = True
        except BaseException as error:  # for the thread that iterates
            with self._changed:
                self._error = error
                self._changed.notify_all()

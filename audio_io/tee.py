"""One source that is also recorded: what is heard goes to a sink as well."""

from collections.abc import Iterator

import numpy as np

from audio_io.chunk import AudioChunk, Samples, silence
from audio_io.ports import AudioSink, AudioSource
from audio_io.resample import StreamResampler
from audio_io.shown_clock import ShownClock


class RecordedSource:
    """An `AudioSource` that writes everything it hands on to a sink, at the sink's rate.

    With a clock each piece is written where a player shows it, a little stretched where the clock
    runs off; what the clock shows a second time, after a step back, is not written again.
    """

    def __init__(
        self, source: AudioSource, sink: AudioSink, clock: ShownClock | None = None
    ) -> None:
        self.sample_rate_hz = source.sample_rate_hz
        self._source = source
        self._sink = sink
        self._clock = clock
        self._next_sample = 0
        """Where the sink's next sound starts."""

    @property
    def duration_s(self) -> float | None:
        return self._source.duration_s

    def __iter__(self) -> Iterator[AudioChunk]:
        resampler = StreamResampler(self.sample_rate_hz, self._sink.sample_rate_hz)
        end_sample = 0
        for chunk in self._source:
            if chunk.start_sample != end_sample and len(chunk.samples):
                # The sink leaves silence where sound was lost, so that what follows is in place.
                self._record(resampler.process(silence(0), last=True))
                resampler = StreamResampler(self.sample_rate_hz, self._sink.sample_rate_hz)
                self._next_sample = self._place(chunk.start_s)
            self._record(self._on_clock(resampler.process(chunk.samples), chunk.end_s))
            end_sample = chunk.end_sample
            yield chunk
        self._record(resampler.process(silence(0), last=True))

    def close(self) -> None:
        self._source.close()

    def _place(self, stream_s: float) -> int:
        at_s = stream_s if self._clock is None else self._clock.at(stream_s)
        return round(at_s * self._sink.sample_rate_hz)

    def _on_clock(self, samples: Samples, end_s: float) -> Samples:
        """As many samples as end when the clock says that they do."""
        if self._clock is None or self._clock.is_stream_time or not len(samples):
            return samples
        room = max(0, self._place(end_s) - self._next_sample)
        places = np.linspace(0, len(samples) - 1, room)
        return np.interp(places, np.arange(len(samples)), samples).astype(np.float32)

    def _record(self, samples: Samples) -> None:
        if len(samples):
            chunk = AudioChunk(samples, self._sink.sample_rate_hz, self._next_sample)
            self._sink.write(chunk)
            self._next_sample = chunk.end_sample

"""One source that is also recorded: what is heard goes to a sink as well."""

from collections.abc import Iterator

from audio_io.chunk import AudioChunk, Samples, silence
from audio_io.ports import AudioSink, AudioSource
from audio_io.resample import StreamResampler


class RecordedSource:
    """An `AudioSource` that writes everything it hands on to a sink, at the sink's rate."""

    def __init__(self, source: AudioSource, sink: AudioSink) -> None:
        self.sample_rate_hz = source.sample_rate_hz
        self._source = source
        self._sink = sink
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
                self._next_sample = round(chunk.start_s * self._sink.sample_rate_hz)
            self._record(resampler.process(chunk.samples))
            end_sample = chunk.end_sample
            yield chunk
        self._record(resampler.process(silence(0), last=True))

    def close(self) -> None:
        self._source.close()

    def _record(self, samples: Samples) -> None:
        if len(samples):
            chunk = AudioChunk(samples, self._sink.sample_rate_hz, self._next_sample)
            self._sink.write(chunk)
            self._next_sample = chunk.end_sample

"""A source that is also kept."""

import tracemalloc

import numpy as np

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from audio_io.tee import RecordedSource
from tests.fakes import ListSink, ListSource, chunks


def tone(samples: int, rate_hz: int = 16_000) -> Samples:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate_hz)).astype(np.float32)


def test_what_is_heard_is_handed_on_unchanged_and_kept_at_the_rate_of_the_sink() -> None:
    items, sink = chunks(tone(16_000)), ListSink(sample_rate_hz=22_050)
    source = ListSource(items)
    assert list(RecordedSource(source, sink)) == items
    kept = np.concatenate([chunk.samples for chunk in sink.written])
    assert len(kept) == 22_050
    assert np.abs(kept[500:-500] - tone(22_050, 22_050)[500:-500]).max() < 0.01


def test_what_follows_lost_sound_keeps_its_place() -> None:
    sink = ListSink(sample_rate_hz=32_000)
    after = AudioChunk(tone(1600), 16_000, 8000)
    end = AudioChunk(silence(0), 16_000, 9600, boundary=Boundary.STREAM)
    list(RecordedSource(ListSource([AudioChunk(tone(1600), 16_000), after, end]), sink))
    places = [(chunk.start_sample, chunk.end_sample) for chunk in sink.written]
    assert places[0][0] == 0
    assert max(end for _, end in places if end < 16_000) == 3200
    assert min(start for start, _ in places if start >= 3200) == 16_000
    assert places[-1][1] == 19_200


def test_a_broken_promise_of_hours_costs_no_memory_and_no_silence() -> None:
    sink = ListSink()
    end = AudioChunk(silence(0), 16_000, 10**10, boundary=Boundary.STREAM)
    tracemalloc.start()
    list(RecordedSource(ListSource([AudioChunk(tone(1600), 16_000), end]), sink))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 10_000_000
    assert sum(len(chunk.samples) for chunk in sink.written) == 1600

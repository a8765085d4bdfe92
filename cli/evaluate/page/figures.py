"""What the figures of an evaluation's page draw, as plain data; `page.js` draws it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from audio_io.errors import S2stError
from audio_io.recordings.recording import open_recording
from engine.evaluation.summary import Summary
from engine.metrics.result import ItemResult, SpeechOutput, TextOutput, playing

RECORDINGS = 300
"""How many recordings a page shows one by one."""
MOMENTS = 2000
"""How many pieces of text, and of speech, one timeline shows."""
BUCKETS = 400
BUCKET_MS = 20
"""The envelope of a recording: so many buckets at most, each at least so long."""
BARS = 20
"""About how many bars a histogram has."""
PEAK = 1000
"""A peak at full scale: whole numbers are shorter."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording, the same in all runs."""

    index: int
    id: str
    source_ms: float
    source_text: str
    reference: str
    bucket_ms: int
    peaks: tuple[int, ...]
    """Largest sample of each bucket, from 0 to 1000; empty when the file cannot be read."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Units that were written at the same time."""

    delay_ms: float
    elapsed_ms: float
    text: str


@dataclass(frozen=True, slots=True)
class Made:
    """What a run made of a recording."""

    error: str
    text: str | None
    pieces: tuple[Piece, ...]
    moments: int
    """How many pieces there were before they were joined to what can be drawn."""
    speech: tuple[tuple[float, float], ...]
    """Start and duration of each chunk, in ms, when computing takes no time."""
    speech_elapsed: tuple[tuple[float, float], ...]
    """The same with the time that computing took."""
    chunks: int
    """How many chunks there were before they were joined to what can be drawn."""
    transcript: str | None


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values lie in each bar of equal width."""

    start: float
    width: float
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a sweep, or the only one."""

    name: str
    scores: Mapping[str, float | None]
    lags: Mapping[str, tuple[float | None, ...]]
    """Each latency of each recording of the page."""
    histograms: Mapping[str, Histogram]
    """Each latency over all recordings."""
    made: tuple[Made | None, ...]
    """For each recording of the page; None where the run has none."""


@dataclass(frozen=True, slots=True)
class Figures:
    """All that the figures draw."""

    recordings: tuple[Heard, ...]
    runs: tuple[Run, ...]
    note: str
    """Which recordings these are, where they are not all."""


def figures(summaries: Sequence[Summary]) -> Figures:
    """What the page shows of these runs. Reads the recordings."""
    results: dict[int, ItemResult] = {}
    for summary in summaries:
        for result in summary.done:
            results.setdefault(result.index, result)
    lags = [_lags(summary) for summary in summaries]
    indices, note = _chosen(sorted(results), lags)
    runs = tuple(
        _run(summary, each, indices) for summary, each in zip(summaries, lags, strict=True)
    )
    return Figures(tuple(_heard(results[index]) for index in indices), runs, note)


def finite(value: float | None) -> float | None:
    """JSON has no NaN, and neither is a measurement."""
    return None if value is None or not math.isfinite(value) else round(value, 4)


def _lags(summary: Summary) -> dict[str, dict[int, float | None]]:
    """Each latency by index of the recording."""
    indices = [result.index for result in summary.done]
    return {
        name: dict(zip(indices, map(finite, values), strict=False))
        for name, values in summary.per_item.items()
    }


def _chosen(
    indices: Sequence[int], lags: Sequence[Mapping[str, Mapping[int, float | None]]]
) -> tuple[list[int], str]:
    """The recordings of the page, and a word on which they are."""
    if len(indices) <= RECORDINGS:
        return list(indices), ""
    name = next((name for each in lags for name in each), None)
    if name is None:
        return list(indices[:RECORDINGS]), f"the first {RECORDINGS} of {len(indices)} recordings"

    def largest(index: int) -> float:
        found = [each[name].get(index) for each in lags if name in each]
        return max((value for value in found if value is not None), default=-math.inf)

    kept = sorted(indices, key=largest, reverse=True)[:RECORDINGS]
    note = f"the {RECORDINGS} of {len(indices)} recordings with the largest {name}"
    return sorted(kept), note + (" in any run" if len(lags) > 1 else "")


def _run(
    summary: Summary, lags: Mapping[str, Mapping[int, float | None]], indices: Sequence[int]
) -> Run:
    results = {result.index: result for result in summary.results}
    unit = str(summary.run.get("latency_unit", "word"))
    made = [
        _made(results[index], unit, summary.transcripts.get(index)) if index in results else None
        for index in indices
    ]
    return Run(
        name=summary.setting or str(summary.run["system"]),
        scores={score.name: finite(score.value) for score in summary.scores},
        lags={name: tuple(map(values.get, indices)) for name, values in lags.items()},
        histograms={name: histogram(values.values()) for name, values in lags.items()},
        made=tuple(made),
    )


def _made(result: ItemResult, unit: str, transcript: str | None) -> Made:
    text, speech = result.text, result.speech
    pieces, moments = ((), 0) if text is None else _pieces(text, unit)
    planned: tuple[tuple[float, float], ...] = ()
    elapsed: tuple[tuple[float, float], ...] = ()
    if speech is not None:
        planned, elapsed = _speech(speech)
    return Made(
        error=result.error,
        text=None if text is None else text.text,
        pieces=pieces,
        moments=moments,
        speech=_thinned(planned),
        speech_elapsed=_thinned(elapsed),
        chunks=len(planned),
        transcript=transcript,
    )


def _pieces(text: TextOutput, unit: str) -> tuple[tuple[Piece, ...], int]:
    """The text as it was written, and how many times something was. Of more than can be drawn,
    neighbours are joined: no text is left out."""
    delays_ms = text.delays_ms
    changes = [
        place
        for place in range(len(delays_ms))
        if place == 0 or delays_ms[place] != delays_ms[place - 1]
    ]
    starts = changes[:: _step(len(changes))]
    pieces = []
    for start, end in pairwise([*starts, len(delays_ms)]):
        elapsed_ms = max(text.elapsed_ms[start:end])
        joined = _joined(text.units[start:end], unit)
        pieces.append(Piece(_drawn(delays_ms[start]), _drawn(elapsed_ms), joined))
    return tuple(pieces), len(changes)


def _joined(units: Sequence[str], unit: str) -> str:
    if unit == "word":
        return " ".join(units)
    joined = "".join(units)
    return joined.replace("▁", " ").strip() if unit == "spm" else joined


def _speech(
    speech: SpeechOutput,
) -> tuple[tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]:
    return speech.intervals_ms, playing(speech.elapsed_ms, speech.durations_ms)


def _thinned(intervals: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Intervals, neighbours joined where there are more than can be drawn."""
    step = _step(len(intervals))
    joined = []
    for place in range(0, len(intervals), step):
        start_ms = intervals[place][0]
        last_ms, duration_ms = intervals[min(place + step, len(intervals)) - 1]
        joined.append((_drawn(start_ms), _drawn(last_ms + duration_ms - start_ms)))
    return tuple(joined)


def _step(count: int) -> int:
    return max(1, math.ceil(count / MOMENTS))


def _drawn(time_ms: float) -> float:
    return finite(round(time_ms, 1)) or 0.0


def histogram(values: Iterable[float | None]) -> Histogram:
    """The values counted in bars whose width is a round number."""
    measured = [value for value in values if value is not None]
    if not measured:
        return Histogram(0.0, 1.0, ())
    low, high = min(measured), max(measured)
    wanted = (high - low) / min(BARS, max(5, math.isqrt(len(measured))))
    if wanted <= 0:
        wanted = max(abs(high) / BARS, 1e-3)
    power = 10.0 ** math.floor(math.log10(wanted))
    width = next(power * step for step in (1, 2, 5, 10) if power * step >= wanted * (1 - 1e-9))
    first = math.floor(low / width)
    counts = [0] * (math.floor(high / width) - first + 1)
    for value in measured:
        counts[math.floor(value / width) - first] += 1
    return Histogram(first * width, width, tuple(counts))


def _heard(result: ItemResult) -> Heard:
    source_ms = finite(result.source_ms) or 0.0
    bucket_ms = max(BUCKET_MS, math.ceil(source_ms / BUCKETS))
    return Heard(
        index=result.index,
        id=result.id,
        source_ms=source_ms,
        source_text=result.source_text or "",
        reference=result.reference or "",
        bucket_ms=bucket_ms,
        peaks=envelope(Path(result.audio), bucket_ms),
    )


def envelope(path: Path, bucket_ms: int) -> tuple[int, ...]:
    """The largest sample of each stretch of a recording; empty when it cannot be read."""
    if not path.is_file():  # a pipe would be waited for
        return ()
    peaks: list[int] = []
    try:
        with open_recording(path, 16000, block_ms=bucket_ms) as recording:
            for chunk in recording:
                place = chunk.start_sample * 1000 // (16000 * bucket_ms)
                if place >= BUCKETS or not len(chunk.samples):
                    continue
                peaks += [0] * (place + 1 - len(peaks))  # lost sound is silence
                peak = round(PEAK * float(np.abs(chunk.samples).max()))
                peaks[place] = max(peaks[place], min(peak, PEAK))
    except S2stError:
        return ()
    return tuple(peaks)

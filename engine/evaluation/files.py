"""The files of a finished run that SimulEval and other tools read.

`instances.log` and `config.yaml` are SimulEval's: `simuleval --score-only --output DIR` scores
them again.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audio_io.whole_file import WholeFile
from engine.metrics.result import ItemResult
from engine.metrics.scores import Score, shown
from engine.text.unclear import UNCLEAR


def write_simuleval_files(folder: Path, results: Sequence[ItemResult], unit: str) -> None:
    """Items that failed are left out, as there is nothing to say of them."""
    done = [result for result in results if not result.error]
    lines = [json.dumps(instance_record(result, folder, unit)) for result in done]
    write_text(folder / "instances.log", "".join(f"{line}\n" for line in lines))
    target = "speech" if any(result.speech is not None for result in done) else "text"
    write_text(folder / "config.yaml", f"source_type: speech\ntarget_type: {target}\n")


def instance_record(result: ItemResult, folder: Path, unit: str) -> dict[str, Any]:
    """A result as a line of SimulEval's `instances.log`."""
    samplerate, seconds = result.source_rate_hz, result.source_ms / 1000
    record: dict[str, Any] = {"index": result.index}
    if result.speech is not None:
        speech = result.speech
        intervals = speech.intervals_ms
        start_ms = speech.delays_ms[0] if speech.delays_ms else result.source_ms
        end_ms = intervals[-1][0] + intervals[-1][1] if intervals else start_ms
        wav = (folder / (speech.wav or f"wavs/{result.index}_pred.wav")).resolve()
        return record | {
            "prediction": wav.as_posix(),
            "delays": speech.delays_ms,
            "durations": speech.durations_ms,
            "prediction_offset": start_ms,
            "elapsed": speech.elapsed_ms,
            "intervals": intervals,
            "prediction_length": (end_ms - start_ms) / 1000,
            "source_length": result.source_ms,
            "reference": result.reference,
            "source": result.audio,
        }
    text = result.text
    assert text is not None
    units = list(text.units)
    record |= {
        "prediction": _joined(units, unit),
        "delays": text.delays_ms,
        "elapsed": text.elapsed_ms,
        "prediction_length": len(units),
        "reference": result.reference,
        "source": [
            result.audio,
            f"samplerate: {samplerate} Hz",
            "channels: 1",
            f"duration: {seconds:.3f} s",
        ],
        "source_length": result.source_ms,
    }
    if unit == "spm":
        record["prediction_spm"] = units
    return record


def _joined(units: list[str], unit: str) -> str:
    """The units as SimulEval joins them."""
    if unit == "word":
        return " ".join(units)
    joined = "".join(units)
    return joined.replace("▁", " ").strip() if unit == "spm" else joined


def write_scores(
    folder: Path,
    scores: Sequence[Score],
    per_item: Mapping[str, Sequence[float | None]],
    results: Sequence[ItemResult],
) -> None:
    """`scores.tsv`, one line a score, and `metrics.tsv`, one line an item."""
    rows = [("name", "value", "unit", "items", "settings", "reason")]
    for each in scores:
        value = "not measured" if each.value is None else repr(each.value)
        rows.append((each.name, value, each.unit, str(each.items), each.settings, each.reason))
    done = [result for result in results if not result.error]
    if unclear := sum(result.unclear for result in done):
        rows.append(("unclear", str(unclear), "", str(len(done)), unclear_marks(unclear), ""))
    write_text(folder / "scores.tsv", _tsv(rows))
    items = [("index", "id", *per_item)]
    for place, result in enumerate(done):
        values = (shown(column[place]) for column in per_item.values())
        items.append((str(result.index), result.id, *values))
    write_text(folder / "metrics.tsv", _tsv(items))


def unclear_marks(count: int) -> str:
    """What became of the marks for words the engine was not sure of."""
    marks = "mark" if count == 1 else "marks"
    return f"{count} {UNCLEAR} {marks} left out of the text: no score takes them for words"


def _tsv(rows: Sequence[Sequence[str]]) -> str:
    return "".join("\t".join(" ".join(field.split()) for field in row) + "\n" for row in rows)


def write_text(path: Path, text: str) -> None:
    """A file that is whole or not there."""
    with WholeFile(path) as whole:
        whole.open_text().write(text)

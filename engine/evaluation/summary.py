"""A finished run over a test set: what it came to, on what machine, and as a file."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from audio_io.errors import UsageError
from engine.evaluation.files import unclear_marks, write_text
from engine.evaluation.journal import ResultJournal
from engine.metrics.result import ItemResult
from engine.metrics.scores import Score

NAME = "summary.json"
UNCLEAR_MARKS = "unclear"
PACKAGES = ("s2st", "simuleval", "sacrebleu", "omnisteval", "jiwer", "numpy")


@dataclass(frozen=True, slots=True)
class Summary:
    """One run. Its folder also holds what each item came to."""

    folder: Path
    setting: str
    """`name=value` where it is one of a sweep; otherwise empty."""
    run: Mapping[str, Any]
    """What shaped the results: system, languages, segment size and so on."""
    scores: tuple[Score, ...]
    per_item: Mapping[str, Sequence[float | None]]
    """Latencies of the items that did not fail, in order."""
    results: tuple[ItemResult, ...]
    """Of all items, in order."""
    circumstances: Mapping[str, str]
    """Machine, versions, workers."""
    transcripts: Mapping[int, str] = field(default_factory=dict)
    """What a recogniser understood of the speech, by index of the item."""
    sentences: tuple[tuple[str, str], ...] = ()
    """Of talks: each reference, and what was cut out for it."""

    @property
    def done(self) -> tuple[ItemResult, ...]:
        return tuple(result for result in self.results if not result.error)

    @property
    def failed(self) -> tuple[ItemResult, ...]:
        return tuple(result for result in self.results if result.error)

    @property
    def source_s(self) -> float:
        """Length of all recordings that were heard."""
        return sum(result.source_ms for result in self.done) / 1000

    @property
    def compute_factor(self) -> float | None:
        """Seconds computed for each second of sound; None when nothing was heard."""
        computed_s = sum(result.compute_ms for result in self.done) / 1000
        return computed_s / self.source_s if self.source_s else None

    def value(self, name: str) -> float | None:
        """Of a score; None when it was not asked for or not measured."""
        return next((score.value for score in self.scores if score.name == name), None)


def circumstances(results: Sequence[ItemResult], threads: int) -> dict[str, str]:
    """What the numbers depend on besides the run itself: as it was, not as it was asked."""
    machines = dict.fromkeys(result.ran_on for result in results if result.ran_on)
    workers = sorted({result.at_once for result in results if not result.error})
    versions = [f"python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    unclear = sum(result.unclear for result in results)
    return {
        "machine": "; ".join(machines) or "unknown",
        "workers": ", ".join(map(str, workers)),
        "threads": str(threads),
        "versions": ", ".join(versions),
    } | ({UNCLEAR_MARKS: unclear_marks(unclear)} if unclear else {})


def write_summary(summary: Summary) -> None:
    record = {
        "setting": summary.setting,
        "run": dict(summary.run),
        "circumstances": dict(summary.circumstances),
        "items": len(summary.results),
        "failed": len(summary.failed),
        "source_s": summary.source_s,
        "compute_factor": summary.compute_factor,
        "scores": [asdict(score) for score in summary.scores],
        "per_item": {name: list(values) for name, values in summary.per_item.items()},
        "transcripts": dict(summary.transcripts),
        "sentences": [list(pair) for pair in summary.sentences],
        "references": [result.reference for result in summary.results],
        "indices": [result.index for result in summary.results],
    }
    text = json.dumps(record, ensure_ascii=False, indent=1)
    write_text(summary.folder / NAME, text + "\n")


def read_summary(folder: Path) -> Summary:
    """A run from its folder. Raises a `UsageError` for a folder without one."""
    path = folder / NAME
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        kept = ResultJournal(folder).results()
        references = dict(zip(record["indices"], record["references"], strict=True))
        results = [
            replace(kept[index], reference=reference) for index, reference in references.items()
        ]
        return Summary(
            folder=folder,
            setting=str(record["setting"]),
            run=dict(record["run"]),
            scores=tuple(Score(**score) for score in record["scores"]),
            per_item=dict(record["per_item"]),
            results=tuple(results),
            circumstances=dict(record["circumstances"]),
            transcripts={int(index): text for index, text in record["transcripts"].items()},
            sentences=tuple((pair[0], pair[1]) for pair in record["sentences"]),
        )
    except OSError as error:
        raise UsageError(
            f"'{folder}' holds no finished evaluation ({NAME}: {error.strerror}).",
            hint="Name the folder that ⟦output⟧ named.",
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"'{path}' and the results beside it do not belong together "
            f"({type(error).__name__}: {error}).",
            hint="⟦resume⟧ scores them again.",
        ) from error

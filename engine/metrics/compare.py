"""How two runs over the same test set differ, and whether chance alone may do that."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from audio_io.errors import UsageError
from engine.metrics.normalise import composed, normalise
from engine.metrics.result import ItemResult
from engine.metrics.scores import QUALITY, sacrebleu_metric

SAMPLES = 1000
SHOWN_CHARACTERS = 40
"""Of a reference, in a message."""
LEAST_ITEMS = 10
"""Resampling fewer says nothing."""
SEED = 12345
"""sacreBLEU's own."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One score of two runs."""

    name: str
    unit: str
    first: float
    second: float
    p_value: float | None
    """Of the null hypothesis that they do not differ; None where the scores are equal, or too few
    items were compared."""
    interval: tuple[float, float] | None
    """95 % of the resampled differences, second minus first; None where sacreBLEU gives none."""
    method: str
    items: int

    @property
    def difference(self) -> float:
        return self.second - self.first


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """The items a run finished, and what a recogniser understood of its speech."""

    results: Sequence[ItemResult]
    transcripts: Mapping[int, str]
    sentences: Sequence[tuple[str, str]] = ()
    """Of talks: each reference, and what was cut out for it. Then these are compared."""


def compare_texts(
    names: Sequence[str], first: ComparedRun, second: ComparedRun, tokenizer: str
) -> list[Difference]:
    """sacreBLEU's paired bootstrap (Koehn, 2004) for BLEU, chrF, TER and ASR_BLEU; the same over
    word or character errors for WER and CER. Both runs hold the same items in the same order."""
    found = []
    items = first.results
    if first.sentences:
        items = [_as_item(place, pair, first) for place, pair in enumerate(first.sentences)]
        texts = [[text for _, text in run.sentences] for run in (first, second)]
    else:
        texts = [
            [result.text.text if result.text is not None else "" for result in run.results]
            for run in (first, second)
        ]
    references = [result.reference or "" for result in items]
    for name in names:
        if name in ("BLEU", "chrF", "TER"):
            found.append(_sacrebleu(name, texts, references, tokenizer))
        elif name in ("WER", "CER"):
            found.append(_errors(name, texts, items))
        elif name == "ASR_BLEU":
            heard = [
                [normalise(run.transcripts.get(item.index, ""), item.target) for item in items]
                for run in (first, second)
            ]
            said = [normalise(item.reference or "", item.target) for item in items]
            found.append(replace(_sacrebleu("BLEU", heard, said, tokenizer), name=name))
    return found


def _as_item(place: int, pair: tuple[str, str], run: ComparedRun) -> ItemResult:
    """A sentence of a talk as an item of its own."""
    target = run.results[0].target
    return ItemResult(place, "", "", target, reference=pair[0], source_text=None)


def compare_latencies(
    name: str, unit: str, first: Sequence[float | None], second: Sequence[float | None]
) -> Difference | None:
    """Paired bootstrap over the items that both runs measured; None when there are none."""
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    if not pairs:
        return None
    values = np.array(pairs)
    chosen = _resamples(len(pairs))
    resampled = (values[chosen, 1] - values[chosen, 0]).mean(axis=1)
    means = [statistics.mean(column) for column in zip(*pairs, strict=True)]
    return _difference(name, unit, means[0], means[1], resampled, "items", len(pairs))


def _sacrebleu(
    name: str, texts: Sequence[list[str]], references: list[str], tokenizer: str
) -> Difference:
    from sacrebleu.significance import PairedTest

    metric = sacrebleu_metric(name, tokenizer)
    plain = [[composed(text) for text in run] for run in texts]
    named: list[tuple[str, Sequence[str]]] = [("first", plain[0]), ("second", plain[1])]
    test = PairedTest(named, {name: metric}, [references], "bs", SAMPLES)
    signatures, scores = test()
    (key,) = (key for key in scores if key != "System")
    before, after = (score for score in scores[key] if not isinstance(score, str))
    # Of two equal scores sacreBLEU's p is small, and of few items it means nothing.
    tells = before.score != after.score and len(references) >= LEAST_ITEMS
    return Difference(
        name,
        QUALITY[name].unit,
        before.score,
        after.score,
        after.p_value if tells else None,
        None,
        f"sacrebleu {name}|{signatures[key].format()}",
        len(references),
    )


def _errors(name: str, texts: Sequence[list[str]], items: Sequence[ItemResult]) -> Difference:
    import jiwer

    process = jiwer.process_characters if name == "CER" else jiwer.process_words
    counts = []
    for run in texts:
        rows = []
        for text, item in zip(run, items, strict=True):
            said = normalise(item.reference or "", item.target)
            seen = process(said, normalise(text, item.target))
            errors = seen.substitutions + seen.deletions + seen.insertions
            rows.append((errors, seen.hits + seen.substitutions + seen.deletions))
        counts.append(np.array(rows, dtype=np.float64))
    chosen = _resamples(len(items))
    rates = [run[chosen].sum(axis=1) for run in counts]
    resampled = 100 * (rates[1][:, 0] / rates[1][:, 1] - rates[0][:, 0] / rates[0][:, 1])
    whole = [100 * run[:, 0].sum() / run[:, 1].sum() for run in counts]
    return _difference(name, "%", float(whole[0]), float(whole[1]), resampled, "items", len(items))


def _resamples(items: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return np.random.default_rng(SEED).integers(items, size=(SAMPLES, items))


def _difference(
    name: str,
    unit: str,
    first: float,
    second: float,
    resampled: np.ndarray[tuple[int], np.dtype[np.float64]],
    what: str,
    items: int,
) -> Difference:
    low, high = np.percentile(resampled, [2.5, 97.5])
    # Two-sided: how often the resampled differences stray from their mean by as much.
    strays = np.abs(resampled - resampled.mean())
    p_value = (int(np.sum(strays >= abs(second - first))) + 1) / (len(resampled) + 1)
    return Difference(
        name,
        unit,
        first,
        second,
        p_value if first != second and items >= LEAST_ITEMS else None,
        (float(low), float(high)),
        f"two-sided paired bootstrap over {what}, {SAMPLES} samples, seed {SEED}",
        items,
    )


def _begins(result: ItemResult) -> str:
    """Its reference, as far as it takes to know it."""
    text = result.reference
    if text is None:
        return "none"
    return f"'{text}'" if len(text) <= SHOWN_CHARACTERS else f"'{text[:SHOWN_CHARACTERS]}...'"


def check_comparable(first: Sequence[ItemResult], second: Sequence[ItemResult]) -> None:
    """Raises a `UsageError` unless both hold the same items with the same references."""
    if len(first) != len(second):
        raise UsageError(
            f"The two runs finished {len(first)} and {len(second)} items.",
            hint="Compare runs over the same items.",
        )
    for one, other in zip(first, second, strict=True):
        if (one.index, one.id) != (other.index, other.id):
            raise UsageError(
                f"The two runs are not over the same items: item {one.index} of A is '{one.id}', "
                f"item {other.index} of B '{other.id}'.",
                hint="Compare runs over the same test set.",
            )
        if one.reference != other.reference:
            raise UsageError(
                "The two runs are not over the same items: the reference of "
                f"'{one.id}' is {_begins(one)} in A and {_begins(other)} in B.",
                hint="Compare runs of one task over the same test set.",
            )

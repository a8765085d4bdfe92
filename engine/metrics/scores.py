"""The scores of a test set: SimulEval's, sacreBLEU's and jiwer's behind one table of names.

Nothing here prints a number for what was not measured: a score then has no value, and a reason.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from audio_io.errors import UsageError
from engine.languages import written_without_spaces
from engine.metrics.normalise import NAME as NORMALISER
from engine.metrics.normalise import composed, normalise
from engine.metrics.result import ItemResult

CONTENDED = "recordings ran at once and were in each other's way"
_CLOCKED = ("RTF",)
"""Metrics that always read the clock."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What a name stands for."""

    name: str
    unit: str
    """Of its value: ms, %, or nothing."""
    lower_is_better: bool
    what: str
    """In a few words, for people."""


QUALITY: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("BLEU", "", False, "sacreBLEU's BLEU of the text"),
        Metric("chrF", "", False, "sacreBLEU's chrF of the text"),
        Metric("TER", "%", True, "sacreBLEU's translation edit rate of the text"),
        Metric("WER", "%", True, "word error rate of the transcript"),
        Metric("CER", "%", True, "character error rate of the transcript"),
        Metric("ASR_BLEU", "", False, "BLEU of what a recogniser understands of the speech"),
        Metric("NE", "", True, "normalised erasure: shown text that was taken back"),
    )
}
LATENCY: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("AL", "ms", True, "average lagging"),
        Metric("LAAL", "ms", True, "length-adaptive average lagging"),
        Metric("AP", "", True, "average proportion"),
        Metric("DAL", "ms", True, "differentiable average lagging"),
        Metric("ATD", "ms", True, "average token delay"),
        Metric("StartOffset", "ms", True, "source heard before the first output"),
        Metric("EndOffset", "ms", True, "end of the output after the end of the source"),
        Metric("RTF", "", True, "SimulEval's real time factor: elapsed time until the last output"),
        Metric("LongYAAL", "ms", True, "lagging of the sentences of talks"),
        Metric("StreamLAAL", "ms", True, "length-adaptive lagging of the sentences of talks"),
        Metric("LongAL", "ms", True, "average lagging of the sentences of talks"),
        Metric("LongDAL", "ms", True, "differentiable lagging of the sentences of talks"),
        Metric("NumChunks", "", True, "outputs a recording"),
        Metric("DiscontinuitySum", "ms", True, "silence inside the speech"),
        Metric("DiscontinuityAve", "ms", True, "length of a silence inside the speech"),
        Metric("DiscontinuityNum", "", True, "silences inside the speech"),
    )
}
LONG = ("LongYAAL", "StreamLAAL", "LongAL", "LongDAL")
"""OmniSTEval's, for talks: those that are measured where there is a segmentation."""
SPEECH_ONLY = frozenset({"DiscontinuitySum", "DiscontinuityAve", "DiscontinuityNum", "ASR_BLEU"})
REFUSED: Mapping[str, str] = {
    "WHISPER_ASR_BLEU": "SimulEval's own reports 0 where Whisper is missing. ASR_BLEU is its place",
    "SpeechAlign": "it runs the Montreal Forced Aligner through a shell, on English alone",
}
"""Metrics of SimulEval's that are not offered, by a part of their name, and why."""
DEFAULT_LATENCY = ("AL", "LAAL", "AP", "DAL", "ATD", "StartOffset", "EndOffset", "RTF")


@dataclass(frozen=True, slots=True)
class Score:
    """One number over a test set, and what makes it repeatable."""

    name: str
    value: float | None
    """None: not measured."""
    unit: str
    settings: str
    """Versions, units, normaliser, signature: what a second run must have the same."""
    items: int
    """Over how many recordings."""
    reason: str = ""
    """Why it was not measured."""


@dataclass(frozen=True, slots=True)
class ScoreConfig:
    """Which scores, and how."""

    quality: tuple[str, ...]
    latency: tuple[str, ...]
    target: str
    """Language of the references, ISO 639-3."""
    unit: str = "word"
    """What latency is counted in: word, char or spm."""
    spm_model: Path | None = None
    computation_aware: bool = False
    """Whether each latency is also given with the time the engine computed."""
    contended: bool = False
    """Whether times count although items ran at once."""
    bleu_tokenizer: str | None = None
    """sacreBLEU's; None takes 13a, zh for Chinese, char for other languages without spaces."""

    @property
    def tokenizer(self) -> str:
        if self.bleu_tokenizer is not None:
            return self.bleu_tokenizer
        if not written_without_spaces(self.target):
            return "13a"
        return "zh" if self.target.startswith("cmn") else "char"


@dataclass(frozen=True, slots=True)
class Transcripts:
    """What a recogniser understood of the speech."""

    texts: Mapping[int, str] = field(default_factory=dict)
    """By index of the item."""
    settings: str = ""
    reason: str = ""
    """Why there are none."""


def check_metrics(quality: Sequence[str], latency: Sequence[str]) -> None:
    """Raises a `UsageError` for a metric that does not exist or is refused."""
    for names, table, kind in ((quality, QUALITY, "quality"), (latency, LATENCY, "latency")):
        for name in names:
            why = next((why for part, why in REFUSED.items() if part in name), None)
            if why is not None:
                raise UsageError(f"The metric '{name}' is not offered: {why}.")
            if name in LONG:
                raise UsageError(f"The metric '{name}' comes with ⟦segmentation⟧.")
            if name not in table:
                known = ", ".join(key for key in table if key not in LONG)
                raise UsageError(
                    f"No {kind} metric is called '{name}'.", hint=f"There is: {known}."
                )


def reads_clock(name: str) -> bool:
    """Whether a latency depends on how fast the machine was."""
    return name in _CLOCKED or name.endswith("_CA")


def score(
    results: Sequence[ItemResult], config: ScoreConfig, transcripts: Transcripts
) -> list[Score]:
    """All scores of finished items, in the order they were asked for."""
    done = [result for result in results if not result.error]
    scores = [_quality(name, done, config, transcripts) for name in config.quality]
    columns = latencies(done, config)
    for name, values in columns.items():
        measured = [value for value in values if value is not None]
        settings = _latency_settings(name, config)
        unit = LATENCY[name.removesuffix("_CA")].unit
        if reads_clock(name) and not config.contended and any(r.at_once > 1 for r in done):
            scores.append(Score(name, None, unit, settings, 0, CONTENDED))
        elif measured:
            scores.append(Score(name, statistics.mean(measured), unit, settings, len(measured)))
        else:
            reason = _no_latency(name, done)
            scores.append(Score(name, None, unit, settings, 0, reason))
    return scores


def latencies(results: Sequence[ItemResult], config: ScoreConfig) -> dict[str, list[float | None]]:
    """Each latency of each item, by SimulEval's scorers; None where an item has no output."""
    from simuleval.evaluator.scorers.latency_scorer import LATENCY_SCORERS_DICT

    from engine.metrics.scored import scored_instance

    model = None
    if config.unit == "spm":
        from engine.metrics.scored import load_spm

        model = load_spm(config.spm_model)
    columns: dict[str, list[float | None]] = {}
    for name in config.latency:
        # On delays alone RTF says nothing about speed.
        wanted = [(name, name in _CLOCKED)]
        if config.computation_aware and name not in _CLOCKED:
            wanted.append((f"{name}_CA", True))
        for column, aware in wanted:
            scorer = LATENCY_SCORERS_DICT[name](computation_aware=aware)
            columns[column] = [
                _of_one(scorer, scored_instance(result, config.unit, model, aware), name)
                for result in results
            ]
    return columns


def _of_one(scorer: Callable[[Mapping[int, Any]], float], instance: Any, name: str) -> float | None:
    if instance is None or (name in SPEECH_ONLY and not hasattr(instance, "silences")):
        return None
    return float(scorer({0: instance}))


def _latency_settings(name: str, config: ScoreConfig) -> str:
    kind = "elapsed" if reads_clock(name) else "delays"
    return f"simuleval {version('simuleval')}, {kind}, unit {config.unit}, reference length"


def _no_latency(name: str, results: Sequence[ItemResult]) -> str:
    if name.removesuffix("_CA") in SPEECH_ONLY and not any(result.speech for result in results):
        return "there was no speech"
    return "nothing was written"


def _quality(
    name: str, results: Sequence[ItemResult], config: ScoreConfig, transcripts: Transcripts
) -> Score:
    metric = QUALITY[name]
    reason = _unmeasurable(name, results, transcripts)
    if reason:
        return Score(name, None, metric.unit, "", 0, reason)
    texts = [result.text.text if result.text is not None else "" for result in results]
    if name == "NE":
        return _erasure(results)
    if name in ("WER", "CER"):
        return _error_rate(name, results, texts)
    references = [result.reference or "" for result in results]
    if name == "ASR_BLEU":
        heard = [normalise(transcripts.texts.get(r.index, ""), r.target) for r in results]
        references = [normalise(result.reference or "", result.target) for result in results]
        value, signature = _sacrebleu("BLEU", heard, references, config.tokenizer)
        signature += f", {transcripts.settings}, both sides {NORMALISER}"
    else:
        value, signature = _sacrebleu(name, texts, references, config.tokenizer)
    return Score(name, value, metric.unit, signature, len(results))


def _unmeasurable(name: str, results: Sequence[ItemResult], transcripts: Transcripts) -> str:
    """Why a quality cannot be measured; empty when it can."""
    texts = [result.text for result in results if result.text is not None]
    if not results:
        return "no item was finished"
    if name == "NE":
        if any(text.erased is None for text in texts) or len(texts) < len(results):
            return "the agent shows no text that it may take back"
        return "" if any(text.units for text in texts) else "nothing was written"
    if any(result.reference is None for result in results):
        return "there are no references"
    if name == "ASR_BLEU":
        return transcripts.reason
    return "" if len(texts) == len(results) else "the agent wrote no text"


def sacrebleu_metric(name: str, tokenizer: str) -> Any:
    """sacreBLEU's metric. Raises a `UsageError` for a tokenizer that is not there."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    if name == "chrF":
        return CHRF()
    if name == "TER":
        return TER()
    if tokenizer not in BLEU.TOKENIZERS:
        raise UsageError(
            f"sacreBLEU has no tokenizer '{tokenizer}'.",
            hint=f"There is: {', '.join(BLEU.TOKENIZERS)}.",
        )
    try:
        return BLEU(tokenize=tokenizer)
    except (ImportError, RuntimeError, OSError) as error:  # some are fetched
        what = " ".join(str(error).split())[:160]
        raise UsageError(
            f"sacreBLEU's tokenizer '{tokenizer}' is not installed ({what})."
        ) from error


def _sacrebleu(
    name: str, texts: list[str], references: list[str], tokenizer: str
) -> tuple[float, str]:
    metric = sacrebleu_metric(name, tokenizer)
    plain = [composed(text) for text in texts]
    value = float(metric.corpus_score(plain, [references]).score)
    signature = f"sacrebleu {name}|{metric.get_signature().format()}"
    return value, signature if plain == texts else f"{signature}, text composed (NFC)"


def _error_rate(name: str, results: Sequence[ItemResult], texts: list[str]) -> Score:
    import jiwer

    target = results[0].target
    said = [normalise(result.reference or "", result.target) for result in results]
    heard = [normalise(text, target) for text in texts]
    if name == "CER" or written_without_spaces(target):
        rate = jiwer.cer(said, heard)
    else:
        rate = jiwer.wer(said, heard)
    settings = f"jiwer {version('jiwer')}, both sides {NORMALISER}"
    return Score(name, 100 * float(rate), "%", settings, len(results))


def _erasure(results: Sequence[ItemResult]) -> Score:
    texts = [result.text for result in results if result.text is not None]
    erased = sum(text.erased or 0 for text in texts)
    settings = "units taken back by units written, the text looked at after each segment"
    return Score("NE", erased / sum(len(text.units) for text in texts), "", settings, len(results))


def shown(value: float | None) -> str:
    """A value as it stands in tables: three decimals."""
    if value is None or math.isnan(value):
        return "not measured"
    return f"{value:.3f}"

"""Results as the instances that SimulEval's latency scorers take.

SimulEval itself reads results back from `instances.log` for that, and takes every one for text:
its ATD of speech then counts chunks as words, its discontinuities crash, and its computation-aware
end offset of speech ignores the clock. Here speech stays speech.
"""

from pathlib import Path
from typing import Any

from simuleval.evaluator.instance import SpeechOutputInstance, TextOutputInstance

from engine.errors import EngineError
from engine.metrics.result import ItemResult, playing


class _ScoredText(TextOutputInstance):  # type: ignore[misc]  # SimulEval has no types
    source_length: float = 0.0

    def __init__(self, result: ItemResult, unit: str, spm_model: Any) -> None:
        assert result.text is not None
        self.index = result.index
        self.reference = result.reference
        self.source_length = result.source_ms
        self.latency_unit = unit
        self.target_spm_model = spm_model
        self.delays = list(result.text.delays_ms)
        self.elapsed = list(result.text.elapsed_ms)
        self.metrics: dict[str, float] = {}


class _ScoredSpeech(SpeechOutputInstance):  # type: ignore[misc]
    source_length: float = 0.0

    def __init__(self, result: ItemResult, computation_aware: bool) -> None:
        speech = result.speech
        assert speech is not None
        self.index = result.index
        self.reference = result.reference
        self.source_length = result.source_ms
        self.latency_unit = "word"
        self.target_spm_model = None
        self.delays = list(speech.delays_ms)
        self.elapsed = list(speech.elapsed_ms)
        self.durations = list(speech.durations_ms)
        starts = speech.elapsed_ms if computation_aware else speech.delays_ms
        self.intervals = [list(interval) for interval in playing(starts, speech.durations_ms)]
        ends = [start + duration for start, duration in self.intervals]
        following = zip(self.intervals[1:], ends, strict=False)
        self.silences = [start - end for (start, _), end in following if start > end]
        self.metrics: dict[str, float] = {}


def scored_instance(
    result: ItemResult, unit: str, spm_model: Any, computation_aware: bool
) -> _ScoredText | _ScoredSpeech | None:
    """The instance of a result: its speech, or else its text. None when it has no output."""
    if result.speech is not None:
        return _ScoredSpeech(result, computation_aware) if result.speech.delays_ms else None
    if result.text is None or not result.text.delays_ms:
        return None
    return _ScoredText(result, unit, spm_model)


def load_spm(path: Path | None) -> Any:
    """A SentencePiece model. Raises `EngineError` when it cannot be read."""
    import sentencepiece

    try:
        return sentencepiece.SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        what = " ".join(str(error).split())[:120]
        raise EngineError(
            f"The SentencePiece model '{path}' cannot be read ({what}).",
            hint="⟦spm_model⟧ takes the .model file that SentencePiece trained.",
        ) from error

"""What the cascade can be told, when it is loaded and for each stream."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CascadeConfig:
    """Fixed when the engine is loaded."""

    recognizer: str = "pocketsphinx"
    translator: str = "apertium"
    synthesizer: str = "espeak"
    voice_detector: str = "pocketsphinx"
    silence_ms: int = 240
    """Silence that ends an utterance."""


@dataclass(frozen=True, slots=True)
class CascadePolicy:
    """Chosen for each stream."""

    min_confidence: float = 0.3
    """Words of a lower posterior become `[unclear]`. 0 keeps all."""
    max_utterance_ms: int = 6000
    """Speech without a pause is committed after this long, at a word boundary."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_confidence <= 1.0:
            raise ValueError(f"min_confidence {self.min_confidence} is not between 0 and 1")
        if self.max_utterance_ms < 1000:
            raise ValueError(f"max_utterance_ms {self.max_utterance_ms} is less than 1000")

"""What the cascade can be told, when it is loaded and for each stream."""

from dataclasses import dataclass

DEFAULT_MIN_CONFIDENCE = 0.3
"""Words of a lower posterior become `[unclear]`, unless the stream asks for another threshold."""


@dataclass(frozen=True, slots=True)
class CascadeConfig:
    """The members of the cascade, by name. Fixed when it is loaded."""

    recognizer: str = "pocketsphinx"
    translator: str = "apertium"
    synthesizer: str = "espeak"
    silence_ms: int = 240
    """Silence that ends an utterance."""


@dataclass(frozen=True, slots=True)
class CascadePolicy:
    """Chosen for each stream."""

    max_utterance_ms: int = 6000
    """Speech without a pause is committed after this long, at a word boundary."""

    whole_pass: bool = True
    """Whether an utterance is recognised once more as a whole before it is committed: fewer errors,
    and half a second for every three seconds of sound. Otherwise the words are committed that the
    recogniser had while it listened."""

    def __post_init__(self) -> None:
        if self.max_utterance_ms < 1000:
            raise ValueError(f"max_utterance_ms {self.max_utterance_ms} is less than 1000")


FILE_POLICY = CascadePolicy()
"""For streams nobody waits for."""
LIVE_POLICY = CascadePolicy(max_utterance_ms=3000, whole_pass=False)
"""For streams somebody waits for."""

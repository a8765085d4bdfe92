"""The shape of a translator."""

from typing import Protocol


class Translator(Protocol):
    """Text to text, one sentence or clause at a time. Shared by streams."""

    targets: frozenset[str]
    """Languages it writes, as ISO 639-3 codes."""

    def start(self, target: str) -> None:
        """Begin getting ready for a target, so that the first sentence need not wait."""

    def translate(self, text: str, target: str) -> str:
        """`text` in the target language. Raises `EngineError` when it cannot."""

    def close(self) -> None:
        """End helper processes. May be called twice."""

"""The shape of a recogniser."""

from typing import Protocol, TypeVar

from audio_io.chunk import Samples
from engine.events import Word

RecognizerState = TypeVar("RecognizerState")


class Recognizer(Protocol[RecognizerState]):
    """Speech to words. Times of words count from the start of the utterance, in seconds."""

    sources: frozenset[str]
    """Languages it hears, as ISO 639-3 codes."""
    sample_rate_hz: int

    def new_state(self, language: str) -> RecognizerState:
        """One stream's memory."""

    def hear(self, samples: Samples, state: RecognizerState) -> tuple[Word, ...]:
        """The streaming pass: takes the next sound of the open utterance, opening one if needed,
        and gives all words of it so far. Good enough to look at, not to keep."""

    def end(self, state: RecognizerState) -> tuple[Word, ...]:
        """Ends the streaming pass: the words of its utterance, for good, with confidences. None
        when no utterance is open."""

    def recognize(self, samples: Samples, state: RecognizerState) -> tuple[Word, ...]:
        """The whole-utterance pass: the words of one utterance, from its sound alone, whatever
        was heard before. Ends the streaming pass, if one is open."""

    def release(self, state: RecognizerState) -> None:
        """The stream is over. May be called twice."""

"""`Voice`: where the speech of one target language goes."""

from collections.abc import Iterator
from typing import Protocol

from engine.events import Event, TargetAudio


class Voice(Protocol):
    """Takes speech from a session's thread. What becomes of it, it says as news."""

    def take(self, event: TargetAudio, source_end_at_s: float | None) -> None:
        """The next piece of speech. Its source clause ended at that clock time; None for a
        file."""

    def end_utterance(self, utterance: int) -> None:
        """No more speech of this utterance comes."""

    def finish(self) -> None:
        """No more speech comes at all. May wait until all was heard."""

    def news(self) -> Iterator[Event]:
        """What happened since it was last asked. Raises why it speaks no more."""

    @property
    def queued_ms(self) -> float:
        """Speech taken and not yet heard."""

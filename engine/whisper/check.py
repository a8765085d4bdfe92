"""`OutputCheck`: what a recogniser understands of our own speech, while it is spoken."""

from collections.abc import Callable
from dataclasses import replace

from audio_io.clock import Clock, WallClock
from audio_io.errors import S2stError
from engine.events import Stamped, TargetAudio, UtteranceEnded
from engine.whisper.output_asr import OutputAsr


class OutputCheck:
    """Hands what a session speaks to a recogniser, and makes events of what that understands.

    `hear` is for the session's thread; everything else for the main one.
    """

    def __init__(self, asr: OutputAsr, speaks: str, *, clock: Clock | None = None) -> None:
        self.speaks: str | None = speaks
        """The language that is spoken now."""
        self._asr = asr
        self._clock = clock or WallClock()
        self._newest: Stamped | None = None
        """Of the session's events; it tells where its time stands on the clock."""

    def wait_until_loaded(self) -> str:
        """What it listens with. Raises why it cannot."""
        return self._asr.wait_until_loaded()

    def hear(self, stamped: Stamped) -> None:
        """A listener of a session. Never waits."""
        self._newest = stamped
        event = stamped.event
        if isinstance(event, TargetAudio) and event.language == self.speaks:
            self._asr.hear(event)
        elif isinstance(event, UtteranceEnded):
            self._asr.end_utterance(event.utterance)

    def tell(self, heard: Callable[[Stamped], None], failed: Callable[[str], object]) -> None:
        """Pass on what was understood since; `failed` is told, once, why it is over."""
        try:
            news = self._asr.news()
        except S2stError as error:
            failed(f"{error} The session goes on unchecked.")
            return
        for event in news:
            if self._newest is not None:  # nothing is understood before something was said
                at_s = self._clock.now_s()
                heard(replace(self._newest, event=event, emitted_at_s=at_s))

    def finish(self, patience_s: float) -> bool:
        """Wait for what is not understood yet, but no longer; whether nothing is left."""
        return self._asr.finish(patience_s)

    def close(self) -> None:
        """Afterwards `unchecked_s` is certain. May be called twice."""
        self._asr.close()

    @property
    def unchecked_s(self) -> float:
        """Speech that was not checked."""
        return self._asr.unchecked_ms / 1000

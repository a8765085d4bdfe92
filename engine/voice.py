"""`Voice`: where the speech of one target language goes."""

from collections.abc import Iterator
from typing import Protocol

from audio_io.chunk import AudioChunk
from audio_io.ports import AudioSink
from engine.events import Event, TargetAudio
from engine.speaking.pacing import Paced, Pacer


class Voice(Protocol):
    """Takes speech from a session's thread. What becomes of it, it says in events."""

    def take(self, event: TargetAudio, source_end_at_s: float | None) -> Iterator[Event]:
        """The next piece of speech. Its source clause ended at that clock time; None for a
        file."""

    def end_utterance(self, utterance: int) -> Iterator[Event]:
        """No more speech of this utterance comes."""

    def news(self) -> Iterator[Event]:
        """What happened since, apart from these calls."""

    def finish(self) -> Iterator[Event]:
        """No more speech comes at all. May wait until all was heard."""

    @property
    def queued_ms(self) -> float:
        """Speech taken and not yet heard."""


class WrittenVoice:
    """The voice of a recording: paced, and written to a sink at once."""

    def __init__(self, pacer: Pacer, sink: AudioSink) -> None:
        self.pacer = pacer
        self._sink = sink

    def take(self, event: TargetAudio, source_end_at_s: float | None) -> Iterator[Event]:
        return self._write(self.pacer.pace(event, self._sink.queued_ms), event.utterance)

    def end_utterance(self, utterance: int) -> Iterator[Event]:
        return self._write(self.pacer.end_utterance(), utterance)

    def news(self) -> Iterator[Event]:
        return iter(())

    def finish(self) -> Iterator[Event]:
        return iter(())

    @property
    def queued_ms(self) -> float:
        return self._sink.queued_ms

    def _write(self, paced: Iterator[Paced], utterance: int) -> Iterator[Event]:
        for item in paced:
            if isinstance(item, AudioChunk):
                self._sink.write(item, utterance)
            else:
                yield item

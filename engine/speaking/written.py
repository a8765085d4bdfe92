"""`WrittenVoice`: the voice of a recording."""

from collections.abc import Iterator

from audio_io.ports import AudioSink
from engine.events import Event, TargetAudio
from engine.speaking.pacing import Pacer


class WrittenVoice:
    """A `Voice` that is paced, and written to a sink at once. It has no news."""

    queued_ms = 0.0

    def __init__(self, pacer: Pacer, sink: AudioSink) -> None:
        self.pacer = pacer
        self._sink = sink

    def take(self, event: TargetAudio, source_end_at_s: float | None) -> None:
        for chunk in self.pacer.pace(event):
            self._sink.write(chunk)

    def end_utterance(self, utterance: int) -> None:
        for chunk in self.pacer.end_utterance():
            self._sink.write(chunk)

    def finish(self) -> None:
        """All of it is written."""

    def news(self) -> Iterator[Event]:
        return iter(())

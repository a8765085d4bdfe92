"""`OutputAsr`: listens to our own translated speech, and says what it understood.

Whisper computes in a process of its own (`engine/whisper/process.py`). A live session only leaves
its speech here; a thread asks the process for the words:

    session ──hear──▶ queue ──▶ thread ◀──question, answer──▶ process
    anyone  ◀──────────news──────┘
"""

import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from audio_io.chunk import Samples, silence
from audio_io.errors import S2stError
from engine.errors import EngineError, LanguageError
from engine.events import OutputHeard, TargetAudio
from engine.whisper.model import RATE_HZ, OutputAsrConfig
from engine.whisper.process import Question, WhisperProcess

__all__ = ["OutputAsr", "OutputAsrConfig"]

GUESS_EVERY_MS = 1000.0
"""New speech of an unfinished utterance before it is heard again as far as it goes."""
HESITATION_S = 0.1
"""Before a guess: an engine that speaks whole utterances ends them at once."""
GUESSED_MS = 30_000.0
"""Longer utterances are heard only at their end: every guess begins at the beginning."""
LONGEST_MS = 120_000.0
"""Of one utterance; what goes beyond is not checked."""


@dataclass(slots=True)
class _Utterance:
    """Speech that the process does not have yet, and what is known of the utterance."""

    language: str
    start_s: float
    end_s: float
    pieces: list[Samples] = field(default_factory=list)
    sample_rate_hz: int = RATE_HZ
    speech_ms: float = 0.0
    """All of it, from its first piece."""
    guessed_ms: float = 0.0
    """How much there was at the last guess."""


class OutputAsr:
    """One process that listens. Start it early: it loads while other things happen."""

    def __init__(self, config: OutputAsrConfig, *, verbose: bool = False) -> None:
        self._config = config
        self._process = WhisperProcess(config, verbose=verbose)
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        """Guards all that follows. Nobody holds it for long."""
        self._queue: deque[TargetAudio | int] = deque()
        """Speech, and the numbers of utterances that end."""
        self._queued_ms = 0.0
        self._busy = False
        """Whether the thread works on what it took from the queue."""
        self._open: dict[int, _Utterance] = {}
        """Only the thread changes it."""
        self._news: list[OutputHeard] = []
        self._unchecked_ms = 0.0
        self._error: S2stError | None = None
        """Why nothing is checked any more."""
        self._error_told = False
        self._closed = False

    def wait_until_loaded(self) -> str:
        """What it listens with, in words that make a score repeatable. Raises what loading
        raised."""
        return self._process.wait_until_loaded()

    def transcribe(self, wav: Path) -> str:
        """What is understood of a whole recording; the same each time.

        Raises:
            SoundFileError: it cannot be read.
            EngineError: the process has ended, or does not answer.
        """
        return self._process.ask(wav)

    def hear(self, event: TargetAudio) -> bool:
        """Take speech of a live session; False if it will not be checked. Never waits.

        When `queue_ms` of speech waits already, the new piece is not checked, and counted. A
        piece longer than that is taken when nothing waits.
        """
        speech_ms = event.chunk.duration_ms
        with self._changed:
            full = self._queued_ms > 0 and self._queued_ms + speech_ms > self._config.queue_ms
            if full or self._closed or self._error is not None:
                self._unchecked_ms += speech_ms
                return False
            self._queue.append(event)
            self._queued_ms += speech_ms
            self._start_thread()
            self._changed.notify_all()
        return True

    def end_utterance(self, utterance: int) -> None:
        """Nothing more comes of an utterance. Never waits."""
        with self._changed:
            if self._thread is None or self._closed or self._error is not None:
                return  # nothing was heard of it
            self._queue.append(utterance)
            self._changed.notify_all()

    def news(self) -> list[OutputHeard]:
        """What was understood since it was last asked. Never waits.

        Raises:
            EngineError: once, why nothing more is checked.
        """
        with self._changed:
            news, self._news = self._news, []
            if not news and self._error is not None and not self._error_told:
                self._error_told = True
                raise self._error
            return news

    @property
    def unchecked_ms(self) -> float:
        """Speech that was not checked, or not to the end of its utterance."""
        with self._changed:
            return self._unchecked_ms

    def finish(self, patience_s: float) -> bool:
        """Wait until all that was heard is understood, but no longer; whether that is so."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._error is not None or not (self._queue or self._busy), patience_s
            )

    def close(self) -> None:
        """End the process, whatever it does. May be called twice."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        self._process.end()
        if self._thread is not None:
            self._thread.join()
        with self._changed:
            self._count_rest()

    # The thread

    def _start_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="output check", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        try:
            while (batch := self._take()) is not None:
                for item in batch:
                    if isinstance(item, TargetAudio):
                        self._add(item)
                    else:
                        self._say(item, final=True)
                self._guess()
        except Exception as error:  # the session goes on without it, whatever it is
            with self._changed:
                self._busy = False
                if not self._closed:
                    if not isinstance(error, S2stError):
                        what = f"{type(error).__name__}: {error}"
                        error = EngineError(f"The output check failed: {what}.")
                    self._error = error
                    self._count_rest()
                self._changed.notify_all()

    def _take(self) -> list[TargetAudio | int] | None:
        """All that waits; None when it is over."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._queue or self._closed)
            if self._closed:
                return None
            batch = list(self._queue)
            self._queue.clear()
            self._queued_ms = 0.0
            self._busy = True
            return batch

    def _add(self, event: TargetAudio) -> None:
        chunk = event.chunk
        known = self._open.get(event.utterance)
        if known is None:
            known = _Utterance(event.language, event.start_s, event.end_s)
            self._open[event.utterance] = known
        if known.speech_ms + chunk.duration_ms > LONGEST_MS:
            self._leave_out(chunk.duration_ms)
            return
        known.pieces.append(chunk.samples)
        known.sample_rate_hz = chunk.sample_rate_hz
        known.speech_ms += chunk.duration_ms
        known.start_s = min(known.start_s, event.start_s)
        known.end_s = max(known.end_s, event.end_s)

    def _guess(self) -> None:
        """Hear the newest utterance as far as it goes, if there is enough new of it and nothing
        else to do."""
        if not self._open:
            return
        number = max(self._open)
        known = self._open[number]
        new_ms = known.speech_ms - known.guessed_ms
        if new_ms < GUESS_EVERY_MS or known.speech_ms > GUESSED_MS:
            return
        with self._changed:
            if self._changed.wait_for(lambda: self._queue or self._closed, HESITATION_S):
                return
        known.guessed_ms = known.speech_ms
        self._say(number, final=False)

    def _say(self, number: int, *, final: bool) -> None:
        known = self._open.get(number)
        if known is None:
            return
        sound = np.concatenate([silence(0), *known.pieces])
        known.pieces.clear()
        try:
            text = self._process.ask(
                Question(number, known.language, sound, known.sample_rate_hz, final)
            )
        except LanguageError:  # after a swap; the session goes on, and so does this
            if final:
                self._leave_out(known.speech_ms)
        else:
            heard = OutputHeard(number, known.language, text, known.start_s, known.end_s, final)
            with self._changed:
                # A partial that nobody has seen yet is out of date.
                self._news = [old for old in self._news if old.final or old.utterance != number]
                self._news.append(heard)
        if final:
            with self._changed:
                del self._open[number]

    def _leave_out(self, speech_ms: float) -> None:
        with self._changed:
            self._unchecked_ms += speech_ms

    def _count_rest(self) -> None:
        """What is not understood by now will not be."""
        waiting = [item for item in self._queue if isinstance(item, TargetAudio)]
        self._unchecked_ms += sum(event.chunk.duration_ms for event in waiting)
        self._unchecked_ms += sum(known.speech_ms for known in self._open.values())
        self._queue.clear()
        self._open.clear()

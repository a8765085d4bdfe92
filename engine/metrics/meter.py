"""`Meter`: a listener that measures a live session: its lags, its losses, the engine's speed.

source      |--- clause ---|
engine                     |waiting|computing|
voice                                        |queue|playback|
speaker                                                     |--- translation ---|
                           |<-------- start lag ----------->|
                           |<----------------- end lag ------------------------>|
"""

import statistics
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from engine.events import (
    AudioLost,
    SourceText,
    SpeechDropped,
    SpeechPlayed,
    Stamped,
    TargetAudio,
    TargetText,
)
from engine.languages import written_without_spaces
from engine.session import Heard
from engine.text.unclear import without_unclear

FACTOR_S = 10.0
"""Over how much sound the engine's speed is measured."""
SURE_S = 5.0
"""Less sound than this says nothing about the speed."""
SILENT_DB = -96.0
SLOW = 1.02
"""An engine that needs more seconds for a second of sound than this cannot keep up."""


@dataclass(frozen=True, slots=True)
class Lag:
    """The lag of one clause of speech, in seconds."""

    waiting_s: float
    """Sound the engine heard after the clause ended, before it spoke."""
    computing_s: float
    """Until the speech left the engine, the time included in which sound waited for it."""
    queue_s: float
    """Behind earlier speech."""
    playback_s: float
    """On its way through the device."""
    speech_s: float
    """From its first sample heard to its last."""

    @property
    def start_s(self) -> float:
        return self.waiting_s + self.computing_s + self.queue_s + self.playback_s

    @property
    def end_s(self) -> float:
        return self.start_s + self.speech_s


def count_words(text: str, language: str) -> int:
    """Words, without marks for what was not understood; characters where there are no spaces."""
    words = without_unclear(text)[0].split()
    return len("".join(words)) if written_without_spaces(language) else len(words)


@dataclass(slots=True)
class Tally:
    """What a session came to."""

    start_lags_s: list[float] = field(default_factory=list)
    end_lags_s: list[float] = field(default_factory=list)
    source_words: int = 0
    """Words heard; characters, in a language written without spaces."""
    target_words: dict[str, int] = field(default_factory=dict)
    """The same of what was written, by language."""
    dropped_clauses: int = 0
    dropped_s: float = 0.0
    """Source time of the clauses that were not spoken."""
    lost_count: int = 0
    lost_s: float = 0.0
    """Source sound that no engine heard."""

    @property
    def start_lag(self) -> "Percentiles | None":
        """None when nothing was spoken."""
        return Percentiles.of(self.start_lags_s)

    @property
    def end_lag(self) -> "Percentiles | None":
        return Percentiles.of(self.end_lags_s)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of a lag, in seconds."""

    median_s: float
    p95_s: float

    @classmethod
    def of(cls, lags_s: list[float]) -> "Percentiles | None":
        if not lags_s:
            return None
        median_s, p95_s = np.percentile(lags_s, [50, 95])
        return cls(round(float(median_s), 3), round(float(p95_s), 3))

    def __str__(self) -> str:
        return f"{self.median_s:.1f} s median, {self.p95_s:.1f} s p95"


class Meter:
    """Belongs to the session's thread; others may read its plain numbers."""

    def __init__(self, speaks: str | None) -> None:
        """`speaks` is the target language that is heard, if any."""
        self.speaks = speaks
        self._made: dict[tuple[int, str, float], Stamped] = {}
        """When the first speech of a clause left the engine, for clauses not heard yet."""
        self._steps: deque[tuple[float, float]] = deque()
        self._steps_s = self._busy_s = 0.0
        self.tally = Tally()
        self.lag: Lag | None = None
        """Of the clause heard last."""
        self.level_db = SILENT_DB
        """Level of the sound heard last."""
        self.waiting_s = 0.0
        """How old the sound is that was heard last."""

    def hear(self, stamped: Stamped) -> None:
        """A listener of a session."""
        event, tally = stamped.event, self.tally
        if isinstance(event, TargetAudio):
            if event.language == self.speaks:
                self._made.setdefault((event.utterance, event.language, event.start_s), stamped)
                while len(self._made) > 256:
                    del self._made[next(iter(self._made))]
        elif isinstance(event, SpeechPlayed):
            self._note_played(event)
        elif isinstance(event, SpeechDropped):
            self._made.pop((event.utterance, event.language, event.start_s), None)
            if event.language == self.speaks:
                tally.dropped_clauses += 1
                tally.dropped_s += event.end_s - event.start_s
        elif isinstance(event, AudioLost):
            tally.lost_count += 1
            tally.lost_s += event.end_s - event.start_s
        elif isinstance(event, SourceText) and event.committed:
            tally.source_words += count_words(event.text, event.language)
        elif isinstance(event, TargetText) and event.committed:
            words = count_words(event.text, event.language)
            tally.target_words[event.language] = tally.target_words.get(event.language, 0) + words

    def progress(self, heard: Heard) -> None:
        """Told after each chunk."""
        samples = heard.chunk.samples
        if not len(samples):
            return
        power = float(np.mean(np.square(samples, dtype=np.float64)))
        self.level_db = max(SILENT_DB, 10 * float(np.log10(power + 1e-12)))
        sound_s = heard.chunk.duration_ms / 1000
        busy_s = heard.done_at_s - heard.stepped_at_s
        self._steps.append((sound_s, busy_s))
        self._steps_s += sound_s
        self._busy_s += busy_s
        while self._steps_s > FACTOR_S:
            sound_s, busy_s = self._steps.popleft()
            self._steps_s -= sound_s
            self._busy_s -= busy_s
        if heard.chunk.captured_at_s is not None:
            self.waiting_s = max(0.0, heard.stepped_at_s - heard.chunk.captured_at_s)

    @property
    def slowness(self) -> float | None:
        """Seconds the engine needed for one second of sound, lately; None until that is known."""
        return self._busy_s / self._steps_s if self._steps_s >= SURE_S else None

    @property
    def is_slow(self) -> bool:
        """Whether the engine is known not to keep up."""
        return self.slowness is not None and self.slowness > SLOW

    @property
    def start_lag_median_s(self) -> float | None:
        """Over the last 20 clauses."""
        lags = self.tally.start_lags_s[-20:]
        return statistics.median(lags) if lags else None

    def _note_played(self, event: SpeechPlayed) -> None:
        start_s = event.started_at_s - event.source_end_at_s
        self.tally.start_lags_s.append(start_s)
        self.tally.end_lags_s.append(event.ended_at_s - event.source_end_at_s)
        made = self._made.pop((event.utterance, event.language, event.start_s), None)
        heard_s = made.heard_s if made is not None else event.end_s
        waiting_s = max(0.0, heard_s - event.end_s)
        self.lag = Lag(
            waiting_s,
            event.made_at_s - event.source_end_at_s - waiting_s,
            event.taken_at_s - event.made_at_s,
            event.started_at_s - event.taken_at_s,
            event.ended_at_s - event.started_at_s,
        )

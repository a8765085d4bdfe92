"""`SpeechQueue`: clauses of translated speech on their way to the speaker, none of them too late.

Two lags are kept apart: from the end of a source clause to the first sample of its translation
(start lag), and to its last (end lag). The first is bounded: a clause that would start later than
allowed is not spoken. What is spoken gets faster the more waits behind it.
"""

import threading
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from audio_io.chunk import Samples, silence
from audio_io.stretch import Stretch, stretch_available
from audio_io.trim import SilenceTrimmer
from engine.events import SpeechDropped, TargetAudio

PIECE_MS = 40
"""As much is handed out at once."""
STEP = 0.05
"""Speeds are multiples of this, and change by no more within a clause."""
HOLD_MS = 500
"""A speed within a clause holds at least this long; see `Stretch.set_speed`."""


@dataclass(frozen=True, slots=True)
class LagConfig:
    max_lag_s: float = 6.0
    """A clause whose first sample would be heard later than this after its source is dropped."""
    max_speed: float = 1.3
    """How many times faster than it was made speech may be played."""
    rush_ms: float = 3000
    """With this much speech waiting behind the clause that is spoken, the speed is the highest;
    with none it is 1."""
    inner_silence_ms: int = 250
    """Longer silences within a clause are made this short."""
    room_ms: float = 60_000
    """Speech that may wait. When more comes, the oldest clause is dropped."""

    def __post_init__(self) -> None:
        if self.max_lag_s <= 0:
            raise ValueError(f"max_lag_s {self.max_lag_s} is not above 0")
        if not 1.0 <= self.max_speed <= 1.3:
            raise ValueError(f"max_speed {self.max_speed} is not between 1 and 1.3")


@dataclass(slots=True, eq=False)
class Clause:
    """Speech of one stretch of the source. Belongs to the queue's lock until it is spoken."""

    utterance: int
    start_s: float
    end_s: float
    language: str
    source_end_at_s: float
    made_at_s: float
    rate_hz: int
    pieces: deque[Samples] = field(default_factory=deque)
    waiting_samples: int = 0
    complete: bool = False
    """Whether no more of it comes."""
    taken_at_s: float = 0.0
    started_at_s: float | None = None
    """When its first sample was heard."""
    made_samples: int = 0
    """Its length without trimmed silence, at speed 1."""
    given_samples: int = 0
    """Its length as played."""

    @property
    def span(self) -> tuple[int, float, float]:
        return self.utterance, self.start_s, self.end_s

    @property
    def waiting_ms(self) -> float:
        return 1000.0 * self.waiting_samples / self.rate_hz

    def dropped(self, reason: str) -> SpeechDropped:
        return SpeechDropped(self.utterance, self.language, self.start_s, self.end_s, reason)


@dataclass(frozen=True, slots=True)
class Piece:
    """Sound for the speaker."""

    clause: Clause
    samples: Samples
    begins: bool
    """Whether it is the first of its clause."""
    ends: bool
    """Whether it is the last."""


class SpeechQueue:
    """Filled by the session's thread, emptied by the one that plays."""

    def __init__(self, config: LagConfig | None = None) -> None:
        self._config = config or LagConfig()
        self._lock = threading.Lock()
        self._waiting: deque[Clause] = deque()
        self._filling: Clause | None = None
        """The clause that grows; it may be spoken already."""
        self._speaking: _Speaking | None = None
        self._dropped: deque[SpeechDropped] = deque()
        self._unwanted: tuple[int, float, float] | None = None
        """Span of a clause that was dropped while it grew: the rest of it is dropped with it."""
        most = self._config.max_speed if stretch_available() else 1.0
        self._most_steps = int((most - 1.0) / STEP + 1e-9)

    @property
    def speed(self) -> float:
        """How fast speech is played now."""
        speaking = self._speaking
        return speaking.speed if speaking is not None else 1.0

    @property
    def queued_ms(self) -> float:
        """Speech that has not been handed out."""
        with self._lock:
            return self._queued_ms()

    @property
    def is_empty(self) -> bool:
        with self._lock:
            return not self._waiting and self._speaking is None

    def put(self, event: TargetAudio, source_end_at_s: float, now_s: float) -> None:
        """One more piece of speech. Pieces of the same source span are one clause."""
        span = (event.utterance, event.start_s, event.end_s)
        with self._lock:
            if span == self._unwanted:
                return
            self._unwanted = None
            clause = self._filling
            if clause is None or span != clause.span:
                self._complete()
                clause = Clause(*span, event.language, source_end_at_s, now_s,
                                event.chunk.sample_rate_hz)  # fmt: skip
                self._filling = clause
                self._waiting.append(clause)
            clause.pieces.append(event.chunk.samples)
            clause.waiting_samples += len(event.chunk.samples)
            while self._queued_ms() > self._config.room_ms:
                self._drop_oldest("too much speech waited")

    def end_utterance(self) -> None:
        """The clause that grows is whole."""
        with self._lock:
            self._complete()

    def pull(self, now_s: float, heard_at_s: float) -> Piece | None:
        """The next piece, which would be heard at `heard_at_s`; None when there is none now."""
        with self._lock:
            while True:
                if self._speaking is None:
                    self._drop_late(heard_at_s)
                    if not self._waiting:
                        return None
                    clause = self._waiting.popleft()
                    clause.taken_at_s = now_s
                    self._speaking = _Speaking(clause, self._config, self._wanted_steps())
                speaking = self._speaking
                piece = speaking.next(self._wanted_steps())
                if piece is None:
                    return None
                if piece.begins and self._is_late(speaking.clause, heard_at_s):
                    # It was taken in time, and then its first sound kept us waiting.
                    self._drop_oldest(self.late(speaking.clause, heard_at_s))
                    continue
                if piece.ends:
                    self._speaking = None
                return piece

    def drop_late(self, heard_at_s: float) -> None:
        """Drop the clauses that would be too late if they were heard at `heard_at_s`; for when
        nothing can be played."""
        with self._lock:
            self._drop_late(heard_at_s)

    def latest_s(self, clause: Clause) -> float:
        """Clock time by which a clause must be heard."""
        return clause.source_end_at_s + self._config.max_lag_s

    def late(self, clause: Clause, heard_at_s: float) -> str:
        """Why a clause that would be heard then is not."""
        late_s = heard_at_s - clause.source_end_at_s
        return f"it would have started {late_s:.1f} s late, more than {self._config.max_lag_s:g} s"

    def drop_begun(self, reason: str) -> None:
        """Forget the rest of the clause that is being spoken."""
        with self._lock:
            if self._speaking is not None:
                self._drop_oldest(reason)

    def drop_all(self, reason: str) -> None:
        """Forget everything that has not been handed out."""
        with self._lock:
            while self._speaking is not None or self._waiting:
                self._drop_oldest(reason)

    def dropped(self) -> list[SpeechDropped]:
        """What was not spoken, each told once."""
        with self._lock:
            told = list(self._dropped)
            self._dropped.clear()
            return told

    def _behind_ms(self) -> float:
        return sum(clause.waiting_ms for clause in self._waiting)

    def _queued_ms(self) -> float:
        return self._behind_ms() + (self._speaking.clause.waiting_ms if self._speaking else 0.0)

    def _wanted_steps(self) -> int:
        """The speed, in steps above 1."""
        pressure = min(1.0, self._behind_ms() / self._config.rush_ms)
        return round(pressure * self._most_steps)

    def _complete(self) -> None:
        if self._filling is not None:
            self._filling.complete = True
            self._filling = None

    def _is_late(self, clause: Clause, heard_at_s: float) -> bool:
        return heard_at_s - clause.source_end_at_s > self._config.max_lag_s

    def _drop_late(self, heard_at_s: float) -> None:
        while self._waiting and self._is_late(self._waiting[0], heard_at_s):
            self._drop_oldest(self.late(self._waiting[0], heard_at_s))

    def _drop_oldest(self, reason: str) -> None:
        """The clause that is being spoken, or else the first that waits."""
        if self._speaking is not None:
            clause, self._speaking = self._speaking.clause, None
        else:
            clause = self._waiting.popleft()
        if clause is self._filling:
            self._filling, self._unwanted = None, clause.span
        self._dropped.append(clause.dropped(reason))


class _Speaking:
    """The clause that is being spoken: trimmed, made faster, handed out piece by piece."""

    def __init__(self, clause: Clause, config: LagConfig, steps: int) -> None:
        self.clause = clause
        self._config = config
        self._trimmer = SilenceTrimmer(clause.rate_hz, config.inner_silence_ms)
        self._steps = steps
        self._stretch = Stretch(clause.rate_hz, _speed(steps))
        self._piece_samples = clause.rate_hz * PIECE_MS // 1000
        self._held_samples = 0
        """Sound made at the speed that holds now."""
        self._ready = silence(0)
        self._all_in = False
        self._given = False

    @property
    def speed(self) -> float:
        return self._stretch.speed

    def next(self, wanted_steps: int) -> Piece | None:
        """None when more of the clause has to come first."""
        clause = self.clause
        while len(self._ready) < self._piece_samples and not self._all_in:
            if clause.pieces:
                self._prepare(self._cut(), wanted_steps)
            elif clause.complete:
                self._prepare(silence(0), wanted_steps, last=True)
                self._all_in = True
            else:
                break
        ends = self._all_in and len(self._ready) <= self._piece_samples
        if not len(self._ready) and not ends:
            return None
        samples, self._ready = (
            self._ready[: self._piece_samples],
            self._ready[self._piece_samples :],
        )
        clause.given_samples += len(samples)
        begins, self._given = not self._given, True
        return Piece(clause, samples, begins, ends)

    def _cut(self) -> Samples:
        clause = self.clause
        first = clause.pieces.popleft()
        piece, rest = first[: self._piece_samples], first[self._piece_samples :]
        if len(rest):
            clause.pieces.appendleft(rest)
        clause.waiting_samples -= len(piece)
        return piece

    def _prepare(self, samples: Samples, wanted_steps: int, *, last: bool = False) -> None:
        trimmed = self._trimmer.process(samples, last)
        hold_samples = self.clause.rate_hz * HOLD_MS // 1000
        if wanted_steps != self._steps and self._held_samples >= hold_samples:
            self._steps += 1 if wanted_steps > self._steps else -1
            self._stretch.set_speed(_speed(self._steps))
            self._held_samples = 0
        self._held_samples += len(trimmed)
        self.clause.made_samples += len(trimmed)
        self._ready = np.concatenate([self._ready, self._stretch.process(trimmed, last)])


def _speed(steps: int) -> float:
    return round(1.0 + steps * STEP, 2)

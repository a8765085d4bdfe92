"""`LiveVoice`: translated speech through a speaker, on a thread of its own, never too late."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from audio_io.chunk import AudioChunk, Samples, silence
from audio_io.clock import Clock, WallClock
from audio_io.ports import AudioSink
from engine.events import Event, SpeechPlayed, TargetAudio
from engine.speaking.speech_queue import Clause, LagConfig, SpeechQueue

AHEAD_MS = 60.0
"""Sound kept ready for the card. Less runs dry when the machine is busy, more makes the choice of
what to drop older."""
TURN_S = 0.02
IDLE_S = 0.1
LOOK_S = 0.1
"""How often it is looked what was heard."""
PAUSE_MS = 150
"""Silence after each clause; what synthesizers put there is trimmed away."""
PATIENCE_S = 3.0
"""A clause not known to be heard this long after it was due has been cut short."""

SURE_S = 0.05
"""When a card plays is known no better: a clause is let pass only if it is early by so much."""

KEPT_S = 0.2
"""What is heard is kept so long after it was: by then it is known what was said meanwhile."""

Keep = Callable[[Samples, float, bool], None]


class LiveSink(AudioSink, Protocol):
    """A sink that plays, and knows when."""

    @property
    def queued_ms(self) -> float:
        """Sound taken and not yet played."""

    @property
    def played_samples(self) -> int:
        """Samples that were really played."""

    def drop_unplayed(self) -> int:
        """Forget what has not been played; returns the samples dropped."""

    @property
    def ready(self) -> bool:
        """Whether what is written now will be heard."""

    @property
    def ahead_s(self) -> float:
        """How long from now what is written now will be heard."""

    @property
    def position(self) -> int:
        """The number, by the sink's own count, of the sample that is written next."""

    def begin(self, latest_s: float) -> None:
        """What is written next is a clause, which must be heard by a clock time or not at all: that
        is decided when it is played."""

    def has_refused(self, position: int) -> bool:
        """Whether the clause whose first sample has that number came too late."""

    def heard_at_s(self, position: int) -> float | None:
        """Clock time at which a sample was heard; None while it was not."""

    def check(self) -> None:
        """Look after the device. Called a few times a second."""


@dataclass(frozen=True, slots=True)
class _Played:
    clause: Clause
    first: int
    """Position of its first sample."""
    last: int
    """Of its last one."""
    due_at_s: float
    """When that one should be heard."""


@dataclass(frozen=True, slots=True)
class _Unkept:
    samples: Samples
    position: int
    """Of its first sample."""
    due_at_s: float
    """When that one should be heard."""
    begins: bool
    """Whether a clause begins with it."""


class LiveVoice:
    """A `Voice`. The session's thread fills it; `start` makes the thread that plays."""

    def __init__(
        self,
        sink: LiveSink,
        config: LagConfig | None = None,
        clock: Clock | None = None,
        keep: Keep | None = None,
    ) -> None:
        """`keep` is given everything that was played, when it was heard, and whether a clause
        begins with it; on the thread that plays."""
        self._sink = sink
        self._clock = clock or WallClock()
        self._keep = keep
        self._queue = SpeechQueue(config)
        self._first = 0
        """Position of the first sample of the clause that is being spoken."""
        self._speaking: Clause | None = None
        self._played: deque[_Played] = deque(maxlen=64)
        """Clauses handed to the sink and not heard to their end."""
        self._unkept: deque[_Unkept] = deque()
        """What was handed to the sink, and may be heard."""
        self._news: deque[Event] = deque(maxlen=1000)
        self._look_at_s = 0.0
        self._wake = threading.Event()
        self._last = False
        self._refusal = ""
        """Why nothing more is spoken; empty while something may be."""
        self._is_over = threading.Event()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="voice", daemon=True)
        self._thread.start()

    def take(self, event: TargetAudio, source_end_at_s: float | None) -> None:
        now_s = self._clock.now_s()
        self._queue.put(event, now_s if source_end_at_s is None else source_end_at_s, now_s)
        if self._refusal:
            self._queue.drop_all(self._refusal)
        self._wake.set()

    def end_utterance(self, utterance: int) -> None:
        self._queue.end_utterance()
        self._wake.set()

    def news(self) -> Iterator[Event]:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        yield from self._queue.dropped()
        while self._news:
            yield self._news.popleft()

    def finish(self) -> None:
        """Waits until everything was heard, or dropped."""
        self._queue.end_utterance()
        self._last = True
        self._wake.set()
        if self._thread is not None:
            self._is_over.wait()

    def drop(self, reason: str) -> None:
        """Be silent at once and for good. From any thread."""
        self._refusal = reason
        self._queue.drop_all(reason)
        self._sink.drop_unplayed()
        self._wake.set()

    @property
    def queued_ms(self) -> float:
        """Speech that waits, the card's own not counted."""
        return self._queue.queued_ms + self._sink.queued_ms

    @property
    def speed(self) -> float:
        return self._queue.speed

    def turn(self) -> float:
        """Do what is due now; how long nothing is due after that, in seconds."""
        self._sink.check()
        now_s, ready = self._clock.now_s(), self._sink.ready
        self._note_refused(now_s)
        is_open = self._played or self._speaking or self._unkept
        if is_open and (now_s >= self._look_at_s or not ready):
            self._look_at_s = now_s + LOOK_S
            self._keep_heard(now_s, ready)
            self._note_heard(now_s, ready)
        heard_at_s = now_s + self._sink.ahead_s
        if not ready:
            self._speaking = None
            self._queue.drop_begun("the speaker was lost")
            self._queue.drop_late(heard_at_s)
            return IDLE_S
        if self._sink.queued_ms >= AHEAD_MS:
            return TURN_S
        piece = self._queue.pull(now_s, heard_at_s)
        if piece is None:
            return IDLE_S  # `take` wakes us
        clause = piece.clause
        if piece.begins:
            self._first, self._speaking = self._sink.position, clause
            self._sink.begin(self._queue.latest_s(clause) - SURE_S)
        self._write(piece.samples, clause.rate_hz, begins=piece.begins)
        if piece.ends:
            self._speaking = None
            if not clause.given_samples:
                self._news.append(clause.dropped("it is silent"))
                return 0.0
            due_at_s = now_s + self._sink.ahead_s
            self._played.append(_Played(clause, self._first, self._sink.position - 1, due_at_s))
            self._write(silence(clause.rate_hz * PAUSE_MS // 1000), clause.rate_hz)
        return 0.0

    def _write(self, samples: Samples, rate_hz: int, *, begins: bool = False) -> None:
        if self._keep is not None and len(samples):
            due_at_s = self._clock.now_s() + self._sink.ahead_s
            self._unkept.append(_Unkept(samples, self._sink.position, due_at_s, begins))
        self._sink.write(AudioChunk(samples, rate_hz, self._sink.played_samples))

    def _note_refused(self, now_s: float) -> None:
        """The clause that came too late for the sink is not spoken."""
        if self._speaking is not None and self._sink.has_refused(self._first):
            reason = self._queue.late(self._speaking, now_s + self._sink.ahead_s)
            self._speaking = None
            self._queue.drop_begun(reason)
        for played in [each for each in self._played if self._sink.has_refused(each.first)]:
            self._played.remove(played)
            reason = self._queue.late(played.clause, now_s + self._sink.ahead_s)
            self._news.append(played.clause.dropped(reason))

    def _keep_heard(self, now_s: float, ready: bool) -> None:
        """Hand on what was heard since, with when that was; what never will be is forgotten."""
        while self._unkept and self._keep is not None:
            piece = self._unkept[0]
            heard_at_s = self._sink.heard_at_s(piece.position)
            if heard_at_s is None:
                is_open = now_s < piece.due_at_s + PATIENCE_S
            else:
                is_open = now_s < heard_at_s + KEPT_S
            if is_open and ready:
                return
            self._unkept.popleft()
            if heard_at_s is not None:
                self._keep(piece.samples, heard_at_s, piece.begins)

    def _run(self) -> None:
        try:
            while not (self._last and self._queue.is_empty and not self._played):
                wait_s = self.turn()
                if wait_s and self._wake.wait(wait_s):
                    self._wake.clear()
            self._keep_heard(self._clock.now_s(), ready=False)
        except BaseException as error:  # for the session's thread
            self._error = error
        finally:
            self._is_over.set()

    def _note_heard(self, now_s: float, ready: bool) -> None:
        """Tell of clauses that were heard. Where one began is noted at once: the sink does not
        know it for ever."""
        begun = [(played.clause, played.first) for played in self._played]
        if self._speaking is not None:
            begun.append((self._speaking, self._first))
        for clause, first in begun:
            if clause.started_at_s is None:
                clause.started_at_s = self._sink.heard_at_s(first)
        while self._played:
            played = self._played[0]
            ended_at_s = self._sink.heard_at_s(played.last)
            if ended_at_s is None and ready and now_s < played.due_at_s + PATIENCE_S:
                return  # still on its way
            self._played.popleft()
            if ended_at_s is None or played.clause.started_at_s is None:
                self._news.append(played.clause.dropped("it was cut short"))
            else:
                self._news.append(_event(played.clause, ended_at_s))


def _event(clause: Clause, ended_at_s: float) -> SpeechPlayed:
    assert clause.started_at_s is not None
    return SpeechPlayed(
        clause.utterance,
        clause.language,
        clause.start_s,
        clause.end_s,
        clause.source_end_at_s,
        clause.made_at_s,
        clause.taken_at_s,
        clause.started_at_s,
        ended_at_s,
        clause.made_samples / clause.given_samples if clause.given_samples else 1.0,
    )

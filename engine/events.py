"""What an engine says while it listens: the events that leave a session sideways.

Every text and sound event names its utterance (counted from 0 in one stream), its language and
its span in source time, in seconds from the start of the stream.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from audio_io.chunk import AudioChunk


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word and where in the source it was heard."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None
    """Posterior probability in [0, 1]; None when it was not measured."""


@dataclass(frozen=True, slots=True)
class _Text:
    utterance: int
    language: str
    """ISO 639-3 code."""
    text: str
    """Committed text is append-only and brings its own leading space, so that the texts of one
    language joined together are the whole. A partial replaces the whole uncommitted tail of its
    utterance and language."""
    start_s: float
    end_s: float
    committed: bool
    confidence: float | None = None
    """In [0, 1]; None when it was not measured."""
    words: tuple[Word, ...] = ()
    """The words of `text` with their times, where the engine knows them."""


@dataclass(frozen=True, slots=True)
class SourceText(_Text):
    """What was heard."""


@dataclass(frozen=True, slots=True)
class TargetText(_Text):
    """Its translation."""


@dataclass(frozen=True, slots=True)
class TargetAudio:
    """Translated speech. `start_s` and `end_s` are the source span it translates."""

    utterance: int
    language: str
    chunk: AudioChunk
    """Its `start_sample` counts the speech of this language, at the chunk's own rate."""
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class OutputHeard:
    """What a recogniser understood of our own speech. It comes late, beside the other events."""

    utterance: int
    language: str
    """ISO 639-3 code."""
    text: str
    """The whole utterance as far as it was heard; each text replaces the one before."""
    start_s: float
    end_s: float
    """The source span that the speech translates."""
    final: bool
    """Whether the utterance had ended."""


@dataclass(frozen=True, slots=True)
class SpeechDropped:
    """A translation, or a part of it, that is written and was not spoken."""

    utterance: int
    language: str
    start_s: float
    end_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class SpeechPlayed:
    """A clause of translated speech was heard, from its first sample to its last.

    Clock times. `started_at_s - source_end_at_s` is its start lag, `ended_at_s` minus that its
    end lag.
    """

    utterance: int
    language: str
    start_s: float
    end_s: float
    source_end_at_s: float
    """When the source clause ended."""
    made_at_s: float
    """When the first of its speech left the engine."""
    taken_at_s: float
    """When it left the queue for the device."""
    started_at_s: float
    """When its first sample was heard."""
    ended_at_s: float
    speed: float
    """How many times faster than it was made it was played, on average, its silences apart."""


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """Nothing more comes of this utterance. One in which no words were recognised has no text.

    An agent ends every utterance before it begins another and before the stream is over: pacers
    hold speech back until then.
    """

    utterance: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class AudioLost:
    """Source sound that no engine heard."""

    start_s: float
    end_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class EngineTrace:
    """Everything that one step of an engine came to, for those who study it."""

    utterance: int
    language: str
    start_s: float
    end_s: float
    record: Mapping[str, Any]
    """The engine's own names; JSON's types."""


Event: TypeAlias = (
    SourceText
    | TargetText
    | TargetAudio
    | OutputHeard
    | SpeechDropped
    | SpeechPlayed
    | UtteranceEnded
    | AudioLost
    | EngineTrace
)


@dataclass(frozen=True, slots=True)
class Stamped:
    """An event, when it left the engine, and what the engine had heard by then.

    With these the lag of a translation divides into waiting for speech, computing, and the rest.
    """

    event: Event
    emitted_at_s: float
    """Clock time at which it left the engine."""
    stepped_at_s: float
    """Clock time at which the step that made it began."""
    heard_s: float
    """Stream time of the newest sound the engine had heard, in seconds."""
    captured_at_s: float | None
    """Clock time at which that sound was captured; None for a file."""


EVENT_TYPES = {
    SourceText: "source_text",
    TargetText: "target_text",
    TargetAudio: "target_audio",
    OutputHeard: "output_heard",
    SpeechDropped: "speech_dropped",
    SpeechPlayed: "speech_played",
    UtteranceEnded: "utterance_ended",
    AudioLost: "audio_lost",
    EngineTrace: "engine_trace",
}
"""The name of each kind of event where events are written down."""

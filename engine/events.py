"""What an engine says while it listens: the events that leave a session sideways.

Every text and sound event names its utterance (counted from 0 in one stream), its language and
its span in source time, in seconds from the start of the stream.
"""

from dataclasses import dataclass
from typing import TypeAlias

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
class UtteranceEnded:
    """Nothing more comes of this utterance."""

    utterance: int
    start_s: float
    end_s: float
    unspoken: str = ""
    """Why its translation was not spoken; empty when it was, or when no speech was asked for."""


@dataclass(frozen=True, slots=True)
class AudioLost:
    """Sound that no engine heard."""

    start_s: float
    end_s: float
    reason: str


NO_WORDS = "no words were recognised"
"""Why an utterance in which nothing was understood is not spoken; it has no text either."""

Event: TypeAlias = SourceText | TargetText | TargetAudio | UtteranceEnded | AudioLost


@dataclass(frozen=True, slots=True)
class Stamped:
    """An event and when it left the engine."""

    event: Event
    emitted_at_s: float
    """Clock time of the session's clock."""
    heard_s: float
    """Stream time the engine had heard by then, in seconds."""


EVENT_TYPES = {
    SourceText: "source_text",
    TargetText: "target_text",
    TargetAudio: "target_audio",
    UtteranceEnded: "utterance_ended",
    AudioLost: "audio_lost",
}
"""The name of each kind of event where events are written down."""

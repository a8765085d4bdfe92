"""An event as a flat record, for JSON lines."""

import json
from collections.abc import Mapping
from typing import Any

from engine.events import (
    EVENT_TYPES,
    AudioLost,
    Event,
    OutputHeard,
    SourceText,
    SpeechDropped,
    SpeechPlayed,
    TargetAudio,
    TargetText,
    UtteranceEnded,
)


def event_record(event: Event) -> dict[str, Any]:
    """Times in seconds of source time, rounded to milliseconds. Sound itself is left out."""
    record: dict[str, Any] = {"type": EVENT_TYPES[type(event)]}
    if isinstance(event, SourceText | TargetText):
        record |= {
            "text": event.text,
            "language": event.language,
            "committed": event.committed,
            "utterance": event.utterance,
        }
    elif isinstance(event, TargetAudio):
        record |= {
            "language": event.language,
            "utterance": event.utterance,
            "speech_s": round(event.chunk.duration_ms / 1000, 3),
        }
    elif isinstance(event, OutputHeard):
        record |= {
            "text": event.text,
            "language": event.language,
            "final": event.final,
            "utterance": event.utterance,
        }
    elif isinstance(event, SpeechDropped):
        record |= {
            "language": event.language,
            "utterance": event.utterance,
            "reason": event.reason,
        }
    elif isinstance(event, SpeechPlayed):
        record |= {
            "language": event.language,
            "utterance": event.utterance,
            "start_lag_s": round(event.started_at_s - event.source_end_at_s, 3),
            "end_lag_s": round(event.ended_at_s - event.source_end_at_s, 3),
            "engine_s": round(event.made_at_s - event.source_end_at_s, 3),
            "queue_s": round(event.taken_at_s - event.made_at_s, 3),
            "playback_s": round(event.started_at_s - event.taken_at_s, 3),
            "speed": round(event.speed, 3),
        }
    elif isinstance(event, UtteranceEnded):
        record |= {"utterance": event.utterance}
    elif isinstance(event, AudioLost):
        record |= {"reason": event.reason}
    record |= {"start_s": round(event.start_s, 3), "end_s": round(event.end_s, 3)}
    if isinstance(event, SourceText | TargetText):
        confidence = event.confidence
        record["confidence"] = None if confidence is None else round(confidence, 3)
    return record


def timed(record: Mapping[str, object], at_s: float) -> dict[str, object]:
    """A record of a live session, with `at_s`: when it came, in seconds of the stream's time."""
    return {**record, "at_s": round(at_s, 3)}


def as_line(record: Mapping[str, object]) -> str:
    line = json.dumps(record, ensure_ascii=False)
    # What is no UTF-8 in a file's name stands as a lone surrogate, which JSON writes \udcff.
    return line.encode(errors="backslashreplace").decode()

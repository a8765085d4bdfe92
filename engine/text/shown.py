"""Events at the times that a player of the recording shows."""

from dataclasses import replace
from functools import partial

from audio_io.shown_clock import ShownClock
from engine.events import (
    AudioLost,
    Event,
    SourceText,
    TargetAudio,
    TargetText,
    UtteranceEnded,
    Word,
)


def shown_by(clock: ShownClock) -> "partial[Event]":
    """For a session: gives each event its times by `clock`."""
    return partial(_shown, clock)


def _shown(clock: ShownClock, event: Event) -> Event:
    if clock.is_stream_time:
        return event
    match event:
        case SourceText() | TargetText():
            start_s, end_s = _span(clock, event)
            words = tuple(_shown_word(clock, word) for word in event.words)
            return replace(event, start_s=start_s, end_s=end_s, words=words)
        case AudioLost() | TargetAudio() | UtteranceEnded():
            start_s, end_s = _span(clock, event)
            return replace(event, start_s=start_s, end_s=end_s)
        case _:
            return event


def _shown_word(clock: ShownClock, word: Word) -> Word:
    start_s, end_s = _span(clock, word)
    return replace(word, start_s=start_s, end_s=end_s)


def _span(clock: ShownClock, of: Event | Word) -> tuple[float, float]:
    """Where the clock stepped back in between, it is over as soon as it begins."""
    start_s = clock.at(of.start_s)
    return start_s, max(start_s, clock.at(of.end_s))

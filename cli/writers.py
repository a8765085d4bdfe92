"""Writers of text: each listens to a session and writes one language in one format.

Nothing is kept but an open cue: a line is written as soon as its utterance is committed.
"""

from collections.abc import Callable
from typing import Protocol, TextIO

from cli.records import as_line, event_record
from engine.events import AudioLost, Event, SourceText, TargetText, UtteranceEnded
from engine.subtitles import VTT_HEADER, Cue, SubtitleComposer, format_srt, format_vtt


class TextWriter(Protocol):
    def hear(self, event: Event) -> None:
        """Write what is due after this event."""

    def end(self) -> None:
        """The stream is over: write what was held back."""


class _Subtitles:
    """Cues, composed as the text comes and numbered from 1."""

    def __init__(
        self, file: TextIO, language: str, cue_text: Callable[[int, Cue], str], header: str = ""
    ) -> None:
        self._file = file
        self._language = language
        self._cue_text = cue_text
        self._composer = SubtitleComposer(language)
        self._cues = 0
        file.write(header)

    def hear(self, event: Event) -> None:
        if (text := _committed(event, self._language)) is not None:
            self._write(self._composer.add(text))

    def end(self) -> None:
        self._write(self._composer.finish())

    def _write(self, cues: list[Cue]) -> None:
        for cue in cues:
            self._cues += 1
            self._file.write(self._cue_text(self._cues, cue))


class _PlainText:
    """One utterance a line."""

    def __init__(self, file: TextIO, language: str) -> None:
        self._file = file
        self._language = language

    def hear(self, event: Event) -> None:
        if (text := _committed(event, self._language)) is not None and text.text.strip():
            self._file.write(f"{one_line(text.text)}\n")

    def end(self) -> None:
        pass  # every line is out already


class _Table:
    """One utterance a row, with its span and confidence."""

    def __init__(self, file: TextIO, language: str) -> None:
        self._file = file
        self._language = language
        file.write("utterance\tstart_s\tend_s\tconfidence\ttext\n")

    def hear(self, event: Event) -> None:
        if (text := _committed(event, self._language)) is not None:
            confidence = "" if text.confidence is None else f"{text.confidence:.3f}"
            self._file.write(
                f"{text.utterance}\t{text.start_s:.3f}\t{text.end_s:.3f}\t{confidence}\t"
                f"{one_line(text.text)}\n"
            )

    def end(self) -> None:
        pass  # every row is out already


class _JsonLines:
    """One event a line: those of the language, and those that concern all."""

    def __init__(self, file: TextIO, language: str) -> None:
        self._file = file
        self._language = language

    def hear(self, event: Event) -> None:
        if isinstance(event, UtteranceEnded | AudioLost) or event.language == self._language:
            self._file.write(as_line(event_record(event)) + "\n")

    def end(self) -> None:
        pass  # every line is out already


def _srt(file: TextIO, language: str) -> TextWriter:
    return _Subtitles(file, language, format_srt)


def _vtt(file: TextIO, language: str) -> TextWriter:
    return _Subtitles(file, language, lambda _, cue: format_vtt(cue), VTT_HEADER)


TEXT_FORMATS: dict[str, Callable[[TextIO, str], TextWriter]] = {
    "srt": _srt,
    "vtt": _vtt,
    "txt": _PlainText,
    "jsonl": _JsonLines,
    "tsv": _Table,
}


def one_line(text: str) -> str:
    return " ".join(text.split())


def _committed(event: Event, language: str) -> SourceText | TargetText | None:
    if isinstance(event, SourceText | TargetText) and event.committed:
        return event if event.language == language else None
    return None

"""Writers of text: each listens to a session and writes one language in one format.

Nothing is kept but the open cue and the open utterance.
"""

from collections.abc import Callable
from typing import Protocol, TextIO, TypeAlias

from engine.events import AudioLost, Event, SourceText, TargetText, UtteranceEnded
from engine.text.records import as_line, event_record
from engine.text.subtitles import VTT_HEADER, Cue, SubtitleComposer, format_srt, format_vtt

_Text: TypeAlias = SourceText | TargetText


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


class _Lines:
    """One utterance a line, written when it has ended, however many texts were committed."""

    def __init__(
        self, file: TextIO, language: str, line: Callable[[list[_Text]], str], header: str = ""
    ) -> None:
        self._file = file
        self._language = language
        self._line = line
        self._open: list[_Text] = []
        """What is committed of the open utterance."""
        file.write(header)

    def hear(self, event: Event) -> None:
        if (text := _committed(event, self._language)) is not None:
            self._open.append(text)
        elif isinstance(event, UtteranceEnded):
            self.end()

    def end(self) -> None:
        if any(text.text.strip() for text in self._open):
            self._file.write(self._line(self._open) + "\n")
        self._open.clear()


def _plain_line(texts: list[_Text]) -> str:
    return one_line("".join(text.text for text in texts))


def _table_line(texts: list[_Text]) -> str:
    measured = [text.confidence for text in texts if text.confidence is not None]
    confidence = f"{sum(measured) / len(measured):.3f}" if measured else ""
    span = f"{texts[0].start_s:.3f}\t{texts[-1].end_s:.3f}"
    return f"{texts[0].utterance}\t{span}\t{confidence}\t{_plain_line(texts)}"


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


def _txt(file: TextIO, language: str) -> TextWriter:
    return _Lines(file, language, _plain_line)


def _tsv(file: TextIO, language: str) -> TextWriter:
    header = "utterance\tstart_s\tend_s\tconfidence\ttext\n"
    return _Lines(file, language, _table_line, header)


TEXT_FORMATS: dict[str, Callable[[TextIO, str], TextWriter]] = {
    "srt": _srt,
    "vtt": _vtt,
    "txt": _txt,
    "jsonl": _JsonLines,
    "tsv": _tsv,
}


def one_line(text: str) -> str:
    return " ".join(text.split())


def _committed(event: Event, language: str) -> _Text | None:
    if isinstance(event, SourceText | TargetText) and event.committed:
        return event if event.language == language else None
    return None

"""`Recorder`: what was heard and said in a live session, kept so that a crash loses next to none.

All files are valid at any moment: the headers of the wavs are rewritten every second, a line or a
cue is written at once, and the cue that is still open stands in the file already.
"""

import contextlib
import copy
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from audio_io.chunk import AudioChunk, Samples
from audio_io.clock import StreamClock
from audio_io.errors import OutputError, S2stError, UsageError
from audio_io.ports import AudioSink
from audio_io.running_wav import RunningWav
from engine.events import SourceText, Stamped, TargetText
from engine.speaking.live_voice import Keep
from engine.text.records import as_line, event_record, timed
from engine.text.subtitles import VTT_HEADER, Cue, SubtitleComposer, format_srt, format_vtt

UNEVEN_S = 0.03
"""By so much speech may be heard later than it would follow, and still follows."""
SOURCE, TRANSLATION, TRANSCRIPT = "source.wav", "translation.wav", "transcript.jsonl"


class Recorder:
    """Keeps one session in a folder. A disk that fills up ends the keeping, not the session."""

    def __init__(
        self,
        folder: Path,
        languages: tuple[str, ...],
        failed: Callable[[str], object],
        stream: StreamClock | None = None,
        *,
        keeps_all: bool = False,
    ) -> None:
        """`failed` is told once why no more is kept, on whatever thread found out. `stream` lays
        what is spoken beside what is heard. With `keeps_all` that is also kept which is said while
        nobody listens.

        Raises:
            UsageError: the folder holds an earlier session.
            OutputError: it cannot be written to.
        """
        self.folder = folder
        self.keeps_all = keeps_all
        self._failed = failed
        self._lock = threading.Lock()
        self.error: OutputError | None = None
        """Why nothing more is kept."""
        self._closed = False
        self._wavs: list[RunningWav] = []
        self._stream = stream or StreamClock()
        self._at_s = 0.0
        """Of the newest line."""
        subtitled = [(language, form) for language in languages for form in ("srt", "vtt")]
        names = [SOURCE, TRANSLATION, TRANSCRIPT, *map(".".join, subtitled)]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            taken = [name for name in names if (folder / name).exists()]
            if taken:
                raise UsageError(f"'{folder}' holds an earlier session ({taken[0]}).")
            self._transcript = _RunningText(folder / TRANSCRIPT)
            self._subtitles = [
                _RunningSubtitles(folder / f"{language}.{form}", language, form)
                for language, form in subtitled
            ]
        except OSError as error:
            raise OutputError(
                f"'{folder}' cannot be recorded to: {error.strerror or error}."
            ) from error

    def source_sink(self, rate_hz: int) -> AudioSink:
        """Takes what is heard."""
        return _Keeping(self._wav(SOURCE, rate_hz), self)

    def keep_speech(self, rate_hz: int) -> Keep:
        """Takes what is spoken, and puts it where it is heard beside the source."""
        sink = _Keeping(self._wav(TRANSLATION, rate_hz), self)
        end = 0

        def keep(samples: Samples, heard_at_s: float, begins: bool) -> None:
            nonlocal end
            there = round(self._stream.stream_s(heard_at_s) * rate_hz)
            # A clause follows the one before at once, or begins where it is heard; and it goes on
            # where it is heard, should the speaker have stood still in the middle of it.
            stood = there - end > rate_hz * UNEVEN_S
            start = max(end, there) if begins or stood else end
            chunk = AudioChunk(samples, rate_hz, start)
            sink.write(chunk)
            end = chunk.end_sample

        return keep

    def hear(self, stamped: Stamped, at_s: float) -> None:
        """An event that came at a stream time."""
        self.guard(lambda: self._write(stamped, at_s))

    def note(self, record: Mapping[str, object], at_s: float) -> None:
        """Something that is no event of the engine: a mark, a device lost."""
        self.guard(lambda: self._line(record, at_s))

    def close(self) -> None:
        """May be called twice."""
        for subtitles in self._subtitles:
            self.guard(subtitles.finish)
        for wav in self._wavs:
            self.guard(wav.close)
        with self._lock:
            self._closed = True
            for wav in self._wavs:  # their headers, also when something else failed before
                with contextlib.suppress(OutputError):
                    wav.close()
            self._transcript.close()
            for subtitles in self._subtitles:
                subtitles.close()

    def guard(self, write: Callable[[], None]) -> None:
        """Write, unless writing failed before; if it fails now, that is told and it ends."""
        with self._lock:
            if self.error is not None or self._closed:
                return
            try:
                write()
            except (OutputError, OSError) as error:
                seen = error if isinstance(error, S2stError) else OutputError(
                    f"'{self.folder}' cannot be written: {error.strerror or error}."
                )  # fmt: skip
                assert isinstance(seen, OutputError)
                self.error = seen
                self._failed(f"The recording ends here: {seen.args[0]}")

    def _wav(self, name: str, rate_hz: int) -> RunningWav:
        wav = RunningWav(self.folder / name, rate_hz)
        self._wavs.append(wav)
        return wav

    def _write(self, stamped: Stamped, at_s: float) -> None:
        for subtitles in self._subtitles:
            subtitles.hear(stamped)
        self._line(event_record(stamped.event), at_s)

    def _line(self, record: Mapping[str, object], at_s: float) -> None:
        self._at_s = max(self._at_s, at_s)  # two threads may have come at once
        self._transcript.add(as_line(timed(record, self._at_s)) + "\n")


class _Keeping:
    """A wav that stops quietly when the recorder does."""

    def __init__(self, wav: RunningWav, recorder: Recorder) -> None:
        self.sample_rate_hz = wav.sample_rate_hz
        self._wav = wav
        self._recorder = recorder

    def write(self, chunk: AudioChunk) -> None:
        self._recorder.guard(lambda: self._wav.write(chunk))

    def close(self) -> None:
        self._recorder.guard(self._wav.close)


class _RunningText:
    """A text file that is whole after every addition, also when the disk is full."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)
        self._place = 0
        """Where the next text goes."""

    def add(self, text: str, passing: str = "") -> None:
        """Append `text`, and after it `passing`, over which the next addition goes."""
        data = (text + passing).encode()
        try:
            self._file.seek(self._place)
            written = 0
            while written < len(data):
                written += self._file.write(data[written:])
            self._file.truncate()
        except OSError:
            self._file.truncate(self._place)
            raise
        self._place += len(text.encode())

    def close(self) -> None:
        self._file.close()


class _RunningSubtitles:
    """Subtitles of one language, in which the open cue stands already and is written over."""

    def __init__(self, path: Path, language: str, form: str) -> None:
        self._language = language
        self._form = form
        self._composer = SubtitleComposer(language)
        self._file = _RunningText(path)
        self._cues = 0
        if form == "vtt":
            self._file.add(VTT_HEADER)

    def hear(self, stamped: Stamped) -> None:
        event = stamped.event
        if not isinstance(event, SourceText | TargetText) or event.language != self._language:
            return
        if event.committed:
            self._write(self._composer.add(event), copy.deepcopy(self._composer).finish())

    def finish(self) -> None:
        self._write(self._composer.finish(), [])

    def close(self) -> None:
        self._file.close()

    def _write(self, done: list[Cue], open_cues: list[Cue]) -> None:
        certain = "".join(
            self._text(self._cues + number, cue) for number, cue in enumerate(done, 1)
        )
        self._cues += len(done)
        self._file.add(certain, "".join(self._text(self._cues + 1, cue) for cue in open_cues))

    def _text(self, number: int, cue: Cue) -> str:
        return format_srt(number, cue) if self._form == "srt" else format_vtt(cue)

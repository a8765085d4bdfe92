"""A film: the picture of a recording with other speech, its own sound and subtitles beside it.

    picture     its packets as they are, with their own time stamps
    speech      FLAC: to the sample what the wav holds, and none of the delay that AAC and Opus have
    sound       the packets of the sound that was there
    subtitles   SubRip, if there is a cue

All times are those of the recording's container. A player shows them from the container's start,
which is where speech and subtitles count from.

The file is Matroska, which takes nearly every codec. Packets are streamed: nothing is held but what
FFmpeg needs to interleave them.
"""

import contextlib
import heapq
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import soundfile
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from audio_io.byte_streams import FileBytes, InterruptedReadError
from audio_io.decoding.libav import open_container
from audio_io.decoding.packets import Packets
from audio_io.decoding.tracks import candidates
from audio_io.errors import SoundFileError
from audio_io.paths import is_file
from audio_io.recordings.adts import BareAac, has_headers, said_once
from audio_io.recordings.files import opened, readable
from audio_io.recordings.playlist import is_playlist
from audio_io.sound_choice import SoundChoice

SPEECH_CODEC = "flac"
_BLOCK_SAMPLES = 65536
_TRIED_PACKETS = 50
_NO_PICTURE = Disposition.attached_pic | Disposition.timed_thumbnails
"""A cover, for example."""
_INSTEAD = "Leave out ⟦mux⟧ for it."


@dataclass(frozen=True, slots=True)
class Filmed:
    """The recording that a film is made of."""

    path: Path
    choice: SoundChoice
    """Which of its sounds is kept."""
    language: str = ""
    """Of that sound, where the recording does not say it; empty where nobody knows."""


@dataclass(frozen=True, slots=True)
class Dub:
    """What is put beside its picture."""

    speech: Path
    """A 16-bit mono wav."""
    subtitles: Path
    """In SubRip; may hold no cue."""
    language: str


def check_film(filmed: Filmed) -> None:
    """Find out, before any work is done, whether a film can be made of a recording: its first
    packets are copied to nowhere.

    Raises:
        SoundFileError: it has no picture, or one that cannot be copied.
    """
    with _Original(filmed) as original, _film(None) as out:
        picture = original.add_picture(out)
        sound = original.add_sound(out)
        original.start(out)
        for packet, _ in zip(original.copied(picture, sound), range(_TRIED_PACKETS), strict=False):
            original.mux(out, packet)


def write_film(file: BinaryIO, filmed: Filmed, dub: Dub) -> None:
    """Write a film to a file that is open for writing and can be sought in.

    Raises:
        SoundFileError: there is no picture, or it cannot be copied.
        OutputError: from the file.
    """
    with _Original(filmed) as original, _film(file) as out, ExitStack() as stack:
        picture = original.add_picture(out)
        speech = stack.enter_context(soundfile.SoundFile(dub.speech))
        spoken = cast(
            AudioStream, out.add_stream(SPEECH_CODEC, rate=speech.samplerate, layout="mono")
        )
        spoken.codec_context.format = "s16"
        spoken.metadata["language"] = dub.language
        spoken.disposition = Disposition.default | Disposition.dub
        sound = original.add_sound(out)
        packets = [
            original.copied(picture, sound),
            _encoded(speech, spoken, original.start_s),
        ]
        if dub.subtitles.stat().st_size:
            file_of_cues = stack.enter_context(dub.subtitles.open("rb"))
            cues = stack.enter_context(av.open(file_of_cues, "r", format="srt"))
            written = out.add_stream_from_template(cues.streams.subtitles[0])
            written.metadata["language"] = dub.language
            packets.append(_moved(cues, written, original.start_s))
        original.start(out)
        for packet in heapq.merge(*packets, key=_at_s):
            original.mux(out, packet)


class _Original:
    """A recording whose packets are copied."""

    def __init__(self, filmed: Filmed) -> None:
        self._name = name = str(filmed.path)
        self._language = filmed.language
        if not is_file(filmed.path):
            raise SoundFileError(
                f"{name} can be read once, and a video takes two readings.", hint=_INSTEAD
            )
        with ExitStack() as stack:
            file = stack.enter_context(opened(filmed.path))
            self._data = readable(file, FileBytes(file, os.fstat(file.fileno()).st_size)).patient()
            if is_playlist(self._data.head):
                raise SoundFileError(f"{name} is a playlist, which has no picture.", hint=_INSTEAD)
            self._aac: bytes | None = None
            """What is said once of AAC that has headers; None where it has none."""
            with self._opened() as container:
                sound = candidates(container, filmed.choice, name)[0]
                if has_headers(sound):
                    self._aac = said_once(Packets(container, self._data), sound)
            self._container = stack.enter_context(self._opened())
            self.picture: Stream = _picture(self._container, name)
            self.sound: Stream = candidates(self._container, filmed.choice, name)[0]
            self._open = stack.pop_all()
        self.start_s = Fraction(self._container.start_time or 0, av.time_base)
        """What the clock of the container says where a player shows 0."""

    def __enter__(self) -> "_Original":
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def add_picture(self, out: OutputContainer) -> Stream:
        picture = self._add(out, self.picture)
        picture.disposition = Disposition.default
        return picture

    def add_sound(self, out: OutputContainer) -> Stream:
        sound = self._add(out, self.sound)
        sound.disposition = Disposition.original
        if self._aac is not None:
            sound.codec_context.extradata = self._aac
        said = self.sound.language
        language = self._language if said in (None, "", "und") else said
        if language:
            sound.metadata["language"] = language
        return sound

    def start(self, out: OutputContainer) -> None:
        try:
            out.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            raise self._uncopied(error) from error

    def mux(self, out: OutputContainer, packet: "Packet[Any]") -> None:
        try:
            out.mux_one(packet)
        except (av.FFmpegError, ValueError) as error:
            raise self._uncopied(error) from error

    def copied(self, picture: Stream, sound: Stream) -> Iterator["Packet[Any]"]:
        """Packets in the order of the file, for these streams of a film."""
        of_index = {self.picture.index: picture, self.sound.index: sound}
        bare = BareAac(self.sound) if self._aac is not None else None
        last: dict[int, int] = {}
        for read in Packets(self._container, self._data):
            packet = read.packet
            index = packet.stream.index
            if index not in of_index:
                continue
            packet.pts = packet.dts if packet.pts is None else packet.pts
            packet.dts = packet.pts if packet.dts is None else packet.dts
            if packet.pts is None or packet.dts is None or self._is_primer(packet):
                continue
            # Clocks that step back: no muxer takes it, and no player follows.
            packet.dts = last[index] = max(packet.dts, last.get(index, packet.dts))
            packet.pts = max(packet.pts, packet.dts)
            for each in bare.bare(packet) if bare and index == self.sound.index else (packet,):
                each.stream = of_index[index]
                yield each

    @contextmanager
    def _opened(self) -> Iterator[InputContainer]:
        """From the beginning."""
        self._data.seek(0)
        try:
            container = open_container(self._data, complete_stamps=True)
        except InterruptedReadError as error:
            raise error.cause from None
        except (av.FFmpegError, OSError, ValueError) as error:
            raise SoundFileError(f"{self._name} cannot be read again ({error}).") from error
        with container:
            yield container

    def _is_primer(self, packet: "Packet[Any]") -> bool:
        """Whether a decoder throws all of it away. Where the codec tells its delay the file does
        so too; elsewhere it would move everything else to a later time."""
        is_sound = packet.stream.index == self.sound.index
        if not is_sound or self.sound.codec_context.delay or self.start_s < 0:
            return False
        assert packet.pts is not None
        return packet.pts < 0 and packet.pts + (packet.duration or 0) <= 0

    def _add(self, out: OutputContainer, source: Stream) -> Stream:
        try:
            return out.add_stream_from_template(source, opaque=True)
        except (av.FFmpegError, ValueError) as error:
            raise self._uncopied(error) from error

    def _uncopied(self, error: Exception) -> SoundFileError:
        seen = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        codecs = f"{self.picture.codec_context.name} and {self.sound.codec_context.name}"
        return SoundFileError(
            f"{self._name} cannot be copied into a video: Matroska does not take its picture and "
            f"sound as they are ({codecs}; {seen}).",
            hint=_INSTEAD,
        )


class _Sink:
    """The film's bytes, as FFmpeg hands them over. What stops it, a full disk or somebody who wants
    to leave, is kept until FFmpeg has returned; from then on nothing is written."""

    def __init__(self, file: BinaryIO | None) -> None:
        self._file = file
        self.stopped_by: BaseException | None = None

    def write(self, data: bytes) -> int:
        self._do(lambda file: file.write(data))
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._do(lambda file: file.seek(offset, whence)) or 0

    def tell(self) -> int:
        return self._do(lambda file: file.tell()) or 0

    def _do(self, what: Callable[[BinaryIO], int]) -> int | None:
        if self._file is None or self.stopped_by is not None:
            return None
        try:
            return what(self._file)
        except BaseException as error:
            self.stopped_by = error
            raise InterruptedReadError(error) from error


@contextmanager
def _film(file: BinaryIO | None) -> Iterator[OutputContainer]:
    """Without a file it goes nowhere."""
    sink = _Sink(file)
    # Exact: the same recording gives the same bytes, without the time and random numbers.
    out = av.open(sink, "w", format="matroska", container_options={"fflags": "bitexact"})
    try:
        yield out
        out.close()
        if file is not None:
            file.flush()
    except BaseException as error:
        stopped_by = sink.stopped_by
        sink.stopped_by = stopped_by or error
        with contextlib.suppress(Exception):
            out.close()
        if stopped_by is not None:
            raise stopped_by from None
        raise


def _picture(container: InputContainer, name: str) -> Stream:
    pictures = [each for each in container.streams.video if not each.disposition & _NO_PICTURE]
    if not pictures:
        raise SoundFileError(f"{name} has no picture to make a video of.", hint=_INSTEAD)
    readable_ones = [each for each in pictures if each.codec_context is not None]
    if not readable_ones:
        raise SoundFileError(f"The picture of {name} is in an unknown format.", hint=_INSTEAD)
    return min(readable_ones, key=lambda each: not each.disposition & Disposition.default)


def _encoded(
    speech: soundfile.SoundFile, stream: AudioStream, start_s: Fraction
) -> Iterator["Packet[Any]"]:
    rate_hz = speech.samplerate
    at = round(start_s * rate_hz)
    while len(samples := speech.read(_BLOCK_SAMPLES, dtype="int16")):
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, at, Fraction(1, rate_hz)
        at += len(samples)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _moved(cues: InputContainer, stream: Stream, start_s: Fraction) -> Iterator["Packet[Any]"]:
    for packet in cues.demux():
        if packet.size and packet.pts is not None and packet.time_base:
            packet.pts += round(start_s / packet.time_base)
            packet.dts = packet.pts
            packet.stream = stream
            yield packet


def _at_s(packet: "Packet[Any]") -> float:
    assert packet.time_base is not None
    return float((packet.dts or 0) * packet.time_base)

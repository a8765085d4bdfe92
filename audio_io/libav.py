"""`LibavDecoder`: any sound or video that FFmpeg, as PyAV brings it along, can read.

It reads wav, flac, mp3 and ogg too, although libsndfile could: at the first damaged frame
libsndfile gives up the rest of an mp3 or flac and writes to stderr, while FFmpeg goes on after
the damage and knows by its time stamps how much is missing.

The bytes come from strangers. FFmpeg gets them from us, may only take them for one of the formats
listed below, and may open nothing else: playlists, `concat` scripts and references from one file
to another are not followed.
"""

import logging
from collections.abc import Iterator
from typing import Any, NoReturn

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from audio_io.byte_streams import FileBytes, InterruptedReadError, PipeBytes, PipeForFfmpeg
from audio_io.chunk import silence
from audio_io.decoded import DecodedBlock, mixed_to_mono
from audio_io.errors import SoundFileError
from audio_io.promised import mp3_tells_its_length, ogg_ends_properly, promised_wav_s

_log = logging.getLogger(__name__)

_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,ircam,loas,matroska,webm,"
    "mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mxf,nistsphere,nut,ogg,rm,tak,tta,voc,"
    "w64,wav,wtv,wv"
)
_STREAM_TELLS_LENGTH = {"aiff", "au", "flac", "mov,mp4,m4a,3gp,3g2,mj2", "tta"}
_CONTAINER_TELLS_LENGTH = {"flv", "matroska,webm"}
_EXACT_S = 0.01
"""A wav's or flac's promise is kept to the sample; less than this is not worth a word."""
_ROUGH_S = 0.5
"""Other promises are about the container, encoder padding included."""
_LONGEST_PROMISE_S = 7 * 86400.0
_SMALLEST_GAP_S = 0.1
"""Time stamps that stray less than this are rounding."""
_LONGEST_GAP_S = 3600.0
_LONGEST_OPUS_PAUSE_S = 0.5
"""Opus may leave silence out and sends a sign of life every 0.4 s: RFC 6716, section 2.1.9."""
_MOST_ERRORS_IN_A_ROW = 100
_RATES_HZ = range(1_000, 768_001)


class LibavDecoder:
    """The first sound track of a recording, frame by frame.

    Raises:
        SoundFileError: this is nothing that can be read, or it has no sound track.
    """

    def __init__(self, data: FileBytes | PipeBytes, name: str) -> None:
        self._data = data
        self._name = name
        try:
            self._container = _open_container(data)
        except (av.FFmpegError, OSError, ValueError) as error:
            self._refuse(error)
        except InterruptedReadError as error:
            raise error.cause from None
        try:
            self._track = self._first_sound_track()
        except SoundFileError:
            self.close()
            raise
        self._format = self._container.format.name
        self._codec = self._track.codec_context.name
        start = self._container.start_time
        self._origin_s = None if start is None else start / av.time_base
        self._promised_s, self._tolerance_s = self._promise()
        self._position_s = 0.0
        """Where the next frame should start: the seconds read, filled in or lost so far."""
        self._packets_end_s = 0.0
        """Where the last packet of any track ends."""
        self._damaged = 0
        self._damaged_since_frame = False

    @property
    def duration_s(self) -> float | None:
        if self._promised_s is not None:
            return self._promised_s
        if self._track.duration is not None and self._track.time_base is not None:
            return float(self._track.duration * self._track.time_base)
        if self._container.duration is not None:
            return self._container.duration / av.time_base
        return None

    def __iter__(self) -> Iterator[DecodedBlock]:
        rate_hz = 0
        for frame in self._frames():
            rate_hz = frame.sample_rate
            yield from self._placed(frame)
            self._damaged_since_frame = False
        if self._damaged:
            _log.warning("%s: %s damaged piece(s) could not be read", self._name, self._damaged)
        if self._format == "ogg" and not ogg_ends_properly(self._data):
            _log.warning("%s ends without an end mark; it may have been cut off", self._name)
        if not rate_hz and isinstance(self._data, PipeBytes) and self._format.startswith("mov"):
            raise SoundFileError(
                f"{self._name} cannot be read from a pipe: it is an mp4 with its index at the end.",
                hint="Save it to a file first.",
            )
        lost_s = self._lost_at_end_s()
        if rate_hz and lost_s:
            yield DecodedBlock(silence(0), rate_hz, lost_s)

    def close(self) -> None:
        self._container.close()

    def _packets(self) -> Iterator["Packet[Any]"]:
        """Packets of all tracks, past whatever damage can be passed."""
        errors_in_a_row = 0
        while errors_in_a_row < _MOST_ERRORS_IN_A_ROW:
            try:
                for packet in self._container.demux():
                    errors_in_a_row = 0
                    yield packet
            except (av.FFmpegError, OSError):
                errors_in_a_row += 1
                self._note_damage()
            except InterruptedReadError as error:
                raise error.cause from None
            else:
                return

    def _frames(self) -> Iterator[AudioFrame]:
        for packet in self._packets():
            if not packet.size:
                continue  # demux ends with one empty packet per track
            time_base = packet.stream.time_base
            if packet.pts is not None and time_base and packet.stream.type in ("audio", "video"):
                end_s = float((packet.pts + (packet.duration or 0)) * time_base)
                self._packets_end_s = max(self._packets_end_s, end_s)
            if packet.stream.index == self._track.index:
                yield from self._decoded(packet)
        yield from self._decoded(None)

    def _decoded(self, packet: "Packet[Any] | None") -> list[AudioFrame]:
        try:
            return self._track.decode(packet)
        except av.EOFError:
            return []
        except av.FFmpegError:
            self._note_damage()
            return []

    def _placed(self, frame: AudioFrame) -> Iterator[DecodedBlock]:
        """The frame's samples, and what its time stamp says was left out before them."""
        rate_hz = frame.sample_rate
        if rate_hz not in _RATES_HZ:
            raise SoundFileError(f"{self._name} claims {rate_hz} samples a second.")
        gap_s = self._gap_before_s(frame)
        lost_s = 0.0
        if gap_s and self._is_silence(gap_s):
            yield from _silence_blocks(round(gap_s * rate_hz), rate_hz)
        else:
            lost_s = gap_s
        yield DecodedBlock(mixed_to_mono(_channels(frame, self._name)), rate_hz, lost_s)
        self._position_s += gap_s + frame.samples / rate_hz

    def _gap_before_s(self, frame: AudioFrame) -> float:
        if frame.pts is None or frame.time_base is None:
            return 0.0
        at_s = float(frame.pts * frame.time_base)
        if self._origin_s is None:
            self._origin_s = at_s
        gap_s = at_s - self._origin_s - self._position_s
        if gap_s < _SMALLEST_GAP_S:
            return 0.0
        longest_s = _LONGEST_GAP_S
        if self._promised_s is not None:
            longest_s = self._promised_s + _ROUGH_S - self._position_s
        if gap_s > longest_s:
            _log.warning("%s: time stamps jump by %.1f s, ignored", self._name, gap_s)
            self._origin_s += gap_s
            return 0.0
        return gap_s

    def _is_silence(self, gap_s: float) -> bool:
        """Whether nothing was there to be heard: a track that begins late, or a pause in Opus."""
        if self._damaged_since_frame:
            return False
        begins_late = not self._position_s
        return begins_late or (self._codec == "opus" and gap_s <= _LONGEST_OPUS_PAUSE_S)

    def _promise(self) -> tuple[float | None, float]:
        """Where the sound should end in seconds, and how far from it is near enough."""
        promised_s, tolerance_s = None, _ROUGH_S
        track = self._track
        if self._format == "wav":
            promised_s, tolerance_s = promised_wav_s(self._data), _EXACT_S
        elif self._format in _STREAM_TELLS_LENGTH or (
            self._format == "mp3" and mp3_tells_its_length(self._data)
        ):
            if track.duration is not None and track.time_base is not None:
                late_s = 0.0
                if track.start_time is not None and self._origin_s is not None:
                    late_s = float(track.start_time * track.time_base) - self._origin_s
                promised_s = late_s + float(track.duration * track.time_base)
            if self._format != "mp3" and self._codec.startswith(("pcm", "flac")):
                tolerance_s = _EXACT_S
        elif self._format in _CONTAINER_TELLS_LENGTH and self._container.duration is not None:
            promised_s = self._container.duration / av.time_base
        if promised_s is not None and not 0 < promised_s <= _LONGEST_PROMISE_S:
            promised_s = None
        return promised_s, tolerance_s

    def _lost_at_end_s(self) -> float:
        if self._promised_s is None:
            return 0.0
        end_s = self._position_s
        if self._format in _CONTAINER_TELLS_LENGTH:
            # Their promise is about the longest track. If any reached it, nothing was cut off.
            end_s = max(end_s, self._packets_end_s - (self._origin_s or 0.0))
        if self._promised_s - end_s <= self._tolerance_s:
            return 0.0
        return self._promised_s - self._position_s

    def _note_damage(self) -> None:
        self._damaged += 1
        self._damaged_since_frame = True

    def _first_sound_track(self) -> AudioStream:
        tracks = self._container.streams.audio
        if not tracks:
            kinds = ", ".join(sorted({stream.type for stream in self._container.streams}))
            raise SoundFileError(
                f"{self._name} has no sound track" + (f", only {kinds}." if kinds else "."),
                hint="Give a recording with sound.",
            )
        # PyAV's types do not say so, but a codec that nobody can decode has no context.
        if tracks[0].codec_context is None:
            raise SoundFileError(
                f"The sound track of {self._name} is in a format that cannot be decoded.",
                hint="Convert it to wav, flac, mp3 or m4a first.",
            )
        return tracks[0]

    def _refuse(self, error: Exception) -> NoReturn:
        head = self._data.head
        if not head:
            raise SoundFileError(
                f"{self._name} is empty (0 bytes).", hint="Check where it comes from."
            ) from error
        reason = "no known sound format was found in it."
        hint = "Give a recording such as wav, flac, mp3, ogg, m4a, mp4, mkv or webm."
        if head.lstrip().startswith((b"#EXTM3U", b"ffconcat", b"[playlist]")):
            reason = "it is a playlist, which points at other files."
            hint = "Give the recordings themselves."
        elif isinstance(error, av.EOFError):
            reason = "it ends before its sound begins."
            hint = "It was cut off or is still being written."
        elif head[4:8] == b"ftyp":
            reason = "its index is missing."
            hint = "It was cut off or is still being written; copy it again when it is complete."
        raise SoundFileError(
            f"{self._name} is not audio or video that can be read: {reason}", hint=hint
        ) from error


def _open_container(data: FileBytes | PipeBytes) -> InputContainer:
    # Quiet by default, but any other user of PyAV in this process may have changed it.
    av.logging.set_level(None)
    return av.open(
        PipeForFfmpeg(data) if isinstance(data, PipeBytes) else data,
        mode="r",
        options={"format_whitelist": _FORMATS, "protocol_whitelist": "none"},
        metadata_errors="replace",
        io_open=_open_nothing,
    )


def _open_nothing(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError(f"a recording asked to open {url!r}, which is not allowed")


def _silence_blocks(samples: int, rate_hz: int) -> Iterator[DecodedBlock]:
    while samples > 0:
        yield DecodedBlock(silence(min(samples, rate_hz)), rate_hz)
        samples -= rate_hz


def _channels(frame: AudioFrame, name: str) -> np.ndarray[Any, Any]:
    """The frame's samples as they were stored, shape (channels, samples)."""
    try:
        data = frame.to_ndarray()
    except ValueError as error:
        raise SoundFileError(
            f"{name} holds samples of a kind that cannot be read ({frame.format.name}).",
            hint="Convert it to 16-bit wav or flac first.",
        ) from error
    if frame.format.is_planar:
        return data
    return data.reshape(frame.samples, -1).T

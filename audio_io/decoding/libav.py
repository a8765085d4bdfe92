"""`LibavDecoder`: any sound or video that FFmpeg, as PyAV brings it along, can read.

It reads wav, flac, mp3 and ogg too, although libsndfile could: at the first damaged frame
libsndfile gives up the rest of an mp3 or flac and writes to stderr, while FFmpeg goes on after
the damage and knows by its time stamps how much is missing.

The bytes come from strangers. FFmpeg gets them from us, may only take them for one of the formats
listed below, and may open nothing else: playlists, `concat` scripts and references from one file
to another are not followed.
"""

import errno
from collections.abc import Iterator, Sequence
from typing import NoReturn

import av
from av.container import InputContainer

from audio_io.byte_streams import (
    Address,
    Bytes,
    FileBytes,
    InterruptedReadError,
    PipeBytes,
    PipeForFfmpeg,
)
from audio_io.chunk import silence
from audio_io.containers.promised import aiff_was_streamed, promised_mp3_s, promised_wav_s
from audio_io.containers.structure import cut_off
from audio_io.decoding.decoded import DecodedBlock
from audio_io.decoding.packets import Packets
from audio_io.decoding.track import CUT_OFF, DAMAGED, TrackDecoder
from audio_io.decoding.tracks import Tracks, candidates
from audio_io.errors import SoundFileError, system_said
from audio_io.sound_choice import ANY_SOUND, SoundChoice

_LIVE_FORMATS = "hls,rtsp,sdp,rtp"
"""What only an address may be."""
_PROTOCOLS = {
    "http": "http,https,tcp,tls,crypto,httpproxy",
    "https": "http,https,tcp,tls,crypto,httpproxy",
    "rtsp": "rtsp,rtp,tcp,udp,tls",
    "rtsps": "rtsps,rtsp,rtp,tcp,udp,tls",
    "srt": "srt",
}
"""What may be opened on the way to an address. Never a file of this machine."""
_ASKED_BEFORE_THEIR_BEGINNING = (b"caff", b"riff", b"nut/")
"""Heads of formats in which FFmpeg asks for places that no file has, where more lies behind the
sound, and PyAV prints what the file says of that."""
_NETWORK_S = 10.0
"""How long a server may be silent."""
FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,dtshd,dv,eac3,flac,flv,ircam,loas,matroska,webm,mlp,"
    "mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mxf,nistsphere,nsv,nut,ogg,rm,tak,truehd,tta,"
    "voc,w64,wav,wtv,wv"
)
_STREAM_TELLS_LENGTH = {
    *("aiff", "ape", "au", "flac", "mov,mp4,m4a,3gp,3g2,mj2", "mpc", "mpc8", "nistsphere", "tak"),
    *("tta", "w64", "caf", "wv"),
}
_CONTAINER_TELLS_LENGTH = {"flv", "matroska,webm"}
_EXACT_S = 0.01
"""A wav's or flac's promise is kept to the sample; less than this is not worth a word."""
_PADDED_S = 0.1
"""Compressed sound in a wav ends with a block of its own length."""
_ROUGH_S = 0.5
"""Other promises are about the container, encoder padding included."""
_LONGEST_PROMISE_S = 7 * 86400.0


class LibavDecoder:
    """One sound track of a recording, frame by frame.

    Raises:
        SoundFileError: this is nothing that can be read, or it has no such sound track.
    """

    def __init__(
        self,
        data: Bytes,
        name: str,
        choice: SoundChoice = ANY_SOUND,
        damaged_at: Sequence[int] = (),
    ) -> None:
        """`damaged_at` are places in the file that are known to be damaged, in order."""
        self._data = data
        self._name = name
        try:
            try:
                self._container = open_container(data)
            except OSError as error:
                if error.errno != errno.EINVAL or not isinstance(data, FileBytes):
                    raise
                self._data = data = data.patient()
                self._container = open_container(data)
        except (av.FFmpegError, OSError, ValueError) as error:
            self._refuse(error)
        except InterruptedReadError as error:
            raise error.cause from None
        self._format = self._container.format.name
        start = self._container.start_time
        self._origin_s = None if start is None else start / av.time_base
        try:
            self._tracks = Tracks(
                [
                    TrackDecoder(stream, self._format, data, name, choice, self._origin_s)
                    for stream in candidates(self._container, choice, name)
                ],
                self._container,
            )
        except SoundFileError:
            self.close()
            raise
        self._packets = Packets(self._container, data, damaged_at)
        for track in self._tracks.of_index.values():
            promised_s, _ = self._promise(track)
            if promised_s is not None and self._format != "mp3":  # several mp3s may be joined
                track.stamps.end_s = promised_s + _ROUGH_S

    @property
    def duration_s(self) -> float | None:
        track = self._tracks.first
        promised_s, _ = self._promise(track)
        if promised_s is not None:
            return promised_s
        if track.stream.duration is not None and track.stream.time_base is not None:
            return float(track.stream.duration * track.stream.time_base)
        if self._container.duration is not None:
            return self._container.duration / av.time_base
        return None

    @property
    def is_endless(self) -> bool:
        """Whether it is a broadcast, whose end is a connection that broke."""
        if not isinstance(self._data, Address):
            return False
        if self._format in _LIVE_FORMATS.split(","):
            return self._container.duration is None
        return any(name.lower().startswith("icy-") for name in self._container.metadata)

    @property
    def taken(self) -> str:
        if self._tracks.chosen is None:
            return ""
        parts = [self._tracks.taken, self._tracks.chosen.taken]
        if self._packets.missed_track:
            parts.append("nothing of a track that appeared later")
        return ", ".join(part for part in parts if part)

    def __iter__(self) -> Iterator[DecodedBlock]:
        tracks = self._tracks
        for read in self._packets:
            track = tracks.of_index.get(read.packet.stream.index)
            if track is None or tracks.chosen not in (None, track):
                continue
            for block in track.decode(read):
                yield from tracks.take(track, block)
        for track in tracks.of_index.values():
            for block in track.decode(None):
                yield from tracks.take(track, block)
        yield from tracks.end()
        chosen = tracks.chosen
        assert chosen is not None
        pipe = isinstance(self._data, PipeBytes)
        if not chosen.rate_hz and pipe and self._format.startswith("mov"):
            raise SoundFileError(
                f"{self._name} cannot be read from a pipe: it is an mp4 with its index at the end.",
                hint="Save it to a file first.",
            )
        if chosen.rate_hz:
            yield from self._lost_at_end(chosen)

    def close(self) -> None:
        self._container.close()

    def _promise(self, decoder: TrackDecoder) -> tuple[float | None, float]:
        """Where the sound should end in seconds, and how far from it is near enough."""
        promised_s, tolerance_s = None, _ROUGH_S
        track = decoder.stream
        if self._format == "wav":
            promised_s = promised_wav_s(self._data)
            tolerance_s = _EXACT_S if decoder.codec.startswith("pcm") else _PADDED_S
        elif self._format == "mp3":
            promised_s = promised_mp3_s(self._data)
        elif self._format == "aiff" and aiff_was_streamed(self._data):
            promised_s = None
        elif self._format in _STREAM_TELLS_LENGTH:
            if track.duration is not None and track.time_base is not None:
                late_s = 0.0
                if track.start_time is not None and self._origin_s is not None:
                    late_s = float(track.start_time * track.time_base) - self._origin_s
                promised_s = late_s + float(track.duration * track.time_base)
            if decoder.codec.startswith(("pcm", "flac")):
                tolerance_s = _EXACT_S
        elif self._format in _CONTAINER_TELLS_LENGTH and self._container.duration is not None:
            # Counted from the clock's zero, wherever the sound begins.
            promised_s = self._container.duration / av.time_base - max(0.0, self._origin_s or 0.0)
        if promised_s is not None and not 0 < promised_s <= _LONGEST_PROMISE_S:
            promised_s = None
        return promised_s, tolerance_s

    def _lost_at_end(self, track: TrackDecoder) -> Iterator[DecodedBlock]:
        """What should have come after the last frame."""
        lost_s = self._promised_and_missing_s(track)
        system_error, cut = self._packets.system_error, None
        if not isinstance(self._data, Address):
            system_error = system_error or self._data.system_error
            cut = cut_off(self._data, self._format)
        reason = f"the system says: {system_error}" if system_error else ""
        is_exact = self._format == "wav" and track.codec.startswith("pcm")
        if is_exact and not lost_s and promised_wav_s(self._data) is not None:
            cut = None  # all of the sound was there, though perhaps only after a while
        if cut is not None and not lost_s and cut.missing_bytes:
            # No header tells how long it was: judged by the bytes that should be there.
            read_bytes = self._data.size_bytes
            if isinstance(self._data, PipeBytes):
                read_bytes = self._data.read_bytes
            read_bytes = max(1, read_bytes or 1)
            lost_s = track.stamps.position_s * cut.missing_bytes / read_bytes
            if lost_s > _LONGEST_PROMISE_S:
                lost_s = 0.0  # the size is damaged
        if lost_s or cut is not None or reason:
            what = DAMAGED if cut is not None and cut.damaged else CUT_OFF
            yield DecodedBlock(silence(0), track.rate_hz, lost_s, reason or what)
        else:
            yield from track.rest()

    def _promised_and_missing_s(self, track: TrackDecoder) -> float:
        promised_s, tolerance_s = self._promise(track)
        if promised_s is None:
            return 0.0
        position_s = end_s = track.stamps.position_s
        if self._format in _CONTAINER_TELLS_LENGTH:
            # Their promise is about the longest track. If any reached it, nothing was cut off.
            end_s = max(end_s, self._packets.ends_at_s - (self._origin_s or 0.0))
        return promised_s - position_s if promised_s - end_s > tolerance_s else 0.0

    def _refuse(self, error: Exception) -> NoReturn:
        if isinstance(self._data, Address):
            raise SoundFileError(
                f"{self._name} cannot be opened: {_network_said(error)}.",
                hint="Check the address, and whether it can be reached from here.",
            ) from None  # its own message holds the whole address
        system_error = self._data.system_error
        if isinstance(error, OSError) and not isinstance(error, av.FFmpegError):
            system_error = system_said(error)
        if system_error:
            raise SoundFileError(f"{self._name} cannot be read: {system_error}.") from error
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


def open_container(data: Bytes, *, complete_stamps: bool = False) -> InputContainer:
    """Opens nothing but what is given. `complete_stamps` asks for the time stamps that a container
    leaves out, for who copies packets.

    Raises:
        FFmpegError, OSError, ValueError: it can't be read.
    """
    # Quiet by default, but any other user of PyAV in this process may have changed it.
    av.logging.set_level(None)
    if isinstance(data, FileBytes) and data.head.startswith(_ASKED_BEFORE_THEIR_BEGINNING):
        data = data.patient()
    if isinstance(data, Address):
        scheme = data.url.partition("://")[0].lower()
        options = {
            "format_whitelist": f"{FORMATS},{_LIVE_FORMATS}",
            "protocol_whitelist": _PROTOCOLS[scheme],
        }
        if scheme.startswith("http"):
            options |= {"reconnect": "1", "reconnect_delay_max": "4"}
        elif scheme.startswith("rtsp"):
            options |= {"rtsp_transport": "tcp"}
        return av.open(
            data.url,
            mode="r",
            options=options,
            metadata_errors="replace",
            timeout=(_NETWORK_S, _NETWORK_S),
        )
    return av.open(
        PipeForFfmpeg(data) if isinstance(data, PipeBytes) else data,
        mode="r",
        options={
            "format_whitelist": FORMATS,
            "protocol_whitelist": "none",
            **({"fflags": "+genpts"} if complete_stamps else {}),
        },
        metadata_errors="replace",
        io_open=_open_nothing,
    )


def _network_said(error: Exception) -> str:
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return f"it did not answer within {_NETWORK_S:.0f} s"
    if isinstance(error, av.error.ProtocolNotFoundError):
        return "the FFmpeg that PyAV brings does not speak this protocol"
    if isinstance(error, av.error.InvalidDataError):
        return "what it sends is no sound that can be read"
    return getattr(error, "strerror", None) or type(error).__name__


def _open_nothing(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError(f"a recording asked to open {url!r}, which is not allowed")

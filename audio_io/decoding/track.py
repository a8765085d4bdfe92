"""`TrackDecoder`: one sound track, packet by packet."""

from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from audio_io.byte_streams import Bytes
from audio_io.chunk import silence
from audio_io.decoding.bare_frames import BareFrames
from audio_io.decoding.decoded import DecodedBlock
from audio_io.decoding.downmix import Downmix
from audio_io.decoding.index import AviIndex, FlacNumbers
from audio_io.decoding.packets import FLAGS_THE_LAST, Read
from audio_io.decoding.stamps import Stamps
from audio_io.errors import SoundFileError
from audio_io.sound_choice import SoundChoice

DAMAGED = "it is damaged and could not be read"
CUT_OFF = "the recording was cut off"
_BARE = {"mp3", "aac", "ac3", "eac3", "wav", "w64"}
"""Formats whose time stamps are counted from what could be read: what was skipped is not in them.
Only the sizes of their frames tell."""
_PAUSES = {
    *(
        "matroska,webm",
        "mov,mp4,m4a,3gp,3g2,mj2",
        "flv",
        "mpegts",
        "mpeg",
        "asf",
        "nut",
        "rm",
        "mxf",
    ),
    *("hls", "rtsp", "wtv", "ogg"),
}
"""Formats with a clock, in which a gap may be a pause; in others something is missing there."""
_JOINED_ANYWHERE = {"mpegts", "mpeg", "mp3", "aac", "ac3", "eac3", "loas", "flv", "dts"}
"""Formats of broadcasts: who tunes in hears the first frames that are whole."""
_RESTARTS = {"mpegts", "mpeg", "ogg", "hls", "rtsp"}
_LEAVE_SILENCE_OUT = {"opus", "libopus", "amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb"}
"""Codecs of telephony, which send next to nothing while nobody speaks: RFC 6716, section 2.1.9."""
_CHECKED = {"tta", "flac", "wavpack"}
"""Codecs with check sums that say for certain that a frame is damaged."""
_HOPELESS_ERRORS = 50
_ONE_PIECE_S = 1.0
"""Damage of unknown length with less than this between is one piece."""
_RATES_HZ = range(1_000, 768_001)
_LOUD = 1e-4
"""What never exceeds -80 dBFS is silence, dithered or not."""


class TrackDecoder:
    """What comes of its packets, in order."""

    def __init__(
        self,
        stream: AudioStream,
        file_format: str,
        data: Bytes,
        name: str,
        choice: SoundChoice,
        origin_s: float | None,
    ) -> None:
        """`file_format` is FFmpeg's; `origin_s` where the clock starts."""
        self.stream = stream
        self.codec = stream.codec_context.name
        self._format = file_format
        self._name = name
        self._downmix = Downmix(choice.channel, name)
        self.stamps = Stamps(
            origin_s,
            restarts=file_format in _RESTARTS,
            steps_back=file_format in _PAUSES,
            pauses_often=self.codec in _LEAVE_SILENCE_OUT,
            counts=file_format not in _PAUSES,
        )
        self._waiting: tuple[AudioFrame, bool] | None = None
        """The last frame, and whether damage lies before it: the next tells if its stamp is right.
        """
        self.has_sound = False
        """Whether anything was heard that is louder than silence."""
        self.frames = 0
        self.rate_hz = 0
        self._errors = 0
        self._damaged = False
        """Since the last frame."""
        self._whole_s: float | None = None
        """Sound since damage of which nobody knows the length; None where there was none."""
        self._bare = BareFrames(self.codec, data) if file_format in _BARE else None
        self._indexed: AviIndex | FlacNumbers | None = None
        if file_format == "avi":
            self._indexed = AviIndex(stream)
        elif file_format == "flac":
            self._indexed = FlacNumbers()
        if self.codec in _CHECKED:
            stream.codec_context.options = {"err_detect": "crccheck+explode"}

    @property
    def is_hopeless(self) -> bool:
        return not self.frames and self._errors >= _HOPELESS_ERRORS

    @property
    def taken(self) -> str:
        return self._downmix.taken

    def decode(self, read: Read | None) -> Iterator[DecodedBlock]:
        """The blocks of a packet; None asks for what is still held back."""
        packet = None
        if read is not None:
            packet = read.packet
            self._damaged |= read.damaged
            if self._indexed is not None:
                self._indexed.set_right(packet)
            if self._bare is not None:
                self._damaged |= self._bare.set_right(packet)
                if self._bare.is_stray:
                    return
        frames: list[AudioFrame] = []
        try:
            frames = self.stream.decode(packet)
        except av.EOFError:
            pass
        except av.FFmpegError:
            self._errors += 1
            self._damaged = True
        for frame in frames:
            waiting, self._waiting = self._waiting, (frame, self._damaged)
            self._damaged = frame.is_corrupt and self._format not in FLAGS_THE_LAST
            if waiting is not None:
                yield from self._placed(*waiting, frame)
        if read is None and self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            yield from self._placed(*waiting, None)

    def rest(self) -> Iterator[DecodedBlock]:
        """What can be said after the last frame if nothing is known to be missing there."""
        if self.rate_hz and (self._damaged or self._whole_s is not None):
            cut = self._bare is not None and self._bare.is_cut
            yield DecodedBlock(silence(0), self.rate_hz, 0.0, CUT_OFF if cut else DAMAGED)

    def _placed(
        self, frame: AudioFrame, damaged: bool, following: AudioFrame | None
    ) -> Iterator[DecodedBlock]:
        """The frame's samples, and what its time stamp says was left out before them."""
        rate_hz = frame.sample_rate
        if rate_hz not in _RATES_HZ:
            raise SoundFileError(f"{self._name} claims {rate_hz} samples a second.")
        if not self.frames and self._format in _JOINED_ANYWHERE:
            damaged = False
        duration_s = frame.samples / rate_hz
        placed = self.stamps.place(
            _stamp_s(frame),
            duration_s,
            damaged=damaged,
            then_at_s=_stamp_s(following) if following is not None else None,
        )
        lost_s = placed.gap_s
        # Ogg places the packets of a page by its end: a gap may come a little after the damage.
        just_damaged = damaged or self._whole_s is not None
        if lost_s and not just_damaged and (not self.frames or self._format in _PAUSES):
            yield from _silence_blocks(round(lost_s * rate_hz), rate_hz, placed.late_s)
            lost_s = 0.0
        self.frames += 1
        self.rate_hz = rate_hz
        layout = frame.layout
        samples = self._downmix.mix(
            _channels(frame, self._name),
            rate_hz,
            [channel.name for channel in layout.channels],
            layout.name,
        )
        if not self.has_sound and len(samples):
            self.has_sound = bool(np.abs(samples).max() > _LOUD)
        tells = self._tells_of_damage(damaged, duration_s) or bool(lost_s)
        if lost_s:
            self._whole_s = None
        yield DecodedBlock(samples, rate_hz, lost_s, DAMAGED if tells else "", placed.late_s)

    def _tells_of_damage(self, damaged: bool, frame_s: float) -> bool:
        """Whether damage of unknown length is to be told now. What is damaged again and again is
        told once, and at the very end what is missing there says enough."""
        if damaged:
            self._whole_s = 0.0
        elif self._whole_s is not None:
            self._whole_s += frame_s
            if self._whole_s >= _ONE_PIECE_S:
                self._whole_s = None
                return True
        return False


def _stamp_s(frame: AudioFrame) -> float | None:
    if frame.pts is None or frame.time_base is None:
        return None
    return float(frame.pts * frame.time_base)


def _silence_blocks(samples: int, rate_hz: int, late_s: float) -> Iterator[DecodedBlock]:
    while samples > 0:
        yield DecodedBlock(silence(min(samples, rate_hz)), rate_hz, late_s=late_s)
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

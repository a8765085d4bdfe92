"""Films: what they are made of, and what stops them."""

import io
import itertools
import os
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from audio_io.errors import OutputError, SoundFileError
from audio_io.recordings.film import Dub, Filmed, check_film, write_film
from audio_io.sound_choice import ANY_SOUND
from tests.audio_io.sounds import with_ffmpeg

RATE_HZ = 16_000
NOISE = np.random.default_rng(3).normal(0, 0.1, 2 * RATE_HZ).astype(np.float32)


@pytest.fixture
def dub(tmp_path: Path) -> Dub:
    soundfile.write(tmp_path / "dub.wav", NOISE, RATE_HZ, subtype="PCM_16")
    (tmp_path / "dub.srt").touch()
    return Dub(tmp_path / "dub.wav", tmp_path / "dub.srt", "spa")


def kinds(data: io.BytesIO) -> list[str]:
    data.seek(0)
    with av.open(data, "r") as container:
        return [each.codec_context.name for each in container.streams]


def frames(data: io.BytesIO, track: int) -> list[int]:
    """Samples in each frame of a sound track."""
    data.seek(0)
    with av.open(data, "r") as container:
        return [each.samples for each in container.decode(container.streams.audio[track])]


@pytest.mark.parametrize(
    ("name", "codec", "file_format"),
    [("a.ts", "aac", "mpegts"), ("a.avi", "mp2", None), ("a.webm", "libopus", None)],
)
def test_other_containers_become_films_too(
    name: str, codec: str, file_format: str | None, tmp_path: Path, dub: Dub
) -> None:
    path = tmp_path / name
    with_ffmpeg(path, NOISE, RATE_HZ, codec=codec, file_format=file_format, picture_s=2.0)
    filmed, film = Filmed(path, ANY_SOUND), io.BytesIO()
    check_film(filmed)
    write_film(film, filmed, dub)
    picture, speech, sound = kinds(film)  # and no subtitles, since there is no cue
    assert picture in ("mpeg4", "vp8")
    assert (speech, sound) == ("flac", codec.removeprefix("lib"))
    assert frames(io.BytesIO(path.read_bytes()), 0) == frames(film, 1)


def test_a_cover_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=RATE_HZ, layout="mono")
        cover = out.add_stream("mjpeg", rate=1, width=64, height=64, pix_fmt="yuvj420p")
        cover.disposition = av.stream.Disposition.attached_pic
        image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        out.mux([*cover.encode(image), *cover.encode(None)])
        frame = av.AudioFrame.from_ndarray(NOISE[None], format="flt", layout="mono")
        frame.sample_rate = RATE_HZ
        out.mux([*sound.encode(frame), *sound.encode(None)])
    with pytest.raises(SoundFileError, match="has no picture"):
        check_film(Filmed(path, ANY_SOUND))


def test_a_playlist_has_no_picture(tmp_path: Path) -> None:
    (tmp_path / "list.m3u8").write_text("#EXTM3U\na.mp4\n")
    with pytest.raises(SoundFileError, match=r"is a playlist.*⟦mux⟧"):
        check_film(Filmed(tmp_path / "list.m3u8", ANY_SOUND))


def test_what_can_be_read_once_becomes_no_film(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SoundFileError, match="a video takes two readings"):
        check_film(Filmed(tmp_path / "pipe", ANY_SOUND))


def test_a_codec_that_matroska_does_not_take_is_told_before_any_work(tmp_path: Path) -> None:
    path = with_ffmpeg(tmp_path / "a.mp4", NOISE, RATE_HZ, codec="aac", picture_s=2.0)
    raw = tmp_path / "raw.avi"
    with av.open(str(path)) as before, av.open(str(raw), "w") as out:
        picture = out.add_stream("rawvideo", rate=10, width=64, height=64, pix_fmt="yuv420p")
        sound = out.add_stream("mp2", rate=RATE_HZ, layout="mono")
        for frame in before.decode():
            frame.pts = None
            stream = picture if isinstance(frame, av.VideoFrame) else sound
            out.mux(stream.encode(frame))
        out.mux([*picture.encode(None), *sound.encode(None)])
    with pytest.raises(SoundFileError, match=r"does not take .* \(rawvideo and mp2;.*⟦mux⟧"):
        check_film(Filmed(raw, ANY_SOUND))


class _Stopping(io.BytesIO):
    """A file that takes so many pieces, and then stops who writes."""

    def __init__(self, pieces: int, by: BaseException) -> None:
        super().__init__()
        self._count = itertools.count()
        self._pieces = pieces
        self._by = by

    def write(self, data: object) -> int:
        if next(self._count) >= self._pieces:
            raise self._by
        return super().write(data)  # type: ignore[arg-type]


@pytest.mark.parametrize("pieces", [0, 1, 3])
@pytest.mark.parametrize("by", [OutputError("full"), KeyboardInterrupt(), SystemExit(143)])
def test_what_stops_the_writing_comes_out_as_it_is(
    pieces: int, by: BaseException, tmp_path: Path, dub: Dub
) -> None:
    path = with_ffmpeg(tmp_path / "a.mp4", NOISE, RATE_HZ, codec="aac", picture_s=2.0)
    with pytest.raises(type(by)) as caught:
        write_film(_Stopping(pieces, by), Filmed(path, ANY_SOUND), dub)
    assert caught.value is by

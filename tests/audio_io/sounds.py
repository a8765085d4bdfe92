"""Real recordings for these tests, made on the spot."""

import contextlib
import io
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import numpy as np
import soundfile
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from audio_io.chunk import AudioChunk, Boundary, Samples

CHIRP_HZ = (200.0, 2000.0)
FFMPEG_BLOCK_MS = 100


def chirp(seconds: float, rate_hz: int) -> Samples:
    """A tone that rises all the time, so that every moment of it sounds different."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    low, high = CHIRP_HZ
    phase = 2 * np.pi * (low * time_s + (high - low) * time_s**2 / (2 * max(seconds, 1e-9)))
    return (0.5 * np.sin(phase)).astype(np.float32)


def tone(hertz: float, seconds: float, rate_hz: int) -> Samples:
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * hertz * time_s)).astype(np.float32)


def dominant_hz(samples: Samples, rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate_hz / len(samples)


def with_libsndfile(
    path: Path, samples: NDArray[Any], rate_hz: int, subtype: str | None = None
) -> Path:
    """Writes wav, flac, ogg, mp3, aiff, ..., as the suffix says."""
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


def with_ffmpeg(
    path: Path,
    samples: Samples,
    rate_hz: int,
    *,
    codec: str,
    file_format: str | None = None,
    options: dict[str, str] | None = None,
    picture_s: float = 0.0,
    sound_starts_s: float = 0.0,
) -> Path:
    """Writes any container of FFmpeg's, with a picture beside the sound if asked for."""
    block = rate_hz * FFMPEG_BLOCK_MS // 1000
    with av.open(str(path), "w", format=file_format, options=options or {}) as container:
        sound = cast(AudioStream, container.add_stream(codec, rate=rate_hz, layout="mono"))
        picture = None
        if picture_s:
            picture = container.add_stream("libvpx" if path.suffix == ".webm" else "mpeg4", rate=10)
            picture.width = picture.height = 64
            picture.pix_fmt = "yuv420p"
        steps = max(-(-len(samples) // block), round(picture_s * 10))
        random = np.random.default_rng(1)
        for step in range(steps):
            if picture is not None and step < picture_s * 10:
                pixels = random.integers(0, 255, (64, 64, 3), dtype=np.uint8)
                image = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                image.pts = step
                container.mux(picture.encode(image))
            part = samples[step * block : (step + 1) * block]
            if len(part):
                frame = av.AudioFrame.from_ndarray(part[None], format="flt", layout="mono")
                frame.sample_rate = rate_hz
                frame.pts = round(sound_starts_s * rate_hz) + step * block
                container.mux(sound.encode(frame))
        if picture is not None:
            container.mux(picture.encode(None))
        container.mux(sound.encode(None))
    return path


def cut_in_half(path: Path) -> Path:
    """The first half of a file's bytes, as a broken download leaves them."""
    half = path.with_name("half-" + path.name)
    half.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return half


def damaged_in_the_middle(path: Path, damaged_bytes: int = 3000) -> Path:
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + damaged_bytes] = np.random.default_rng(2).bytes(damaged_bytes)
    damaged = path.with_name("damaged-" + path.name)
    damaged.write_bytes(data)
    return damaged


def joined(chunks: list[AudioChunk]) -> Samples:
    return np.concatenate([chunk.samples for chunk in chunks])


def jumps(chunks: list[AudioChunk]) -> list[tuple[float, float]]:
    """Where sound was lost: from and to, in seconds."""
    return [
        (before.end_s, after.start_s)
        for before, after in itertools.pairwise(chunks)
        if after.start_sample != before.end_sample
    ]


def assert_well_formed(chunks: list[AudioChunk], rate_hz: int, block_ms: int) -> None:
    """What every source promises: even blocks, no gaps, one end."""
    position = 0
    for chunk in chunks:
        assert chunk.start_sample == position
        assert chunk.samples.dtype == np.float32
        assert chunk.samples.ndim == 1
        assert chunk.sample_rate_hz == rate_hz
        position = chunk.end_sample
    block = rate_hz * block_ms // 1000
    assert all(len(chunk.samples) == block for chunk in chunks[:-1])
    assert len(chunks[-1].samples) < block
    assert [chunk.boundary for chunk in chunks[:-1]] == [Boundary.NONE] * (len(chunks) - 1)
    assert chunks[-1].boundary is Boundary.STREAM


def difference_db(heard: Samples, expected: NDArray[np.float32]) -> float:
    """The level of what differs, against what was expected; very negative where they agree."""
    length = min(len(heard), len(expected))
    error = heard[:length] - expected[:length]
    power = float(np.mean(error**2)) / float(np.mean(expected[:length] ** 2))
    return 10 * float(np.log10(power + 1e-12))


class _Forwards(io.RawIOBase):
    def __init__(self, data: bytes, piece_bytes: int) -> None:
        self._data = io.BytesIO(data)
        self._piece_bytes = piece_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._data.read(min(len(buffer), self._piece_bytes))
        buffer[: len(piece)] = piece
        return len(piece)


def pipe_of(data: bytes, piece_bytes: int = 1000) -> BinaryIO:
    """Bytes that come once, in pieces, and nobody can go back."""
    return cast(BinaryIO, _Forwards(data, piece_bytes))


@contextlib.contextmanager
def without_rights() -> Iterator[None]:
    """For a while an ordinary user, who may not do everything as root may."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)

"""Recordings as people bring them, made on the spot: containers, tracks, clocks, damage."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import soxr
from av.audio.stream import AudioStream
from av.stream import Disposition
from numpy.typing import NDArray

from audio_io.chunk import AudioChunk, Samples
from audio_io.recordings.recording import open_recording

SECONDS = 12
RATE_HZ = 48_000

CONTAINERS = {
    "pcm.wav": ("pcm_s16le", "wav"),
    "adpcm.wav": ("adpcm_ms", "wav"),
    "ima.wav": ("adpcm_ima_wav", "wav"),
    "mp3.wav": ("mp3", "wav"),
    "a.rf64": ("pcm_s16le", "wav"),
    "a.w64": ("pcm_s16le", "w64"),
    "a.caf": ("pcm_s16le", "caf"),
    "a.wv": ("wavpack", "wv"),
    "a.voc": ("pcm_s16le", "voc"),
    "a.aiff": ("pcm_s16be", "aiff"),
    "a.au": ("pcm_s16be", "au"),
    "a.flac": ("flac", "flac"),
    "a.tta": ("tta", "tta"),
    "a.mp3": ("mp3", "mp3"),
    "a.aac": ("aac", "adts"),
    "a.ac3": ("ac3", "ac3"),
    "a.opus": ("libopus", "ogg"),
    "flac.ogg": ("flac", "ogg"),
    "a.m4a": ("aac", "ipod"),
    "pieces.mp4": ("aac", "mp4"),
    "a.mkv": ("aac", "matroska"),
    "a.webm": ("libopus", "webm"),
    "a.flv": ("aac", "flv"),
    "a.ts": ("aac", "mpegts"),
    "a.mpg": ("mp2", "mpeg"),
    "mp3.avi": ("mp3", "avi"),
    "pcm.avi": ("pcm_s16le", "avi"),
    "a.nut": ("aac", "nut"),
}
"""Codec and format by name."""
OPTIONS = {
    "a.rf64": {"rf64": "always"},
    "a.m4a": {"movflags": "faststart"},
    "pieces.mp4": {
        "movflags": "frag_keyframe+empty_moov+default_base_moof",
        "frag_duration": "1000000",
    },
}


def marked_sound(seconds: float = SECONDS, rate_hz: int = RATE_HZ) -> Samples:
    """A rising tone under noise: every moment of it is found again, and no codec squeezes it."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    tone = np.sin(2 * np.pi * (200 * time_s + 1800 * time_s**2 / (2 * seconds)))
    noise = np.random.default_rng(0).standard_normal(len(time_s))
    return (0.3 * tone * (1 + 0.5 * np.sin(19 * time_s)) + 0.05 * noise).astype(np.float32)


def container(
    folder: Path, name: str, sound: Samples | None = None, rate_hz: int = RATE_HZ
) -> Path:
    """One of `CONTAINERS`."""
    codec, file_format = CONTAINERS[name]
    sound = marked_sound() if sound is None else sound
    return tracks(
        folder / name, [sound[None]], codec, file_format, rate_hz, options=OPTIONS.get(name)
    )


def tracks(
    path: Path,
    sounds: Sequence[NDArray[np.float32]],
    codec: str = "pcm_s16le",
    file_format: str | None = None,
    rate_hz: int = RATE_HZ,
    *,
    languages: Sequence[str] = (),
    default: int | None = None,
    shown_at: Callable[[float], float] = lambda stream_s: stream_s,
    options: dict[str, str] | None = None,
) -> Path:
    """Sound tracks of shape (channels, samples) each. `shown_at` gives the time stamp of the sound
    at a time; `default` is the only track with that disposition."""
    layouts = {1: "mono", 2: "stereo", 6: "5.1"}
    with av.open(str(path), "w", format=file_format, options=options or {}) as out:
        streams: list[AudioStream] = []
        for index, sound in enumerate(sounds):
            stream = cast(
                AudioStream, out.add_stream(codec, rate=rate_hz, layout=layouts[len(sound)])
            )
            if languages:
                stream.metadata["language"] = languages[index]
            if default is not None:
                stream.disposition = Disposition.default if index == default else Disposition(0)
            streams.append(stream)
        block = rate_hz // 25

        def mux(packets: Sequence[Any]) -> None:
            for packet in packets:
                at = round(shown_at(float(packet.pts * packet.time_base)) / packet.time_base)
                packet.pts = packet.dts = at
                out.mux(packet)

        for start in range(0, max(sound.shape[1] for sound in sounds), block):
            for stream, sound in zip(streams, sounds, strict=True):
                part = np.ascontiguousarray(sound[:, start : start + block])
                if part.shape[1]:
                    frame = av.AudioFrame.from_ndarray(
                        part, format="fltp", layout=layouts[len(sound)]
                    )
                    frame.sample_rate, frame.pts = rate_hz, start
                    mux(stream.encode(frame))
        for stream in streams:
            mux(stream.encode(None))
    return path


def shown_otherwise(path: Path, to: Path, shown_ms: Callable[[int], float]) -> Path:
    """A copy of an mkv with its blocks' time stamps changed: no muxer lets them step back."""
    data = bytearray(path.read_bytes())
    at = cluster_ms = 0
    while at < len(data):
        element, body = _ebml(data, at, keep_marker=True)
        size, body = _ebml(data, body)
        if element in (0x18538067, 0x1F43B675, 0xA0):  # segment, cluster, group: what is within
            at = body
            continue
        if element == 0xE7:
            cluster_ms = int.from_bytes(data[body : body + size])
        elif element in (0xA3, 0xA1):
            own = int.from_bytes(data[body + 1 : body + 3], "big", signed=True)
            new = round(shown_ms(cluster_ms + own)) - cluster_ms
            data[body + 1 : body + 3] = new.to_bytes(2, "big", signed=True)
        at = body + size
    to.write_bytes(data)
    return to


def _ebml(data: bytearray, at: int, *, keep_marker: bool = False) -> tuple[int, int]:
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + length])
    return value if keep_marker else value & (1 << 7 * length) - 1, at + length


def cut(path: Path, share: float) -> Path:
    """The first part of a file's bytes."""
    part = path.with_name(f"cut-{path.name}")
    part.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return part


def zeroed(path: Path, start: float = 0.45, share: float = 0.15) -> Path:
    """A file with a stretch of zeros, as a broken download leaves it."""
    data = bytearray(path.read_bytes())
    at, size = int(len(data) * start), int(len(data) * share)
    data[at : at + size] = bytes(size)
    part = path.with_name(f"zeroed-{path.name}")
    part.write_bytes(data)
    return part


def heard(path: Path, rate_hz: int = 16_000, **choice: Any) -> list[AudioChunk]:
    with open_recording(path, rate_hz, **choice) as recording:
        return list(recording)


def lost(chunks: Sequence[AudioChunk]) -> list[tuple[float, float, str]]:
    """From, to and why, of every piece that is missing or damaged."""
    end_s, pieces = 0.0, []
    for chunk in chunks:
        if chunk.start_s > end_s + 1e-9 or chunk.lost_reason:
            pieces.append((end_s, chunk.start_s, chunk.lost_reason))
        end_s = chunk.end_s
    return pieces


def misplaced_s(chunks: Sequence[AudioChunk]) -> float:
    """How much too late the end of the marked sound stands."""
    last = [chunk for chunk in chunks if len(chunk.samples)][-8:-3]
    part = np.concatenate([chunk.samples for chunk in last])
    rate_hz = chunks[0].sample_rate_hz
    whole = soxr.resample(marked_sound(), RATE_HZ, rate_hz)
    size = 1 << (len(whole) + len(part)).bit_length()
    likeness = np.fft.irfft(np.fft.rfft(whole, size) * np.fft.rfft(part[::-1], size), size)
    ends = np.arange(len(part), len(whole))
    energy = np.concatenate([[0.0], np.cumsum(whole**2)])
    level = np.sqrt(energy[ends + 1] - energy[ends + 1 - len(part)] + 1e-9)
    end = int(ends[np.argmax(likeness[ends] / level)])
    return last[0].start_s - (end + 1 - len(part)) / rate_hz

"""Recordings that come through pipes."""

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from audio_io.errors import SoundFileError
from audio_io.pcm import to_pcm16
from audio_io.recordings.recording import open_pipe, open_recording
from tests.audio_io.sounds import (
    assert_well_formed,
    chirp,
    dominant_hz,
    joined,
    pipe_of,
    tone,
    with_ffmpeg,
    with_libsndfile,
)


def test_bare_samples_come_through_a_pipe() -> None:
    sound = chirp(1.234, 16_000)
    for piece_bytes in (1, 333, 100_000):
        with open_pipe(pipe_of(to_pcm16(sound), piece_bytes), 16_000, 16_000) as recording:
            assert recording.duration_s is None
            chunks = list(recording)
        assert_well_formed(chunks, 16_000, 100)
        np.testing.assert_allclose(joined(chunks), sound, atol=1 / 32_768)


def test_bare_samples_of_another_rate_are_resampled() -> None:
    data = to_pcm16(tone(440, 1, 44_100))
    with open_pipe(pipe_of(data), 16_000, raw_rate_hz=44_100) as recording:
        chunks = list(recording)
    assert abs(chunks[-1].end_sample - 16_000) <= 1
    assert dominant_hz(joined(chunks), 16_000) == pytest.approx(440, abs=2)


def test_half_a_sample_at_the_end_of_a_pipe_is_nothing() -> None:
    with open_pipe(pipe_of(b"\0\x40" * 100 + b"\0"), 16_000, 16_000) as recording:
        assert joined(list(recording)).tolist() == [0.5] * 100


@pytest.mark.parametrize(("data", "raw_rate_hz"), [(b"", None), (b"", 16_000), (b"x", 16_000)])
def test_an_empty_pipe_is_said_to_be_empty(data: bytes, raw_rate_hz: int | None) -> None:
    with pytest.raises(SoundFileError, match=r"standard input (is empty|holds no sound)"):
        open_pipe(pipe_of(data), 16_000, raw_rate_hz)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.wav", "pcm_s16le", {}),
        ("a.flac", "flac", {}),
        ("a.mp3", "mp3", {}),
        ("a.webm", "libopus", {}),
        ("a.m4a", "aac", {"movflags": "faststart"}),
        ("a.mp4", "aac", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
    ],
)
def test_whole_files_come_through_a_pipe(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    sound = tone(440, 2, 48_000)
    path = with_ffmpeg(tmp_path / name, sound, 48_000, codec=codec, options=options)
    with open_pipe(pipe_of(path.read_bytes()), 16_000) as recording:
        chunks = list(recording)
    assert_well_formed(chunks, 16_000, 100)
    assert chunks[-1].end_s == pytest.approx(2, abs=0.06)
    assert dominant_hz(joined(chunks), 16_000) == pytest.approx(440, abs=2)


def test_an_mp4_that_must_be_read_from_its_end_is_refused_in_a_pipe(tmp_path: Path) -> None:
    path = with_ffmpeg(tmp_path / "a.m4a", chirp(2, 48_000), 48_000, codec="aac")
    with pytest.raises(SoundFileError, match="cannot be read from a pipe") as error:
        open_pipe(pipe_of(path.read_bytes()), 16_000)
    assert "Save it to a file" in str(error.value)


def test_speech_comes_through_a_real_pipe_from_another_program() -> None:
    with subprocess.Popen(
        ["espeak-ng", "--stdout", "hello there"], stdout=subprocess.PIPE
    ) as speaker:
        assert speaker.stdout is not None
        with open_pipe(speaker.stdout, 16_000) as recording:
            assert recording.duration_s is None
            chunks = list(recording)
    assert_well_formed(chunks, 16_000, 100)
    assert 0.5 < chunks[-1].end_s < 3


def test_a_named_pipe_is_read_as_a_pipe(tmp_path: Path) -> None:
    sound = with_libsndfile(tmp_path / "a.wav", chirp(1, 16_000), 16_000).read_bytes()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(sound,))
    writer.start()
    with open_recording(fifo, 16_000) as recording:
        chunks = list(recording)
    writer.join()
    assert chunks[-1].end_sample == 16_000


def test_a_block_of_bare_samples_is_handed_over_before_the_next_has_come() -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as stream, os.fdopen(write_end, "wb", 0) as writer:
        writer.write(to_pcm16(chirp(0.1, 16_000)))
        with open_pipe(stream, 16_000, raw_rate_hz=16_000) as recording:
            # Would wait for ever if more than this block were asked for.
            assert len(next(iter(recording)).samples) == 1_600


def test_closing_leaves_a_borrowed_stream_open_and_closes_its_own() -> None:
    borrowed, owned = (io.BytesIO(to_pcm16(chirp(0.1, 16_000))) for _ in range(2))
    open_pipe(borrowed, 16_000, 16_000).close()
    open_pipe(owned, 16_000, 16_000, owned=True).close()
    assert (borrowed.closed, owned.closed) == (False, True)


def test_a_raw_pipe_needs_no_ffmpeg_and_nothing_is_printed(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(to_pcm16(chirp(0.1, 16_000)))
    program = """
import sys
from audio_io.recordings.recording import open_pipe
assert len(list(open_pipe(sys.stdin.buffer, 16000, 16000))) == 2
print("av" in sys.modules, "soundfile" in sys.modules)
"""
    with (tmp_path / "a.raw").open("rb") as stdin:
        done = subprocess.run(
            [sys.executable, "-c", program], stdin=stdin, capture_output=True, text=True, check=True
        )
    assert (done.stdout, done.stderr) == ("False False\n", "")

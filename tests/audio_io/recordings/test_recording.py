import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_io.chunk import AudioChunk, Samples
from audio_io.errors import SoundFileError, on_one_line
from audio_io.ports import AudioSource
from audio_io.recordings.recording import Recording, open_recording
from tests.audio_io.sounds import (
    assert_well_formed,
    chirp,
    difference_db,
    dominant_hz,
    joined,
    tone,
    with_ffmpeg,
    with_libsndfile,
    without_rights,
)


def heard(path: Path, rate_hz: int = 16_000, block_ms: int = 100) -> list[AudioChunk]:
    with open_recording(path, rate_hz, block_ms) as recording:
        return list(recording)


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "au", "caf", "w64", "rf64"])
def test_lossless_files_are_read_to_the_sample(tmp_path: Path, suffix: str) -> None:
    sound = chirp(1.234, 16_000)
    chunks = heard(with_libsndfile(tmp_path / f"a.{suffix}", sound, 16_000))
    assert_well_formed(chunks, 16_000, 100)
    np.testing.assert_allclose(joined(chunks), sound, atol=1 / 32_768)


@pytest.mark.parametrize(
    ("name", "codec", "file_format"),
    [
        ("a.mp3", "mp3", None),
        ("a.ogg", "libopus", "ogg"),
        ("a.opus", "libopus", "ogg"),
        ("a.m4a", "aac", None),
        ("a.aac", "aac", "adts"),
        ("a.mka", "aac", "matroska"),
        ("a.webm", "libopus", None),
        ("a.flv", "aac", None),
        ("a.ts", "aac", "mpegts"),
    ],
)
def test_compressed_files_are_read_in_full(
    tmp_path: Path, name: str, codec: str, file_format: str | None
) -> None:
    sound = tone(440, 2, 48_000)
    path = with_ffmpeg(tmp_path / name, sound, 48_000, codec=codec, file_format=file_format)
    chunks = heard(path)
    assert_well_formed(chunks, 16_000, 100)
    assert chunks[-1].end_s == pytest.approx(2, abs=0.06)
    assert dominant_hz(joined(chunks), 16_000) == pytest.approx(440, abs=2)
    level = np.sqrt(np.mean(joined(chunks)[4_000:-4_000] ** 2))
    assert level == pytest.approx(0.5 / np.sqrt(2), rel=0.06)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "aac"), ("a.mkv", "aac"), ("a.webm", "libopus")]
)
def test_the_sound_of_a_video_is_read(tmp_path: Path, name: str, codec: str) -> None:
    path = with_ffmpeg(tmp_path / name, tone(440, 2, 48_000), 48_000, codec=codec, picture_s=2)
    chunks = heard(path)
    assert_well_formed(chunks, 16_000, 100)
    assert chunks[-1].end_s == pytest.approx(2, abs=0.06)
    assert dominant_hz(joined(chunks), 16_000) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("wanted_hz", [16_000, 24_000])
def test_any_rate_becomes_the_one_asked_for(tmp_path: Path, rate_hz: int, wanted_hz: int) -> None:
    path = with_libsndfile(tmp_path / "a.wav", tone(440, 1, rate_hz), rate_hz)
    chunks = heard(path, wanted_hz)
    assert_well_formed(chunks, wanted_hz, 100)
    assert abs(chunks[-1].end_sample - wanted_hz) <= 1
    middle = joined(chunks)[1_000:-1_000]
    assert difference_db(middle, tone(440, 1, wanted_hz)[1_000:-1_000]) < -50


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_all_channels_are_averaged(tmp_path: Path, channels: int) -> None:
    sound = chirp(0.5, 16_000)
    parts = np.stack([sound * number / channels for number in range(channels)], axis=1)
    chunks = heard(with_libsndfile(tmp_path / "a.wav", parts, 16_000, "FLOAT"))
    np.testing.assert_allclose(joined(chunks), parts.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("subtype", "error"),
    [
        ("PCM_U8", 2**-7),
        ("PCM_16", 2**-15),
        ("PCM_24", 2**-23),
        ("PCM_32", 2**-23),
        ("FLOAT", 2**-23),
        ("DOUBLE", 2**-23),
        ("ULAW", 0.05),
        ("ALAW", 0.05),
        ("IMA_ADPCM", 0.2),
    ],
)
def test_every_kind_of_number_is_scaled_to_one(tmp_path: Path, subtype: str, error: float) -> None:
    sound = tone(200, 1, 16_000)
    chunks = heard(with_libsndfile(tmp_path / "a.wav", sound, 16_000, subtype))
    np.testing.assert_allclose(joined(chunks)[:16_000], sound, atol=error)


def test_what_is_no_number_is_silent_and_what_is_too_loud_is_clipped(tmp_path: Path) -> None:
    sound = np.array([0.5, np.nan, np.inf, -np.inf, 3.0, -1e30, 0.25], dtype=np.float32)
    chunks = heard(with_libsndfile(tmp_path / "a.wav", sound, 16_000, "FLOAT"))
    assert joined(chunks).tolist() == [0.5, 0.0, 0.0, 0.0, 1.0, -1.0, 0.25]


def test_a_rate_change_never_makes_a_sample_larger_than_one(tmp_path: Path) -> None:
    square = np.sign(tone(440, 0.5, 48_000))
    path = with_libsndfile(tmp_path / "a.wav", square, 48_000, "FLOAT")
    assert np.max(np.abs(joined(heard(path)))) <= 1.0


@pytest.mark.parametrize("block_ms", [1, 20, 32, 100, 5_000])
def test_block_size_does_not_change_the_sound(tmp_path: Path, block_ms: int) -> None:
    path = with_libsndfile(tmp_path / "a.wav", chirp(1.01, 44_100), 44_100)
    chunks = heard(path, 16_000, block_ms)
    assert_well_formed(chunks, 16_000, block_ms)
    np.testing.assert_array_equal(joined(chunks), joined(heard(path)))


@pytest.mark.parametrize("samples", [1, 2, 1_599, 1_600, 1_601, 3_200])
@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_short_recordings_are_read_whole(tmp_path: Path, samples: int, rate_hz: int) -> None:
    path = with_libsndfile(tmp_path / "a.wav", np.ones(samples, np.float32) / 2, rate_hz)
    chunks = heard(path)
    assert_well_formed(chunks, 16_000, 100)
    assert abs(chunks[-1].end_sample - samples * 16_000 / rate_hz) <= 1


def test_a_recording_is_a_source_that_knows_how_long_it_is(tmp_path: Path) -> None:
    path = with_libsndfile(tmp_path / "a.wav", chirp(1.5, 44_100), 44_100)
    recording = open_recording(path, 16_000)
    source: AudioSource = recording
    assert source.duration_s == pytest.approx(1.5)
    assert source.sample_rate_hz == 16_000
    source.close()
    source.close()
    assert source.duration_s == pytest.approx(1.5)


def test_a_recording_is_read_once(tmp_path: Path) -> None:
    with open_recording(with_libsndfile(tmp_path / "a.wav", chirp(1, 8_000), 8_000), 8_000) as one:
        assert len(list(one)) == 11
        with pytest.raises(ValueError, match="read once"):
            next(iter(one))


def test_a_recording_may_be_left_in_the_middle(tmp_path: Path) -> None:
    path = with_ffmpeg(tmp_path / "a.m4a", chirp(2, 48_000), 48_000, codec="aac")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with open_recording(path, 16_000) as recording:
        assert next(iter(recording)).start_sample == 0
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    "name", ["with space.wav", "-dash.wav", "日本語.wav", "no_suffix", "wrong.txt"]
)
def test_names_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    soundfile.write(tmp_path / name, chirp(0.2, 16_000), 16_000, format="WAV")
    monkeypatch.chdir(tmp_path)
    assert heard(Path(name))[-1].end_sample == 3_200


def test_a_name_that_is_not_utf8_works(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    path.write_bytes(with_libsndfile(tmp_path / "a.wav", chirp(0.2, 16_000), 16_000).read_bytes())
    assert heard(path)[-1].end_sample == 3_200


def test_what_cannot_be_read_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("Dear diary,\n" * 100)
    (tmp_path / "noise.mp3").write_bytes(np.random.default_rng(0).bytes(10_000))
    with_libsndfile(tmp_path / "silent.wav", np.zeros(0, np.float32), 16_000)
    for suffix in ("flac", "ogg", "mp3"):
        whole = with_libsndfile(tmp_path / f"a.{suffix}", chirp(1, 16_000), 16_000)
        (tmp_path / f"begun.{suffix}").write_bytes(whole.read_bytes()[:60])
    for name, said in {
        "missing.wav": "does not exist",
        "notes.txt/a.wav": "part of its path is a file",
        "folder": "is a folder",
        "empty.wav": "is empty (0 bytes)",
        "notes.txt": "is not audio or video that can be read: no known sound format",
        "noise.mp3": "is not audio or video that can be read",
        "silent.wav": "holds no sound",
        "begun.flac": "is not audio or video that can be read",
        "begun.ogg": "it ends before its sound begins",
        "begun.mp3": "is not audio or video that can be read",
        "x" * 300: "the name is too long",
        "a\0b": "cannot be read",
    }.items():
        with pytest.raises(SoundFileError) as error:
            open_recording(tmp_path / name, 16_000)
        assert said in str(error.value)
        assert on_one_line(name) in str(error.value)
        assert "\n" not in str(error.value)


def test_a_video_without_sound_is_said_to_have_none(tmp_path: Path) -> None:
    path = tmp_path / "mute.mp4"
    import av

    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=10)
        picture.width = picture.height = 64
        picture.pix_fmt = "yuv420p"
        image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        container.mux(picture.encode(image))
        container.mux(picture.encode(None))
    with pytest.raises(SoundFileError, match=r"mute\.mp4 has no sound track, only video\."):
        open_recording(path, 16_000)


def test_a_file_without_permission_is_said_to_have_none(tmp_path: Path) -> None:
    path = with_libsndfile(tmp_path / "a.wav", chirp(0.1, 16_000), 16_000)
    path.chmod(0)
    with without_rights(), pytest.raises(SoundFileError, match="permission denied"):
        open_recording(path, 16_000)


def test_a_failed_opening_leaves_no_file_open(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Dear diary,\n" * 100)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(SoundFileError):
            open_recording(tmp_path / "notes.txt", 16_000)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def _peak_bytes(recording: Recording) -> int:
    """The most memory that Python and numpy held while a recording was read through."""
    tracemalloc.start()
    for _ in recording:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    peaks = []
    for seconds in (5, 120):
        path = tmp_path / f"{seconds}.wav"
        samples: Samples = np.zeros(seconds * 16_000, np.float32)
        with_libsndfile(path, samples, 16_000)
        with open_recording(path, 16_000) as recording:
            peaks.append(_peak_bytes(recording))
    assert peaks[1] < peaks[0] + 100_000 < 2_000_000


def test_opening_reads_only_the_beginning(tmp_path: Path) -> None:
    path = with_libsndfile(tmp_path / "a.wav", np.zeros(16_000 * 600, np.float32), 16_000)
    with open_recording(path, 16_000) as recording:
        assert recording._owned is not None
        assert recording._owned.tell() < path.stat().st_size / 10

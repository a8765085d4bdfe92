"""Damaged, cut off and hostile recordings."""

import http.server
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, Boundary, Samples
from audio_io.errors import SoundFileError
from audio_io.recordings.recording import open_pipe, open_recording
from tests.audio_io.sounds import (
    chirp,
    cut_in_half,
    damaged_in_the_middle,
    difference_db,
    joined,
    jumps,
    pipe_of,
    tone,
    with_ffmpeg,
    with_libsndfile,
)

SECONDS = 12
FAST_START = {"movflags": "faststart"}


def heard(path: Path, rate_hz: int = 48_000) -> list[AudioChunk]:
    with open_recording(path, rate_hz) as recording:
        return list(recording)


def made(folder: Path, name: str, codec: str, picture: bool = False) -> Path:
    """A recording of `SECONDS` that tells how long it is."""
    sound = chirp(SECONDS, 48_000)
    if codec == "libsndfile":
        return with_libsndfile(folder / name, sound, 48_000)
    return with_ffmpeg(
        folder / name,
        sound,
        48_000,
        codec=codec,
        options=FAST_START if name.endswith(("m4a", "mp4")) else {},
        picture_s=SECONDS if picture else 0.0,
    )


def assert_ends_in_a_jump_to(end_s: float, chunks: list[AudioChunk], tolerance_s: float) -> None:
    *_, before, last = chunks
    assert len(last.samples) == 0
    assert last.boundary is Boundary.STREAM
    assert last.start_s == pytest.approx(end_s, abs=tolerance_s)
    assert before.boundary is Boundary.NONE
    assert before.end_s < last.start_s


CUT = [
    ("a.wav", "libsndfile", False, 1e-4),
    ("a.rf64", "libsndfile", False, 1e-4),
    ("a.aiff", "libsndfile", False, 1e-4),
    ("a.au", "libsndfile", False, 1e-4),
    ("a.flac", "libsndfile", False, 1e-4),
    ("a.mp3", "libsndfile", False, 0.1),
    ("b.mp3", "mp3", False, 0.1),
    ("a.m4a", "aac", False, 0.1),
    ("a.mp4", "aac", True, 0.1),
    ("a.mkv", "aac", True, 0.1),
    ("a.webm", "libopus", False, 0.1),
    ("a.flv", "aac", False, 0.1),
]


@pytest.mark.parametrize(("name", "codec", "picture", "tolerance_s"), CUT)
def test_a_recording_that_was_cut_off_ends_where_it_promised(
    tmp_path: Path, name: str, codec: str, picture: bool, tolerance_s: float
) -> None:
    whole = made(tmp_path, name, codec, picture)
    chunks = heard(cut_in_half(whole))
    assert_ends_in_a_jump_to(SECONDS, chunks, tolerance_s)
    ((lost_from_s, _),) = jumps(chunks)
    assert 0.25 * SECONDS < lost_from_s < 0.75 * SECONDS
    # What came before the cut is as it is in the whole recording.
    length = round((lost_from_s - 0.2) * 48_000)
    assert difference_db(joined(chunks)[:length], joined(heard(whole))[:length]) < -60


@pytest.mark.parametrize(("name", "codec", "picture", "tolerance_s"), CUT)
def test_a_whole_recording_loses_nothing(
    tmp_path: Path, name: str, codec: str, picture: bool, tolerance_s: float
) -> None:
    chunks = heard(made(tmp_path, name, codec, picture))
    assert jumps(chunks) == []
    assert chunks[-1].boundary is Boundary.STREAM
    assert chunks[-1].end_s == pytest.approx(SECONDS, abs=max(tolerance_s, 0.03))


def test_the_jump_of_a_cut_wav_is_right_to_the_sample_at_another_rate(tmp_path: Path) -> None:
    path = cut_in_half(with_libsndfile(tmp_path / "a.wav", chirp(10, 44_100), 44_100))
    with open_recording(path, 16_000) as recording:
        assert recording.duration_s == pytest.approx(10)
        chunks = list(recording)
    assert abs(chunks[-1].start_sample - 160_000) <= 1


def test_a_wav_cut_off_in_a_pipe_is_noticed_too(tmp_path: Path) -> None:
    path = cut_in_half(with_libsndfile(tmp_path / "a.wav", chirp(10, 16_000), 16_000))
    with open_pipe(pipe_of(path.read_bytes()), 16_000) as recording:
        assert_ends_in_a_jump_to(10, list(recording), 1e-3)


@pytest.mark.parametrize("data_bytes", [0, 0xFFFFFFFF, 0x7FFFF000, 0x7FFFF024, 0x80000000])
def test_a_wav_whose_length_was_never_filled_in_is_whole(tmp_path: Path, data_bytes: int) -> None:
    path = with_libsndfile(tmp_path / "a.wav", chirp(1, 16_000), 16_000)
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", data_bytes)
    path.write_bytes(data)
    chunks = heard(path, 16_000)
    assert jumps(chunks) == []
    assert chunks[-1].end_sample == 16_000


def test_an_mp3_whose_length_is_a_guess_promises_nothing(tmp_path: Path) -> None:
    # Half silence at a varying bit rate: FFmpeg guesses the length badly from the first frames.
    sound = np.concatenate([np.zeros(48_000 * 6, np.float32), chirp(6, 48_000)])
    path = with_ffmpeg(
        tmp_path / "a.mp3", sound, 48_000, codec="mp3", options={"write_xing": "0", "q": "9"}
    )
    chunks = heard(path)
    assert jumps(chunks) == []
    assert chunks[-1].end_s == pytest.approx(12, abs=0.1)


def test_an_ogg_that_was_cut_off_is_said(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 160_000).astype(np.float32)
    path = with_libsndfile(tmp_path / "a.ogg", noise, 16_000)
    chunks = heard(path)
    assert chunks[-1].end_s == pytest.approx(10)
    assert [chunk.lost_reason for chunk in chunks if chunk.lost_reason] == []
    *_, last = heard(cut_in_half(path))
    assert 3 < last.end_s < 7
    assert last.lost_reason == "the recording was cut off"


def test_an_m4a_that_lost_its_index_is_said_to_be_cut_off(tmp_path: Path) -> None:
    path = with_ffmpeg(tmp_path / "a.m4a", chirp(3, 48_000), 48_000, codec="aac")
    with pytest.raises(SoundFileError, match=r"its index is missing\. It was cut off"):
        open_recording(cut_in_half(path), 16_000)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.flac", "libsndfile"),
        ("a.ogg", "libsndfile"),
        ("a.m4a", "aac"),
        ("a.mp4", "aac"),
        ("a.webm", "libopus"),
        ("a.flv", "aac"),
    ],
)
def test_sound_after_damage_keeps_its_time(tmp_path: Path, name: str, codec: str) -> None:
    whole = made(tmp_path, name, codec)
    chunks = heard(damaged_in_the_middle(whole))
    assert 0.9 * SECONDS < chunks[-1].end_s < SECONDS + 0.1
    # The last second stands where it stands in the whole recording, whatever was lost before.
    late = [chunk for chunk in chunks if chunk.start_s > SECONDS - 1]
    start = late[0].start_sample
    assert best_shift_ms(joined(late)[:24_000], joined(heard(whole))[start:]) <= 2


def best_shift_ms(part: Samples, expected: Samples) -> float:
    """How far `part` must be moved at most, up to 10 ms, to fit the start of `expected`."""
    edge = 480
    middle = part[edge:-edge]
    shifts = range(-edge, edge + 1)
    errors = [
        float(np.sum((expected[edge + shift :][: len(middle)] - middle) ** 2)) for shift in shifts
    ]
    return abs(shifts[int(np.argmin(errors))]) / 48


def test_a_damaged_mp3_goes_on_after_the_damage_in_silence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    chunks = heard(damaged_in_the_middle(made(tmp_path, "a.mp3", "libsndfile")))
    assert sum(len(chunk.samples) for chunk in chunks) > 0.8 * SECONDS * 48_000
    assert chunks[-1].end_s == pytest.approx(SECONDS, abs=0.5)
    assert capfd.readouterr() == ("", "")


def test_random_damage_never_crashes_or_goes_back_in_time(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    sound = chirp(2, 48_000)
    originals = [
        with_libsndfile(tmp_path / f"a.{suffix}", sound, 48_000)
        for suffix in ("wav", "flac", "ogg", "mp3", "aiff", "caf")
    ] + [
        with_ffmpeg(tmp_path / "b.m4a", sound, 48_000, codec="aac", options=FAST_START),
        with_ffmpeg(tmp_path / "b.webm", sound, 48_000, codec="libopus"),
        with_ffmpeg(tmp_path / "b.ts", sound, 48_000, codec="aac", file_format="mpegts"),
    ]
    for original in originals:
        for _ in range(12):
            data = bytearray(original.read_bytes())
            for at in random.integers(0, len(data), 8):
                data[at] = random.integers(256)
            broken = tmp_path / "broken"
            broken.write_bytes(data[: random.integers(1, len(data))])
            try:
                chunks = heard(broken, 16_000)
            except SoundFileError:
                continue
            assert chunks[-1].boundary is Boundary.STREAM
            position = 0
            for chunk in chunks:
                assert chunk.start_sample >= position
                assert np.isfinite(chunk.samples).all()
                position = chunk.end_sample


def test_a_sound_track_that_begins_late_is_silent_until_then(tmp_path: Path) -> None:
    path = with_ffmpeg(
        tmp_path / "a.mkv",
        tone(440, 2, 48_000),
        48_000,
        codec="aac",
        picture_s=4,
        sound_starts_s=1.5,
    )
    chunks = heard(path, 16_000)
    assert jumps(chunks) == []
    loud = np.flatnonzero(np.abs(joined(chunks)) > 0.1)
    assert loud[0] / 16_000 == pytest.approx(1.5, abs=0.05)
    assert loud[-1] / 16_000 == pytest.approx(3.5, abs=0.05)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_sound_track_that_ends_before_the_picture_was_not_cut_off(
    tmp_path: Path, name: str
) -> None:
    path = with_ffmpeg(tmp_path / name, tone(440, 2, 48_000), 48_000, codec="aac", picture_s=5)
    chunks = heard(path, 16_000)
    assert jumps(chunks) == []
    assert chunks[-1].end_s == pytest.approx(2, abs=0.1)


def test_a_promise_beyond_belief_is_not_believed(tmp_path: Path) -> None:
    path = with_libsndfile(tmp_path / "a.rf64", chirp(1, 16_000), 16_000)
    data = bytearray(path.read_bytes())
    at = data.index(b"ds64") + 16
    data[at : at + 8] = struct.pack("<Q", 2**62)
    path.write_bytes(data)
    assert heard(path, 16_000)[-1].end_sample == 16_000


# What a stranger's file may not do.


def playlists(target: str) -> dict[str, bytes]:
    return {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n"
        "#EXT-X-ENDLIST\n".encode(),
        "list.ffconcat": f"ffconcat version 1.0\nfile {target}\n".encode(),
        "list.mp3": f"ffconcat version 1.0\nfile '{target}'\n".encode(),
        "call.sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        b"m=audio 5004 RTP/AVP 0\n",
        "list.mpd": f"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' "
        f"type='static' mediaPresentationDuration='PT9S'><Period><AdaptationSet mimeType="
        f"'audio/mp4'><Representation id='1'><BaseURL>{target}</BaseURL></Representation>"
        f"</AdaptationSet></Period></MPD>".encode(),
        "list.pls": f"[playlist]\nFile1={target}\nNumberOfEntries=1\n".encode(),
    }


REFUSED = "is not audio or video that can be read|is a playlist that points elsewhere"


@pytest.mark.parametrize("name", playlists(""))
def test_a_file_that_points_at_another_file_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    secret = with_libsndfile(tmp_path / "secret.wav", chirp(2, 16_000), 16_000)
    (tmp_path / "lists").mkdir()
    monkeypatch.chdir(tmp_path / "lists")
    for target in ("../secret.wav", str(secret), f"file:{secret}"):
        (tmp_path / "lists" / name).write_bytes(playlists(target)[name])
        with pytest.raises(SoundFileError, match=REFUSED):
            open_recording(tmp_path / "lists" / name, 16_000)
    for target in ("secret.wav", str(secret)):  # nobody knows which folder a pipe comes from
        with pytest.raises(SoundFileError, match="is not audio or video that can be read"):
            open_pipe(pipe_of(playlists(target)[name]), 16_000)


@pytest.mark.parametrize("name", ["list.m3u8", "list.ffconcat", "list.mp3", "list.pls"])
def test_a_playlist_of_files_beside_it_is_those_files(tmp_path: Path, name: str) -> None:
    with_ffmpeg(tmp_path / "piece.ts", chirp(2, 48_000), 48_000, codec="aac")
    (tmp_path / name).write_bytes(playlists("piece.ts")[name])
    assert difference_db(joined(heard(tmp_path / name)), joined(heard(tmp_path / "piece.ts"))) < -90


def test_a_playlist_that_names_itself_or_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.m3u").write_text("#EXTM3U\na.m3u\n")
    with pytest.raises(SoundFileError, match="is a playlist within another"):
        open_recording(tmp_path / "a.m3u", 16_000)
    (tmp_path / "b.m3u").write_text("#EXTM3U\n")
    with pytest.raises(SoundFileError, match="is a playlist of nothing"):
        open_recording(tmp_path / "b.m3u", 16_000)


def test_the_playlists_of_these_tests_would_work_without_the_guard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import av

    with_ffmpeg(tmp_path / "secret.ts", chirp(2, 48_000), 48_000, codec="aac")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.m3u8").write_bytes(playlists("secret.ts")["list.m3u8"])
    with (tmp_path / "list.m3u8").open("rb") as file, av.open(file) as container:
        assert container.streams.audio


def test_no_address_on_the_network_is_asked(tmp_path: Path) -> None:
    asked: list[str] = []

    class Listening(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Listening) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        target = f"http://127.0.0.1:{server.server_port}/a.ts"
        for name, data in playlists(target).items():
            (tmp_path / name).write_bytes(data)
            with pytest.raises(SoundFileError):
                open_recording(tmp_path / name, 16_000)
        server.shutdown()
    assert asked == []


def test_nothing_is_written_to_the_terminal(tmp_path: Path) -> None:
    files = [
        damaged_in_the_middle(made(tmp_path, "a.mp3", "mp3")),
        damaged_in_the_middle(made(tmp_path, "a.m4a", "aac")),
        cut_in_half(made(tmp_path, "a.flac", "libsndfile")),
        tmp_path / "notes.txt",
    ]
    files[-1].write_text("notes")
    program = """
import logging, sys
from pathlib import Path
from audio_io.errors import SoundFileError
from audio_io.recordings.recording import open_recording
logging.disable()
for name in sys.argv[1:]:
    try:
        for _ in open_recording(Path(name), 16000):
            pass
    except SoundFileError:
        pass
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *files], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")

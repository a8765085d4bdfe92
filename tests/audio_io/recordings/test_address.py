"""Recordings and broadcasts on the network, with servers on this machine."""

from pathlib import Path

import numpy as np
import pytest

from audio_io.addresses import scheme_of, shown, stem_of
from audio_io.errors import SoundFileError
from audio_io.recordings import address
from audio_io.recordings.address import open_address, open_broadcast
from tests.audio_io.odd import container, lost, marked_sound, misplaced_s, tracks
from tests.audio_io.servers import RTP_RATE_HZ, camera, files_over_http, radio
from tests.audio_io.sounds import dominant_hz, joined, tone

SECONDS = 12


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits to connect again."""
    monkeypatch.setattr(address, "_PAUSES_S", (0.01, 0.01))


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a.ts", "pcm.wav", "a.opus"])
def test_a_recording_on_a_server_is_heard_to_its_end(tmp_path: Path, name: str) -> None:
    container(tmp_path, name)
    with (
        files_over_http(tmp_path) as (server, _),
        open_address(f"{server}/{name}", 16_000) as recording,
    ):
        chunks = list(recording)
    assert lost(chunks) == []
    assert chunks[-1].end_s == pytest.approx(SECONDS, abs=0.1)
    assert misplaced_s(chunks) == pytest.approx(0, abs=0.1)


def test_pieces_on_a_server_are_one_recording_and_files_of_this_machine_stay_closed(
    tmp_path: Path,
) -> None:
    (tmp_path / "served").mkdir()
    container(tmp_path / "served", "a.ts")
    secret = tracks(tmp_path / "secret.ts", [marked_sound(1)[None]], "aac")
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:12\n#EXTINF:12,\n{}\n#EXT-X-ENDLIST\n"
    (tmp_path / "served" / "a.m3u8").write_text(playlist.format("a.ts"))
    (tmp_path / "served" / "b.m3u8").write_text(playlist.format(f"file://{secret}"))
    (tmp_path / "served" / "c.m3u8").write_text(playlist.format(secret))
    with files_over_http(tmp_path / "served") as (server, _):
        with open_address(f"{server}/a.m3u8", 16_000) as recording:
            chunks = list(recording)
        assert lost(chunks) == []
        assert chunks[-1].end_s == pytest.approx(SECONDS, abs=0.2)
        for name in ("b.m3u8", "c.m3u8"):
            with pytest.raises(SoundFileError):
                list(open_address(f"{server}/{name}", 16_000))


def test_a_radio_that_breaks_off_is_connected_again_and_the_time_without_it_is_a_loss(
    tmp_path: Path,
) -> None:
    data = container(tmp_path, "a.mp3").read_bytes()
    with radio([data[:40_000], data[40_000:]]) as url:
        recording, is_broadcast = open_broadcast(url, 16_000, 100)
        assert is_broadcast
        assert recording.duration_s is None
        with recording:
            chunks = list(recording)
    reasons = [reason for _, _, reason in lost(chunks)]
    assert reasons == ["the connection broke off", "the connection broke off for good"]
    assert sum(len(chunk.samples) for chunk in chunks) / 16_000 == pytest.approx(SECONDS, abs=0.2)


def test_a_broadcast_is_no_file_and_its_password_is_told_to_nobody(tmp_path: Path) -> None:
    with (
        radio([container(tmp_path, "a.mp3").read_bytes()]) as url,
        pytest.raises(SoundFileError, match="is a broadcast, which has no end") as error,
    ):
        open_address(url, 16_000)
    assert "secret" not in str(error.value)
    assert "hidden" not in str(error.value)


def test_a_camera_is_heard_at_its_own_pace() -> None:
    with camera(tone(440, 3, RTP_RATE_HZ)) as url:
        recording, is_broadcast = open_broadcast(url, 16_000, 100)
        assert is_broadcast
        chunks = []
        with recording:
            for chunk in recording:  # it goes on with the next connection
                chunks.append(chunk)
                if chunk.end_s > 2.5:
                    break
    sound = joined(chunks)
    assert len(sound) / 16_000 == pytest.approx(2.5, abs=0.2)
    assert dominant_hz(sound, 16_000) == pytest.approx(440, abs=3)
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1/a.mp3", "cannot be opened: Connection refused. Check the address"),
        ("rtsp://127.0.0.1:1/live", "cannot be opened: Connection refused. Check the address"),
    ],
)
def test_what_cannot_be_reached_is_one_line(url: str, said: str) -> None:
    with pytest.raises(SoundFileError) as error:
        open_address(url, 16_000)
    assert str(error.value).startswith(f"{url} {said}")


def test_what_a_server_does_not_have_or_is_no_sound_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>" * 1000)
    with files_over_http(tmp_path) as (server, _):
        with pytest.raises(SoundFileError, match="404 Not Found"):
            open_address(f"{server}/gone.mp3", 16_000)
        with pytest.raises(SoundFileError, match="is no sound that can be read"):
            open_address(f"{server}/page.html", 16_000)


@pytest.mark.parametrize(
    ("url", "scheme", "name", "stem"),
    [
        ("https://u:p@h.org/a/b%20c.mp3?k=1", "https", "https://h.org/a/b%20c.mp3", "b-20c"),
        ("HTTP://h.org", "http", "http://h.org", "h.org"),
        ("rtsp://10.0.0.1:554/live", "rtsp", "rtsp://10.0.0.1:554/live", "live"),
        ("http://h/../../x/.hidden", "http", "http://h/../../x/.hidden", "hidden"),
        ("talks/a.mp3", "", "", ""),
        ("c:/a.mp3", "", "", ""),
    ],
)
def test_the_words_of_an_address(url: str, scheme: str, name: str, stem: str) -> None:
    assert scheme_of(url) == scheme
    if scheme:
        assert (shown(url), stem_of(url)) == (name, stem)

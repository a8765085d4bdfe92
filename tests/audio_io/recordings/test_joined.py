"""Several recordings in one file, or in a playlist, are heard to their end."""

from pathlib import Path

import pytest

from audio_io.errors import SoundFileError
from tests.audio_io.odd import (
    CONTAINERS,
    RATE_HZ,
    SECONDS,
    cut,
    heard,
    lost,
    marked_sound,
    misplaced_s,
    tracks,
    zeroed,
)
from tests.audio_io.sounds import with_libsndfile


def halves(folder: Path, name: str, rates_hz: tuple[int, int] = (RATE_HZ, RATE_HZ)) -> list[Path]:
    """The marked sound in two recordings of one kind."""
    import soxr

    codec, file_format = CONTAINERS[name]
    sound = marked_sound()
    half = len(sound) // 2
    return [
        tracks(
            folder / f"{number}-{name}",
            [soxr.resample(part, RATE_HZ, rate_hz)[None]],
            codec,
            file_format,
            rate_hz,
        )
        for number, (part, rate_hz) in enumerate(
            zip((sound[:half], sound[half:]), rates_hz, strict=True)
        )
    ]


@pytest.mark.parametrize(
    ("name", "rates_hz"),
    [
        ("flac.ogg", (48_000, 48_000)),
        ("flac.ogg", (48_000, 22_050)),
        ("a.opus", (48_000, 24_000)),
        ("pcm.wav", (48_000, 48_000)),
        ("pcm.wav", (48_000, 16_000)),
        ("a.mp3", (48_000, 48_000)),
        ("a.flac", (48_000, 48_000)),
        ("a.aac", (48_000, 48_000)),
        ("a.ts", (48_000, 48_000)),
        ("a.mpg", (48_000, 48_000)),
    ],
)
def test_recordings_that_were_joined_are_heard_to_the_end(
    tmp_path: Path, name: str, rates_hz: tuple[int, int]
) -> None:
    whole = tmp_path / name
    whole.write_bytes(b"".join(part.read_bytes() for part in halves(tmp_path, name, rates_hz)))
    chunks = heard(whole)
    assert lost(chunks) == []
    assert chunks[-1].end_s == pytest.approx(SECONDS, abs=0.1)
    assert misplaced_s(chunks) == pytest.approx(0, abs=0.1)


def test_a_link_with_more_channels_is_heard_too(tmp_path: Path) -> None:
    mono, _ = halves(tmp_path, "flac.ogg")
    half = marked_sound()[SECONDS * RATE_HZ // 2 :]
    stereo = tracks(tmp_path / "s.ogg", [half[None].repeat(2, axis=0)], "flac", "ogg")
    (tmp_path / "a.ogg").write_bytes(mono.read_bytes() + stereo.read_bytes())
    chunks = heard(tmp_path / "a.ogg")
    assert lost(chunks) == []
    assert misplaced_s(chunks) == pytest.approx(0, abs=0.04)


def test_damage_in_a_link_and_a_cut_of_the_last_are_told(tmp_path: Path) -> None:
    first, second = halves(tmp_path, "flac.ogg")
    whole = tmp_path / "a.ogg"
    whole.write_bytes(zeroed(first).read_bytes() + cut(second, 0.6).read_bytes())
    reasons = [reason for _, _, reason in lost(heard(whole))]
    assert reasons[-1] == "the recording was cut off"
    assert set(reasons[:-1]) == {"it is damaged and could not be read"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.m3u", "#EXTM3U\n#EXTINF:6,first\n0-a.mp3\n1-a.mp3\n"),
        ("a.m3u8", "#EXTM3U\n./0-a.mp3\n1-a.mp3\n"),
        ("a.pls", "[playlist]\nFile1=0-a.mp3\nTitle1=x\nFile2=1-a.mp3\nNumberOfEntries=2\n"),
        ("a.ffconcat", "ffconcat version 1.0\nfile '0-a.mp3'\nfile 1-a.mp3\n"),
    ],
)
def test_a_playlist_of_files_beside_it_is_heard_to_the_end(
    tmp_path: Path, name: str, text: str
) -> None:
    halves(tmp_path, "a.mp3")
    (tmp_path / name).write_text(text)
    chunks = heard(tmp_path / name)
    assert lost(chunks) == []
    assert chunks[-1].end_s == pytest.approx(SECONDS, abs=0.1)
    assert misplaced_s(chunks) == pytest.approx(0, abs=0.1)


def test_the_pieces_of_a_broadcast_are_one_stream(tmp_path: Path) -> None:
    """HLS: byte ranges of one file, too."""
    halves(tmp_path, "a.ts")
    size = (tmp_path / "0-a.ts").stat().st_size
    (tmp_path / "a.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:6\n"
        f"#EXTINF:3,\n#EXT-X-BYTERANGE:{size // 188 // 2 * 188}@0\n0-a.ts\n"
        f"#EXTINF:3,\n#EXT-X-BYTERANGE:{size - size // 188 // 2 * 188}\n0-a.ts\n"
        "#EXTINF:6,\n1-a.ts\n#EXT-X-ENDLIST\n"
    )
    chunks = heard(tmp_path / "a.m3u8")
    assert lost(chunks) == []
    assert misplaced_s(chunks) == pytest.approx(0, abs=0.1)


def test_a_part_that_is_gone_is_a_loss_and_the_first_is_an_error(tmp_path: Path) -> None:
    with_libsndfile(tmp_path / "here.wav", marked_sound(1), RATE_HZ)
    (tmp_path / "a.m3u").write_text("#EXTM3U\nhere.wav\ngone.wav\nhere.wav\n")
    chunks = heard(tmp_path / "a.m3u")
    assert chunks[-1].end_s == pytest.approx(2, abs=0.01)
    [(at_s, _, reason)] = lost(chunks)
    assert at_s == pytest.approx(1, abs=0.01)
    assert "gone.wav cannot be read: No such file or directory" in reason
    (tmp_path / "b.m3u").write_text("#EXTM3U\ngone.wav\n")
    with pytest.raises(SoundFileError, match=r"gone\.wav cannot be read"):
        heard(tmp_path / "b.m3u")


@pytest.mark.parametrize(
    "entry",
    ["/etc/hostname", "../a.wav", "x/../../a.wav", "http://127.0.0.1/a", "file:///a", "a:b"],
)
def test_a_playlist_that_points_elsewhere_opens_nothing(tmp_path: Path, entry: str) -> None:
    with_libsndfile(tmp_path / "a.wav", marked_sound(1), RATE_HZ)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "a.m3u8").write_text(f"#EXTM3U\n{entry}\n")
    with pytest.raises(SoundFileError, match="is a playlist that points elsewhere"):
        heard(tmp_path / "lists" / "a.m3u8")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.m3u", b"#EXTM3U\r\n#EXTINF:1,x\r\nthe first.wav\r\nsub\\\xfc.wav\r\n"),
        ("b.m3u", b"the first.wav\r\nsub/\xfc.wav\r\n"),
        ("c.m3u8", b"\xef\xbb\xbf#EXTM3U\nthe%20first.wav\nsub/%C3%BC.wav\n"),
        ("d.pls", "[Playlist]\r\nFile1=the first.wav\r\nFile2=sub/ü.wav\r\n".encode()),
        ("e.ffconcat", "ffconcat version 1.0\nfile the\\ first.wav\nfile 'sub/'ü.wav\n".encode()),
    ],
)
def test_names_in_a_playlist_are_read_as_players_and_other_systems_write_them(
    tmp_path: Path, name: str, text: bytes
) -> None:
    (tmp_path / "sub").mkdir()
    for part in ("the first.wav", "sub/ü.wav"):
        tracks(tmp_path / part, [marked_sound(1)[None]])
    (tmp_path / name).write_bytes(text)
    chunks = heard(tmp_path / name)
    assert not lost(chunks)
    assert chunks[-1].end_s == pytest.approx(2.0)


@pytest.mark.parametrize("entry", ["%2e%2e/a.wav", "%2Fetc/passwd", "..\\a.wav", "file%3A///a.wav"])
def test_no_other_spelling_of_a_name_leads_out_of_the_folder(tmp_path: Path, entry: str) -> None:
    (tmp_path / "a.m3u8").write_text(f"#EXTM3U\n{entry}\n")
    with pytest.raises(SoundFileError, match="is a playlist that points elsewhere"):
        heard(tmp_path / "a.m3u8")

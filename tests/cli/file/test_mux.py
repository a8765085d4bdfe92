"""`s2st file --mux`: a video in comes out as a video."""

import json
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
import soundfile
from av.stream import Disposition

from audio_io.recordings import film
from tests.audio_io.sounds import with_ffmpeg
from tests.cli.running import JOURNAL, SHORT, SPANISH, contents, inside, names

MUX = ("--tgt", "spa", "--mux", "-q")
MADE = ["film.eng.srt", "film.spa.mkv", "film.spa.srt", "film.spa.wav"]


class Track(NamedTuple):
    kind: str
    codec: str
    language: str | None
    disposition: Disposition
    packets: list[tuple[Fraction, bytes]]
    """When each is shown, in seconds, and its bytes."""


def tracks(path: Path) -> list[Track]:
    with av.open(str(path)) as container:
        found = [
            Track(each.type, each.codec_context.name, each.language, each.disposition, [])
            for each in container.streams
        ]
        for packet in container.demux():
            if packet.size:
                assert packet.pts is not None
                assert packet.time_base is not None
                at_s = packet.pts * packet.time_base
                found[packet.stream.index].packets.append((at_s, bytes(packet)))
    return found


def heard(path: Path, track: int) -> tuple[float, np.ndarray[tuple[int], np.dtype[np.int16]], int]:
    """When a sound track begins in seconds, its samples, and their rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[track]
        frames = list(container.decode(stream))
        assert frames[0].time is not None
        whole = np.concatenate([frame.to_ndarray()[0] for frame in frames])
        return frames[0].time, whole, stream.rate


def make_film(path: Path, *, sound_starts_s: float = 0.0, codec: str = "aac") -> Path:
    samples, rate_hz = soundfile.read(SHORT, dtype="float32")
    return with_ffmpeg(
        path, samples, rate_hz, codec=codec, picture_s=3.5, sound_starts_s=sound_starts_s
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film, and beside it what becomes of it."""
    folder = tmp_path_factory.mktemp("films")
    ran = inside("file", make_film(folder / "film.mp4"), *MUX)
    assert (ran.code, ran.out) == (0, f"{SPANISH}\n"), ran.err
    assert names(folder) == sorted([*MADE, "film.mp4"])
    return folder


def test_the_picture_is_the_same_to_the_byte_at_the_same_times(made: Path) -> None:
    before = next(each for each in tracks(made / "film.mp4") if each.kind == "video")
    after = tracks(made / "film.spa.mkv")[0]
    assert (after.kind, after.codec) == ("video", "mpeg4")
    assert len(before.packets) == 35
    assert after.packets == before.packets


def test_the_dub_is_the_first_sound_the_original_the_second_and_subtitles_are_a_track(
    made: Path,
) -> None:
    _, dub, original, subtitles = tracks(made / "film.spa.mkv")
    assert dub[:4] == ("audio", "flac", "spa", Disposition.default | Disposition.dub)
    assert original[:4] == ("audio", "aac", "eng", Disposition.original)
    assert subtitles[:3] == ("subtitle", "srt", "spa")
    before = next(each for each in tracks(made / "film.mp4") if each.kind == "audio")
    # All but the frame before 0, which a decoder throws away.
    assert [data for _, data in original.packets] == [data for _, data in before.packets[1:]]
    (cue,) = (made / "film.spa.srt").read_text(encoding="utf-8").strip().split("\n\n")
    ((at_s, text),) = subtitles.packets
    assert text.decode() == cue.split("\n", 2)[2]
    assert cue.splitlines()[1].startswith(f"00:00:00,{round(at_s * 1000):03d} ")


def test_the_dub_is_the_wav_and_speaks_where_the_source_does(made: Path) -> None:
    samples, rate_hz = soundfile.read(made / "film.spa.wav", dtype="int16")
    start_s, dub, dub_rate_hz = heard(made / "film.spa.mkv", 0)
    assert (start_s, dub_rate_hz) == (0.0, rate_hz)
    assert np.array_equal(dub, samples)
    loud_s = np.flatnonzero(np.abs(dub) > 300) / rate_hz
    source, source_rate_hz = soundfile.read(SHORT)
    source_s = np.flatnonzero(np.abs(source) > 0.01) / source_rate_hz
    assert source_s[0] - 0.1 < loud_s[0] < source_s[0] + 0.3
    assert loud_s[-1] < len(source) / source_rate_hz + 0.5
    _, before, _ = heard(made / "film.mp4", 0)
    original_s, after, _ = heard(made / "film.spa.mkv", 1)
    assert original_s == 0.0
    assert len(after) == len(before)
    assert np.allclose(after[2048:], before[2048:], atol=1e-4)


def test_a_film_is_an_output_like_all_others(made: Path) -> None:
    before, journal = contents(made), (made / JOURNAL).read_bytes()
    assert inside("file", made / "film.mp4", *MUX).code == 2
    dry = inside("file", made / "film.mp4", *MUX, "--dry-run", "--resume", "--json")
    assert json.loads(dry.out)["state"] == "finished"
    assert inside("file", made / "film.mp4", *MUX, "--resume").code == 0
    assert (contents(made), (made / JOURNAL).read_bytes()) == (before, journal)
    assert inside("file", made / "film.mp4", *MUX, "--overwrite").code == 0
    assert contents(made) == before
    whole_folder = inside("file", made, *MUX, "--resume", "--dry-run", "--json")
    assert len(whole_folder.out.splitlines()) == 1  # the film that was made is none to translate


def test_what_is_spoken_begins_where_a_player_begins(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    samples, rate_hz = soundfile.read(SHORT, dtype="float32")
    with av.open(str(path), "w") as out:  # everything starts at 2 s, and the sound at 2.5
        picture = out.add_stream("mpeg4", rate=10, width=64, height=64)
        sound = out.add_stream("flac", rate=rate_hz, layout="mono")
        for number in range(35):
            image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            image.pts = 20 + number
            out.mux(picture.encode(image))
        pcm = (samples * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, round(2.5 * rate_hz)
        out.mux([*sound.encode(frame), *sound.encode(None), *picture.encode(None)])
    ran = inside("file", path, *MUX, "--format", "wav")
    assert ran.code == 0, ran.err
    assert names(tmp_path) == ["film.mkv", "film.spa.mkv", "film.spa.wav"]
    moving, _, original, (*_, ((cue_s, _),)) = tracks(tmp_path / "film.spa.mkv")
    assert moving.packets[0][0] == 2
    assert original.packets[0][0] == 2.5
    start_s, dub, dub_rate_hz = heard(tmp_path / "film.spa.mkv", 0)
    assert start_s == 2.0
    loud_s = start_s + np.flatnonzero(np.abs(dub) > 300)[0] / dub_rate_hz
    source_s = 2.5 + np.flatnonzero(np.abs(samples) > 0.01)[0] / rate_hz
    assert source_s - 0.1 < loud_s < source_s + 0.3
    assert source_s - 0.3 < cue_s < source_s + 0.3


def test_without_a_picture_there_is_no_film_and_one_line_says_so(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = inside("file", SHORT, make_film(tmp_path / "film.mp4"), *MUX, "-o", out)
    assert ran.code == 1
    (line,) = ran.complaints
    assert "short.wav has no picture to make a video of. Leave out --mux for it." in line
    assert names(out) == MADE
    dry = inside("file", SHORT, *MUX, "-o", tmp_path / "dry", "--dry-run")
    assert (dry.code, "has no picture" in dry.out) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-", *MUX], "--mux reads a recording twice, which standard input does not allow"),
        (["a.mp4", *MUX, "--format", "srt"], "--mux needs the format wav"),
        (["a.mp4", "--tgt", "eng", "--mux"], "--mux is about speech, and nothing is spoken here"),
    ],
)
def test_what_cannot_become_a_film_is_refused(words: list[str], said: str) -> None:
    ran = inside("file", *words)
    assert ran.code == 2
    assert said in ran.err


def test_who_leaves_while_a_film_is_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(_: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(film, "_at_s", pressed)
    out = tmp_path / "out"
    ran = inside("file", make_film(tmp_path / "film.mp4"), *MUX, "-o", out, "--format", "wav")
    assert (ran.code, names(out)) == (130, [])

"""Recordings as people bring them, through the program: what is said, when it is shown, and how the
run ends."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from tests.audio_io.odd import RATE_HZ, cut, shown_otherwise, tracks, zeroed
from tests.cli.running import Ran, inside
from tests.fakes import DATA

WORDS = ("This house is very big.", "I would like to drink a", "They want to buy a new car")
"""How the three sentences of the quickstart begin."""
AT_S = (0.49, 2.53, 5.53)
NEAR_S = 0.15


@dataclass(frozen=True)
class Row:
    """What must come of one recording."""

    at_s: tuple[float, ...] = AT_S
    said: tuple[str, ...] = WORDS
    note: str = ""
    """What is said of it, beside what is said of all."""
    loses: bool = False


def slowly(at_s: float) -> float:
    return 0.99 * at_s


def back(at_ms: int) -> float:
    return at_ms if at_ms < 5200 else at_ms - 3000


def made(folder: Path) -> dict[str, Row]:
    """The recordings, and what must come of each."""
    sound = _quickstart()
    one, other, silent = sound[None], sound[None, ::-1].copy(), np.zeros_like(sound[None])
    stereo = np.stack([sound, -sound], axis=1)
    soundfile.write(folder / "inverted.wav", stereo, RATE_HZ)
    soundfile.write(folder / "eight.wav", np.stack([0 * sound] * 6 + [sound] * 2, axis=1), RATE_HZ)
    soundfile.write(folder / "left.wav", np.stack([sound, other[0]], axis=1), RATE_HZ)
    pauses = [np.zeros(round(2 * RATE_HZ), np.float32), np.zeros(round(3.3 * RATE_HZ), np.float32)]
    between = round(2.25 * RATE_HZ)
    parts = [pauses[0], sound[:between], pauses[1], sound[between:]]
    soundfile.write(folder / "pauses.wav", np.concatenate(parts), RATE_HZ)
    tracks(folder / "second.mkv", [other, one], default=1, languages=("spa", "eng"))
    tracks(folder / "silent.mkv", [silent, one], "flac", default=0)
    tracks(folder / "fast.mkv", [one], "aac", shown_at=lambda at_s: 1.03 * at_s)
    tracks(folder / "slow.mkv", [one], "aac", shown_at=slowly)
    plain = tracks(folder / "whole.mka", [one], "aac")
    shown_otherwise(plain, folder / "back.mkv", back)
    tracks(
        folder / "muted.webm",
        [one],
        "libopus",
        shown_at=lambda at_s: at_s if at_s < 5.2 else at_s + 7,
    )
    half = int(5.2 * RATE_HZ)
    for number, (part, rate_hz) in enumerate([(one[:, :half], 48_000), (one[:, half:], 24_000)]):
        resampled = soxr.resample(part[0], RATE_HZ, rate_hz)[None]
        tracks(folder / f"{number}.flac.part", [resampled], "flac", "ogg", rate_hz)
    links = [folder / f"{number}.flac.part" for number in (0, 1)]
    (folder / "chained.ogg").write_bytes(b"".join(link.read_bytes() for link in links))
    cut(plain, 0.7).rename(folder / "cut.mka")
    mp3 = tracks(folder / "a.mp3.part", [one], "mp3", "mp3")
    zeroed(mp3, 0.31, 0.16).rename(folder / "zeroed.mp3")
    for path in (plain, mp3, *links):
        path.unlink()
    return {
        "inverted": Row(note="heard channel 1 of 2 alone, since a mix would lose it"),
        "eight": Row(note="heard channel 7 of 8 alone, since a mix would lose it"),
        "left": Row(note="heard channel left of 2"),
        "pauses": Row((2.49, 7.83, 10.83)),
        "second": Row(note="heard sound track 2 of 2 (eng)"),
        "silent": Row(note="heard sound track 2 of 2, since those before it are silent"),
        "fast": Row(tuple(1.03 * at_s for at_s in AT_S)),
        "slow": Row(tuple(map(slowly, AT_S))),
        "back": Row((0.49, 2.53, 2.53)),
        "muted": Row((0.49, 2.53, 12.53)),
        "chained": Row(note="heard all of its 2 links"),
        "cut": Row(AT_S[:2], WORDS[:2], "the recording was cut off", loses=True),
        "zeroed": Row((0.49, 5.53), (WORDS[0], WORDS[2]), "it is damaged", loses=True),
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, Row], Ran]:
    """One run over all of them; the manifest says which channel of one of them is meant."""
    folder = tmp_path_factory.mktemp("odd")
    rows = made(folder)
    names = {path.stem: path.name for path in folder.iterdir()}
    lines = [f"{stem}\t{names[stem]}\t{'left' if stem == 'left' else ''}\n" for stem in rows]
    (folder / "all.tsv").write_text("id\taudio\tchannel\n" + "".join(lines))
    words = ("--tgt", "spa", "--format", "jsonl,srt", "-o", folder / "out")
    return folder / "out", rows, inside("file", folder / "all.tsv", *words)


@pytest.mark.parametrize(
    "stem",
    [
        *("inverted", "eight", "left", "second", "silent", "fast", "slow", "back", "muted"),
        *("chained", "cut", "zeroed", "pauses"),
    ],
)
def test_what_is_said_stands_where_a_player_shows_it(
    run: tuple[Path, Mapping[str, Row], Ran], stem: str
) -> None:
    out, rows, ran = run
    row = rows[stem]
    texts = [
        event for event in _events(out / f"{stem}.eng.jsonl") if event["type"] == "source_text"
    ]
    for said, at_s in zip(row.said, row.at_s, strict=True):
        # Sound at an edge may cost a word.
        [*_, heard] = sorted(texts, key=lambda text: _in_common(said, text["text"]))
        assert heard["start_s"] == pytest.approx(at_s, abs=NEAR_S), texts
    told = [line for line in ran.err.splitlines() if line.startswith(f"{stem}: ")]
    assert any(row.note in line for line in told), told
    losses = [line for line in told if "is missing" in line or "are missing" in line]
    assert len(losses) == row.loses
    assert ran.code == 1  # of those that lost something


def test_cues_of_a_clock_that_steps_back_are_shown_then(
    run: tuple[Path, Mapping[str, Row], Ran],
) -> None:
    cues = (run[0] / "back.eng.srt").read_text()
    assert "00:00:00,490" in cues
    assert cues.count("00:00:02,5") == 2


def _in_common(said: str, text: str) -> int:
    return len(set(said.lower().split()) & set(text.lower().split()))


def _events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _quickstart() -> np.ndarray[Any, np.dtype[np.float32]]:
    sound, rate_hz = soundfile.read(DATA / "quickstart.wav", dtype="float32")
    return np.asarray(soxr.resample(sound, rate_hz, RATE_HZ), np.float32)

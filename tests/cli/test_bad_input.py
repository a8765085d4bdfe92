"""Recordings and manifests that are not what they should be."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysubs2
import pytest
import soundfile
import soxr

from tests.cli.running import SHORT, SPANISH, Ran, columns, hiss, inside, names, s2st

TEXTS = ("--tgt", "spa", "--format", "wav,srt,txt")


def as_wav(
    path: Path, rate_hz: int, channels: int = 1, subtype: str = "PCM_16", form: str = "WAV"
) -> None:
    samples, own_rate_hz = soundfile.read(SHORT)
    changed = np.tile(soxr.resample(samples, own_rate_hz, rate_hz)[:, None], (1, channels))
    soundfile.write(path, changed, rate_hz, subtype=subtype, format=form)


def zeros(path: Path, samples: int) -> None:
    soundfile.write(path, np.zeros(samples), 16_000, subtype="PCM_16")


@dataclass(frozen=True)
class Case:
    """One recording, and what comes of it."""

    make: Callable[[Path], object]
    said: str = ""
    """What is said of it; empty for a recording of which nothing special is said."""
    text: str | None = None
    """Its translation; None where it has no outputs."""


CASES = {
    "missing.wav": Case(lambda path: None, "missing.wav does not exist. Check the name"),
    "empty.wav": Case(lambda path: path.touch(), "empty.wav is empty (0 bytes)."),
    "headers_only.wav": Case(lambda path: zeros(path, 0), "headers_only.wav holds no sound"),
    "not_audio.wav": Case(
        lambda path: path.write_text("Dear diary, " * 1000), "no known sound format was found in it"
    ),
    "playlist.mp3": Case(
        lambda path: path.write_text("#EXTM3U\n/etc/passwd\n"),
        "is a playlist that points elsewhere",
    ),
    "truncated.wav": Case(
        lambda path: path.write_bytes(SHORT.read_bytes()[: 44 + 32_000 * 28 // 10]),
        "truncated.wav: 0.2 s of sound from 2.8 s on is missing: the recording was cut off. "
        "The rest was translated.",
        SPANISH,
    ),
    "silent.wav": Case(lambda path: zeros(path, 32_000), "no speech was found in 2.0 s", ""),
    "hiss.wav": Case(hiss, "no speech was found in 0.3 s of sound.", ""),
    "one_sample.wav": Case(lambda path: zeros(path, 1), "no speech was found in 0.0 s", ""),
    "8_khz.wav": Case(lambda path: as_wav(path, 8_000), "", SPANISH),
    "96_khz.wav": Case(lambda path: as_wav(path, 96_000, subtype="FLOAT"), "", SPANISH),
    "8_channels.wav": Case(
        lambda path: as_wav(path, 16_000, 8), "heard a mix of 8 channels", SPANISH
    ),
    "flac_inside.wav": Case(lambda path: as_wav(path, 16_000, form="FLAC"), "", SPANISH),
}
FAILED = [name for name, case in CASES.items() if case.text is None]


@pytest.fixture(scope="module")
def bad_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """One run over all of them, and the folder of its outputs."""
    folder = tmp_path_factory.mktemp("bad")
    for name, case in CASES.items():
        case.make(folder / name)
    return s2st("file", *CASES, *TEXTS, "-o", "out", cwd=folder), folder / "out"


@pytest.mark.parametrize("name", CASES)
def test_one_line_says_what_is_wrong_with_a_recording(bad_run: tuple[Ran, Path], name: str) -> None:
    ran, _ = bad_run
    about = [line for line in ran.err.splitlines() if name in line]
    complaints = [line for line in about if " -> " not in line]
    if not CASES[name].said:
        assert complaints == []
        return
    assert len(complaints) == 1
    assert CASES[name].said in complaints[0]
    assert complaints[0].startswith("s2st: ") == (name in FAILED)


@pytest.mark.parametrize("name", CASES)
def test_what_can_be_read_is_translated_and_the_rest_leaves_nothing(
    bad_run: tuple[Ran, Path], name: str
) -> None:
    _, out = bad_run
    stem, text = name.removesuffix(".wav").removesuffix(".mp3"), CASES[name].text
    written = [path for path in names(out) if path.startswith(f"{stem}.")]
    if text is None:
        assert written == []
        return
    forms = ("eng.srt", "eng.txt", "spa.srt", "spa.txt", "spa.wav")
    assert written == [f"{stem}.{form}" for form in forms]
    assert (out / f"{stem}.spa.txt").read_text(encoding="utf-8") == (text and f"{text}\n")
    cues = pysubs2.load(str(out / f"{stem}.spa.srt"), encoding="utf-8", format_="srt")
    assert [cue.plaintext for cue in cues] == [text] * bool(text)
    samples, rate_hz = soundfile.read(out / f"{stem}.spa.wav")
    assert rate_hz == 22_050
    assert bool(len(samples)) == bool(text)


def test_bad_recordings_do_not_stop_the_others_but_the_exit_code_tells(
    bad_run: tuple[Ran, Path],
) -> None:
    ran, out = bad_run
    assert ran.code == 1
    assert len(ran.complaints) == len(FAILED)
    assert "Traceback" not in ran.err
    assert len(names(out)) == 5 * (len(CASES) - len(FAILED))


def test_a_truncated_recording_alone_fails_and_a_silent_one_does_not(tmp_path: Path) -> None:
    CASES["truncated.wav"].make(tmp_path / "cut.wav")
    ran = inside("file", tmp_path / "cut.wav", "--tgt", "spa", "--format", "txt")
    assert (ran.code, ran.out) == (1, f"{SPANISH}\n")
    # It is not finished: the next run says again that something is missing.
    again = inside("file", tmp_path / "cut.wav", "--tgt", "spa", "--format", "txt", "--resume")
    assert (again.code, again.out) == (1, ran.out)
    zeros(tmp_path / "silent.wav", 16_000)
    ran = inside("file", tmp_path / "silent.wav", "--tgt", "spa", "--format", "txt", "--quiet")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines() == [
        f"{tmp_path}/silent.wav: no speech was found in 1.0 s of sound."
    ]


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        (b"", "standard input is empty (0 bytes)"),
        (b"\0\1\2 nonsense" * 999, "standard input is not audio or video that can be read"),
    ],
)
def test_standard_input_can_be_bad_as_well(tmp_path: Path, stdin: bytes, said: str) -> None:
    ran = s2st("file", "-", "--tgt", "spa", stdin=stdin, cwd=tmp_path)
    assert ran.code == 1
    (line,) = ran.complaints
    assert said in line
    assert names(tmp_path) == []


HEADER = ("id", "audio", "src_lang", "tgt_lang")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (columns(("id", "sound"), ("a", "a.wav")), "has no column 'audio'; it has: id, sound."),
        (columns(HEADER, ("a", "a.wav", "eng")), "line 2: 3 fields where the header has 4"),
        (
            columns(HEADER, ("a", "a.wav", "eng", "spa"), ("a", "b.wav", "eng", "spa")),
            "line 3: the id 'a' stands in line 2 already",
        ),
        (columns(HEADER, ("../a", "a.wav", "eng", "spa")), "line 2: the id '../a' cannot name"),
        (columns(HEADER, ("a", "/etc/passwd", "eng", "spa")), "leads out of"),
        (columns(HEADER), "has a header and no rows"),
        (b"", "is empty"),
        (b"id\taudio\n\xff\ta.wav\n", "line 2: this is not UTF-8"),
        (None, "does not exist"),
    ],
)
def test_a_bad_manifest_is_one_line_and_exit_code_2(
    tmp_path: Path, data: bytes | None, said: str
) -> None:
    if data is not None:
        (tmp_path / "m.tsv").write_bytes(data)
    ran = inside("file", tmp_path / "m.tsv", "-o", tmp_path / "out")
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert line.startswith("s2st: ")
    assert said in line
    assert not (tmp_path / "out").exists()


def test_a_manifest_of_windows_is_read_and_a_missing_recording_stops_no_other(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.wav").write_bytes(SHORT.read_bytes())
    rows = (HEADER, ("x", "none.wav", "", ""), ("y", "a.wav", "eng", "spa"))
    (tmp_path / "m.tsv").write_bytes(b"\xef\xbb\xbf" + columns(*rows, end="\r\n"))
    ran = inside("file", tmp_path / "m.tsv", "--format", "txt")
    assert ran.code == 1
    (line,) = ran.complaints
    assert f"{tmp_path}/none.wav does not exist" in line
    assert names(tmp_path) == ["a.wav", "m.tsv", "y.eng.txt", "y.spa.txt"]

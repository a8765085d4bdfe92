"""Which languages and engine a run takes, and what it says of that."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from audio_io.errors import UsageError
from cli.file.command import FileOptions
from cli.file.plan import assemble
from tests.cli.running import SHORT, TWO, columns, inside
from tests.fakes import DATA

M4T = ("--engine", "m4t", "--model-dir", DATA / "m4t")


def outputs(*words: object) -> list[str]:
    ran = inside("file", *words, "--dry-run", "--json", "--format", "txt")
    assert ran.code == 0, ran.err
    plans = [json.loads(line) for line in ran.out.splitlines()]
    return [Path(path).name for plan in plans for path in plan["outputs"]]


def notes(*words: object) -> str:
    return inside("file", *words, "--dry-run").err


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "m.tsv"
    (tmp_path / "a.wav").write_bytes(SHORT.read_bytes())
    rows = (("id", "audio", "tgt_lang"), ("x", "a.wav", "cat"), ("y", "a.wav", ""))
    path.write_bytes(columns(*rows))
    return path


def test_english_goes_to_spanish_and_that_is_said() -> None:
    assert outputs(SHORT) == ["short.spa.txt", "short.eng.txt"]
    said = notes(SHORT).splitlines()
    assert said[:2] == [
        "--src not given: taking English (eng)",
        "--tgt not given: taking Spanish (spa)",
    ]
    assert said[2].startswith("engine: cascade (the first that covers English to Spanish)")


def test_the_configured_languages_are_taken_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.toml"
    path.write_text('src = "eng"\ntgt = ["cat", "ita"]\n')
    monkeypatch.setenv("S2ST_CONFIG", str(path))
    assert outputs(SHORT) == ["short.cat.txt", "short.ita.txt", "short.eng.txt"]
    assert "--tgt not given: taking Catalan (cat) and Italian (ita)" in notes(SHORT)
    assert outputs(SHORT, "--tgt", "fra") == ["short.fra.txt", "short.eng.txt"]
    assert "--tgt not given" not in notes(SHORT, "--tgt", "fra")


def test_the_command_line_wins_over_a_row_and_a_row_over_the_configuration(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outputs(manifest) == ["x.cat.txt", "x.eng.txt", "y.spa.txt", "y.eng.txt"]
    monkeypatch.setenv("S2ST_TGT", "epo")
    assert outputs(manifest) == ["x.cat.txt", "x.eng.txt", "y.epo.txt", "y.eng.txt"]
    of_all = outputs(manifest, "--tgt", "fra")
    assert of_all == ["x.fra.txt", "x.eng.txt", "y.fra.txt", "y.eng.txt"]


def test_a_row_that_cannot_be_done_is_refused_alone(manifest: Path) -> None:
    rows = (("id", "audio", "src_lang"), ("x", "a.wav", "fra"), ("y", "a.wav", "eng"))
    manifest.write_bytes(columns(*rows))
    ran = inside("file", manifest, "--dry-run", "--json")
    states = [json.loads(line)["state"] for line in ran.out.splitlines()]
    assert (ran.code, states) == (1, ["refused", "to do"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--src", "bre"], "the draft engine 'cascade' hears only English, not Breton (bre)"),
        (["--tgt", "bre"], "not Breton (bre)"),
        (["--engine", "cascade", "--src", "deu"], "hears only English, not German (deu)"),
        (["--tgt", "klingon"], "No language is called 'klingon'"),
        (["--src", "spnish"], "No language is called 'spnish'"),
        (
            ["--engine", "nope"],
            "No engine is called 'nope'. There is: auto, cascade, seamless, m4t.",
        ),
        (["--format", "wav,mp9"], "No format is called 'mp9'. There is: wav, srt,"),
        (["--format", ","], "No format is called ''"),
        (["--resume", "--overwrite"], "--resume keeps what --overwrite replaces"),
        (["--audio-root", "."], "--audio-root is the folder of a manifest's recordings"),
        (["ftp://example.org/a.mp3"], "'ftp://example.org/a.mp3' is an address of a kind that"),
        (["--rate", "16000"], "--rate is for raw sound on standard input"),
        (["--mix-original", "-18", "--format", "srt"], "--mix-original needs the format wav"),
        (["--timeline", "--format", "txt"], "--timeline places speech. Add wav to --format."),
        (["--timeline", "--tgt", "eng", "--format", "wav,txt"], "nothing is spoken here"),
        (["--partials", "--format", "srt"], "--partials go into jsonl and --json."),
        (["--vad", "nope"], "No voice detector is called 'nope'"),
        (["--no-vad"], "The engine 'cascade' hears utterances"),
        (["--vad", "nope", *M4T], "No voice detector is called 'nope'"),
        (["--device", "banjo", *M4T], "'banjo' is no device. There is: auto, cpu"),
        (["--dtype", "fp7", *M4T], "'fp7' is no number format. There is: auto"),
        (["--agent", "gone.py"], "There is no agent file 'gone.py'."),
    ],
)
def test_what_can_never_work_is_one_line_and_exit_code_2(
    tmp_path: Path, words: list[str], said: str
) -> None:
    ran = inside("file", SHORT, "-o", tmp_path / "out", *words)
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1, ran.err
    assert said in ran.err
    assert ran.err.startswith("s2st: ")
    assert not (tmp_path / "out").exists()


def test_a_device_that_is_not_here_is_one_line_for_all_recordings(tmp_path: Path) -> None:
    ran = inside("file", SHORT, TWO, *M4T, "--device", "cuda:9", "-o", tmp_path, "--tgt", "spa")
    assert (ran.code, ran.out) == (1, "")
    (line,) = ran.err.splitlines()
    assert "There is no device 'cuda:9' here" in line


def test_speech_alone_from_a_language_to_itself_is_refused() -> None:
    wav_only = FileOptions(inputs=("a.wav",), source="eng", targets=("eng",), formats=("wav",))
    with pytest.raises(UsageError, match=r"English \(eng\) to itself is text only"):
        assemble(wav_only)


def test_a_configured_mix_gives_way_to_formats_without_sound() -> None:
    options = FileOptions(
        inputs=("a.wav",),
        targets=("spa",),
        formats=("txt",),
        mix_original_db=-18.0,
    )
    plan = assemble(options).plan
    assert (plan.mix_original_db, plan.timeline) == (None, False)
    with pytest.raises(UsageError, match="needs the format wav"):
        assemble(replace(options, given=frozenset({"mix_original_db"})))

"""`s2st file`: what its options do."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from tests.cli.running import NOTICE, SHORT, SPANISH, TWO, Ran, contents, inside, names, s2st


def test_a_single_recording_is_spoken_and_subtitled_and_its_text_shown(tmp_path: Path) -> None:
    ran = inside("file", SHORT, "--tgt", "spa", "-o", tmp_path / "new" / "folder")
    assert (ran.code, ran.out) == (0, f"{SPANISH}\n")
    assert names(tmp_path / "new" / "folder") == [
        *("short.eng.srt", "short.spa.srt", "short.spa.wav")
    ]
    assert ran.err.count(NOTICE) == 1
    assert "--src not given: taking English (eng)" in ran.err
    assert "--tgt not given" not in ran.err


def test_with_two_targets_each_line_says_its_language_and_outputs_stand_beside_the_input(
    tmp_path: Path,
) -> None:
    (tmp_path / "talk.wav").write_bytes(SHORT.read_bytes())
    words = ("--src", "en", "--tgt", "es", "--tgt", "Catalan", "--format", "txt")
    ran = inside("file", tmp_path / "talk.wav", *words)
    assert ran.out.splitlines()[0] == f"spa\t{SPANISH}"
    assert ran.out.splitlines()[1].startswith("cat\t")
    expected = ["talk.cat.txt", "talk.eng.txt", "talk.spa.txt", "talk.wav"]
    assert names(tmp_path) == expected


def test_the_source_as_only_target_is_a_transcript(tmp_path: Path) -> None:
    ran = inside("file", SHORT, "--tgt", "eng", "-o", tmp_path, "--quiet")
    assert (ran.code, ran.out) == (0, "Tomorrow we will go to the mountains.\n")
    assert names(tmp_path) == ["short.eng.srt"]


def test_any_file_name_is_taken_and_given_back(tmp_path: Path) -> None:
    stems = ("-x", "a b [1]", "naïve 日本", "q'\"$", "--tgt")
    for stem in stems:
        (tmp_path / f"{stem}.wav").write_bytes(SHORT.read_bytes())
    (tmp_path / "no suffix").write_bytes(SHORT.read_bytes())
    files = names(tmp_path)
    ran = s2st("file", "--format", "txt", "--tgt", "eng", "--", *files, cwd=tmp_path)
    assert ran.code == 0, ran.err
    made = [f"{stem}.eng.txt" for stem in (*stems, "no suffix")]
    assert names(tmp_path) == sorted([*files, *made])


def test_a_name_that_is_not_utf8_keeps_its_bytes_and_json_stays_json(tmp_path: Path) -> None:
    name = os.fsdecode(b"b\xff.wav")
    (tmp_path / name).write_bytes(SHORT.read_bytes())
    ran = s2st("file", name, "--tgt", "eng", "--format", "txt", "--json", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out.splitlines()[-1])["outputs"] == [os.fsdecode(b"b\xff.eng.txt")]
    assert os.fsdecode(b"b\xff.eng.txt") in names(tmp_path)


def test_standard_input_is_a_wav_or_raw_with_a_rate(tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(SHORT, dtype="int16")
    words = ("--tgt", "spa", "--format", "txt")
    as_wav = s2st("file", "-", *words, "-o", tmp_path / "wav", stdin=SHORT.read_bytes())
    raw = s2st(
        "file", "-", "--rate", rate_hz, *words, "-o", tmp_path / "raw", stdin=samples.tobytes()
    )
    assert (as_wav.code, as_wav.out) == (raw.code, raw.out) == (0, f"{SPANISH}\n")
    assert contents(tmp_path / "wav") == contents(tmp_path / "raw")
    assert names(tmp_path / "raw") == ["stdin.eng.txt", "stdin.spa.txt"]


@pytest.fixture(scope="module")
def with_timeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("timeline")
    words = ("--tgt", "spa", "--timeline", "--format", "wav,jsonl", "-o", out)
    assert inside("file", TWO, *words).code == 0
    return out


def spans(out: Path) -> list[tuple[float, float]]:
    lines = (out / "two_sentences.spa.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    return [(e["start_s"], e["speech_s"]) for e in events if e["type"] == "target_audio"]


def test_with_a_timeline_no_utterance_starts_before_its_source(with_timeline: Path) -> None:
    samples, rate_hz = soundfile.read(with_timeline / "two_sentences.spa.wav")
    (first_s, first_speech_s), (second_s, second_speech_s) = spans(with_timeline)
    audible_s = np.flatnonzero(np.abs(samples) > 1e-3) / rate_hz
    assert first_s <= audible_s[0] < first_s + 0.3
    first_ends_s = max(first_s + first_speech_s / 1.3, audible_s[audible_s < second_s].max())
    between_s = audible_s[(audible_s > first_ends_s + 0.01) & (audible_s < second_s)]
    assert not len(between_s)
    assert len(samples) / rate_hz >= second_s + second_speech_s / 1.3 - 0.01


def test_the_original_is_mixed_in_at_its_level_under_speech_on_the_timeline(
    with_timeline: Path, tmp_path: Path
) -> None:
    words = ("--tgt", "spa", "--mix-original", "-18", "--format", "wav", "-o", tmp_path)
    ran = inside("file", TWO, *words)
    assert ran.code == 0, ran.err
    assert names(tmp_path) == ["two_sentences.spa.wav"]
    mixed, rate_hz = soundfile.read(tmp_path / "two_sentences.spa.wav")
    speech, _ = soundfile.read(with_timeline / "two_sentences.spa.wav")
    original, original_rate_hz = soundfile.read(TWO)
    assert len(mixed) / rate_hz >= len(original) / original_rate_hz - 0.01
    length = min(len(mixed), len(speech))
    under = mixed[:length] - speech[:length]
    of_original = original[: round(length / rate_hz * original_rate_hz)]
    level_db = 10 * np.log10(np.mean(under**2) / np.mean(of_original**2))
    assert level_db == pytest.approx(-18, abs=0.5)


def test_a_dub_is_as_long_as_its_recording_and_leaves_room_above_its_peaks(tmp_path: Path) -> None:
    spoken, rate_hz = soundfile.read(SHORT)
    soundfile.write(
        tmp_path / "talk.wav", np.pad(0.99 * spoken / abs(spoken).max(), (0, 4 * rate_hz)), rate_hz
    )
    words = ("file", tmp_path / "talk.wav", "--tgt", "spa,cat", "--format", "wav", "-q")
    assert inside(*words, "--timeline", "-o", tmp_path / "alone").code == 0
    assert inside(*words, "--mix-original", "0", "-o", tmp_path / "mixed").code == 0
    for dub in (*(tmp_path / "alone").glob("*.wav"), *(tmp_path / "mixed").glob("*.wav")):
        samples, dub_rate_hz = soundfile.read(dub)
        assert len(samples) / dub_rate_hz == pytest.approx(len(spoken) / rate_hz + 4, abs=0.01)
        finer = soxr.resample(samples, dub_rate_hz, 8 * dub_rate_hz, quality="VHQ")
        assert 20 * np.log10(abs(finer).max()) < -0.9


@pytest.mark.parametrize("unclear", ["mark", "keep", "drop"])
def test_words_the_engine_is_not_sure_of_are_written_as_asked(unclear: str, tmp_path: Path) -> None:
    words = ("--tgt", "spa", "--format", "txt,srt", "--min-confidence", 0.9, "-q", "-o", tmp_path)
    assert inside("file", TWO, *words, "--unclear", unclear).code == 0
    written = [path.read_text() for path in tmp_path.glob("two*")]
    assert len(written) == 4
    assert all(("[unclear]" in text) == (unclear == "mark") for text in written)
    heard = (tmp_path / "two_sentences.eng.txt").read_text()
    assert ("Today is a" in heard) == (unclear == "keep")


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "short.eng.txt").write_text("mine")
    words = ("file", SHORT, "--tgt", "eng", "--format", "txt", "-o", tmp_path)
    refused = inside(*words)
    assert refused.code == 2
    (line,) = refused.complaints
    assert "short.eng.txt' exists already" in line
    assert "--overwrite" in line
    assert contents(tmp_path) == {"short.eng.txt": b"mine"}
    assert inside(*words, "--overwrite").code == 0
    assert contents(tmp_path) == {"short.eng.txt": b"Tomorrow we will go to the mountains.\n"}


def test_an_output_never_takes_the_place_of_an_input(tmp_path: Path) -> None:
    for name in ("a.wav", "a.spa.wav"):
        (tmp_path / name).write_bytes(SHORT.read_bytes())
    before = contents(tmp_path)
    words = ("--tgt", "spa", "--overwrite", "--format", "wav")
    ran = inside("file", tmp_path / "a.wav", tmp_path / "a.spa.wav", *words)
    assert ran.code == 2
    assert "would be written over the input" in ran.complaints[0]
    assert contents(tmp_path) == before


def test_a_manifest_is_an_input_too(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(SHORT.read_bytes())
    (tmp_path / "a.spa.tsv").write_text("audio\na.wav\n")
    ran = inside("file", tmp_path / "a.spa.tsv", "--tgt", "spa", "--overwrite", "--format", "tsv")
    assert ran.code == 2
    assert "would be written over the input" in ran.complaints[0]


def planned(ran: Ran) -> list[tuple[str, str, list[str]]]:
    plans = [json.loads(line) for line in ran.out.splitlines()]
    return [(p["input"], p["state"], [Path(o).name for o in p["outputs"]]) for p in plans]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("file", SHORT, TWO, "--tgt", "spa", "--format", "txt", "-o", out, "--dry-run")
    ran = inside(*words)
    assert ran.code == 0
    expected = f"{SHORT} -> {out}/short.spa.txt {out}/short.eng.txt"
    assert ran.out.splitlines()[0] == expected
    assert planned(inside(*words, "--json"))[1] == (
        *(str(TWO), "to do"),
        ["two_sentences.spa.txt", "two_sentences.eng.txt"],
    )
    assert inside(*words, "--quiet").err == ""
    assert not out.exists()


def test_text_is_utf8_whatever_the_terminal_says(tmp_path: Path) -> None:
    words = ("--tgt", "spa", "--format", "txt", "-o", tmp_path)
    ran = inside("file", SHORT, *words, env={"PYTHONIOENCODING": "ascii"})
    assert (ran.code, ran.out) == (0, f"{SPANISH}\n")

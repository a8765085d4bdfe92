"""The files that `s2st file` writes, read back by other programs' libraries."""

import json
from pathlib import Path

import numpy as np
import pysubs2
import pytest
import soundfile

from tests.cli.conftest import ALL_FORMATS
from tests.cli.running import NOTICE, Ran, names

STEMS = ("two_sentences", "long_sentence")
LANGUAGES = ("eng", "spa", "cat")


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_language_is_written_in_every_format_and_the_targets_are_spoken(
    whole_run: tuple[Ran, Path],
) -> None:
    ran, out = whole_run
    assert ran.code == 0, ran.err
    expected = {
        f"{stem}.{language}.{form}"
        for stem in STEMS
        for language in LANGUAGES
        for form in ALL_FORMATS.split(",")
        if (language, form) != ("eng", "wav")
    }
    assert set(names(out)) == expected


def test_with_many_files_the_notice_comes_once_and_no_text_on_standard_output(
    whole_run: tuple[Ran, Path],
) -> None:
    ran, _ = whole_run
    assert ran.err.count(NOTICE) == 1
    assert ran.out == ""
    assert ran.complaints == []


@pytest.mark.parametrize("form", ["srt", "vtt"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("stem", STEMS)
def test_subtitles_are_cues_that_people_can_read(
    whole_run: tuple[Ran, Path], stem: str, language: str, form: str
) -> None:
    _, out = whole_run
    cues = pysubs2.load(str(out / f"{stem}.{language}.{form}"), encoding="utf-8", format_=form)
    assert len(cues) >= 2
    for cue in cues:
        lines = cue.plaintext.split("\n")
        assert len(lines) <= 2
        assert all(0 < len(line) <= 42 for line in lines), lines
        assert 1000 <= cue.duration <= 7000
    assert all(a.end <= b.start for a, b in zip(cues, list(cues)[1:], strict=False))
    said = " ".join(cue.plaintext.replace("\n", " ") for cue in cues)
    text = (out / f"{stem}.{language}.txt").read_text(encoding="utf-8")
    assert said.split() == text.split()


def test_srt_cues_are_numbered_from_one_and_vtt_starts_with_its_name(
    whole_run: tuple[Ran, Path],
) -> None:
    _, out = whole_run
    cues = (out / "two_sentences.spa.srt").read_text(encoding="utf-8").strip().split("\n\n")
    assert [cue.split("\n")[0] for cue in cues] == [str(n + 1) for n in range(len(cues))]
    assert (out / "two_sentences.spa.vtt").read_bytes().startswith(b"WEBVTT\n\n")


def test_plain_text_is_one_utterance_a_line(whole_run: tuple[Ran, Path]) -> None:
    _, out = whole_run
    lines = (out / "two_sentences.spa.txt").read_text(encoding="utf-8")
    assert lines == "Buenos días.\nHoy es un día bello.\n"


def test_a_jsonl_line_is_one_event_of_its_language(whole_run: tuple[Ran, Path]) -> None:
    _, out = whole_run
    heard = [r for r in records(out / "two_sentences.eng.jsonl") if r["type"] == "source_text"]
    assert [r["text"] for r in heard] == ["Good morning.", " Today is a beautiful day."]
    said = records(out / "two_sentences.spa.jsonl")
    assert {r["type"] for r in said} == {"target_text", "target_audio", "utterance_ended"}
    texts = [r for r in said if r["type"] == "target_text"]
    assert list(texts[0]) == [
        *("type", "text", "language", "committed", "utterance", "start_s", "end_s", "confidence")
    ]
    assert [r["utterance"] for r in texts] == [0, 1]
    assert {r["language"] for r in texts} == {"spa"}
    assert all(r["committed"] is True for r in texts)
    for record in said:
        start_s, end_s = record["start_s"], record["end_s"]
        assert isinstance(start_s, float)
        assert isinstance(end_s, float)
        assert 0.0 <= start_s < end_s <= 4.1  # of the source, which lasts 4.08 s
    confidences = [r["confidence"] for r in heard]
    assert all(isinstance(c, float) and 0.0 <= c <= 1.0 for c in confidences)
    # Nobody measured how sure the translation is.
    assert [r["confidence"] for r in texts] == [None, None]


def test_a_table_has_one_row_for_each_utterance(whole_run: tuple[Ran, Path]) -> None:
    _, out = whole_run
    lines = (out / "two_sentences.cat.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    assert rows[0] == ["utterance", "start_s", "end_s", "confidence", "text"]
    assert [row[0] for row in rows[1:]] == ["0", "1"]
    texts = (out / "two_sentences.cat.txt").read_text(encoding="utf-8").splitlines()
    assert [row[4] for row in rows[1:]] == texts
    assert all(float(row[1]) < float(row[2]) for row in rows[1:])
    assert [row[3] for row in rows[1:]] == ["", ""]
    heard = (out / "two_sentences.eng.tsv").read_text(encoding="utf-8").splitlines()
    assert all(0 <= float(line.split("\t")[3]) <= 1 for line in heard[1:])


def test_speech_follows_one_utterance_after_the_other(whole_run: tuple[Ran, Path]) -> None:
    _, out = whole_run
    samples, rate_hz = soundfile.read(out / "two_sentences.spa.wav")
    spoken = [r["speech_s"] for r in records(out / "two_sentences.spa.jsonl") if "speech_s" in r]
    assert rate_hz == 22_050
    assert samples.ndim == 1
    assert np.abs(samples).max() > 0.05
    assert len(spoken) == 2
    pauses_s = len(samples) / rate_hz - sum(float(str(seconds)) for seconds in spoken)
    assert 0.0 < pauses_s < 0.5

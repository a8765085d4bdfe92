"""Talks, against OmniSTEval's own reading of SimulEval's files."""

import json
import random
from pathlib import Path

import pytest

from audio_io.errors import ManifestError
from engine.evaluation.files import instance_record
from engine.evaluation.longform import (
    NAMES,
    check_covers,
    moses_language,
    read_segmentation,
    score_talks,
)
from engine.metrics.result import ItemResult, TextOutput
from engine.metrics.scores import ScoreConfig

WORDS = ["la", "casa", "es", "muy", "grande", "y", "el", "perro", "come", "pan", "con", "agua"]


def talk(chance: random.Random, index: int, seconds: int = 60) -> ItemResult:
    """Words all along a talk, each computed a little later than the one before."""
    count = chance.randint(20, 60)
    delays = sorted(chance.uniform(500, 1000 * seconds) for _ in range(count))
    late, elapsed = 0.0, []
    for delay in delays:
        late += chance.uniform(0, 40)
        elapsed.append(delay + late)
    units = tuple(chance.choice(WORDS) for _ in delays)
    return ItemResult(
        index=index,
        id=f"talk{index}",
        audio=f"/somewhere/talk{index}.wav",
        target="spa",
        reference=None,
        source_text=None,
        source_ms=1000.0 * seconds,
        source_rate_hz=16_000,
        text=TextOutput(" ".join(units), units, tuple(delays), tuple(elapsed)),
    )


def segmentation(chance: random.Random, talks: int, folder: Path) -> tuple[Path, Path]:
    entries, references = [], []
    for index in range(talks):
        offset = chance.uniform(0, 2)
        while offset < 55:
            duration = chance.uniform(1, 6)
            entries.append({"wav": f"talk{index}.wav", "offset": offset, "duration": duration})
            references.append(" ".join(chance.choices(WORDS, k=chance.randint(2, 9))).capitalize())
            offset += duration + chance.uniform(0, 1)
    (folder / "seg.json").write_text(json.dumps(entries))
    (folder / "refs.txt").write_text("\n".join(references) + "\n")
    return folder / "seg.json", folder / "refs.txt"


@pytest.mark.parametrize("seed", range(4))
def test_random_talks_score_as_omnisteval_scores_the_files(seed: int, tmp_path: Path) -> None:
    from omnisteval import evaluate_instances, resegment
    from omnisteval.data import get_segmentation_order, load_hypothesis_jsonl, load_reference

    chance = random.Random(seed)
    talks = [talk(chance, index) for index in range(2)]
    seg, refs = segmentation(chance, 2, tmp_path)
    log = tmp_path / "instances.log"
    log.write_text("".join(json.dumps(instance_record(t, tmp_path, "word")) + "\n" for t in talks))
    words, entries, references = load_reference(str(seg), str(refs), False, False)
    written = load_hypothesis_jsonl(str(log), False, get_segmentation_order(entries), True)
    instances, _ = resegment(words, written, entries, references, lang="es")
    theirs, _, _ = evaluate_instances(instances)

    config = ScoreConfig(("BLEU", "chrF"), (), "spa", computation_aware=True)
    ours = {
        each.name: each.value
        for each in score_talks(talks, read_segmentation(seg, refs, "tgt_text"), config)[0]
    }

    assert ours["BLEU"] == pytest.approx(theirs["bleu"], abs=1e-6)
    assert ours["chrF"] == pytest.approx(theirs["chrf"], abs=1e-6)
    for name, key in NAMES.items():
        assert ours[name] == pytest.approx(theirs[key], abs=1e-6), name
        assert ours[f"{name}_CA"] == pytest.approx(theirs[f"ca_{key}"], abs=1e-6), name


def test_scoring_forks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A fork of a process that has threads or signal handlers may hang for ever.
    def fork() -> int:
        raise AssertionError("it forked")

    monkeypatch.setattr("os.fork", fork)
    chance = random.Random(0)
    seg, refs = segmentation(chance, 2, tmp_path)
    talks = [talk(chance, index) for index in range(2)]

    scores, _ = score_talks(
        talks, read_segmentation(seg, refs, "tgt_text"), ScoreConfig(("BLEU",), (), "spa")
    )

    assert scores[0].value is not None


def test_a_sentence_written_when_it_is_over_lags_by_half_of_it(tmp_path: Path) -> None:
    # Two sentences of 2 s and 4 words, each written at its end: the words of a sentence lag by
    # 2000, 1500, 1000, 500 ms. Those of the last come when the talk is over and do not count.
    units = ("uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho")
    delays = (2000.0,) * 4 + (4000.0,) * 4
    item = ItemResult(
        index=0,
        id="t",
        audio="t.wav",
        target="spa",
        reference=None,
        source_text=None,
        source_ms=4000.0,
        text=TextOutput(" ".join(units), units, delays, delays),
    )
    rows = "t.wav\t0\t2\tuno dos tres cuatro\nt.wav\t2\t2\tcinco seis siete ocho\n"
    (tmp_path / "seg.tsv").write_text("audio\toffset\tduration\ttgt_text\n" + rows)

    sentences = read_segmentation(tmp_path / "seg.tsv", None, "tgt_text")
    seen = {s.name: s for s in score_talks([item], sentences, ScoreConfig(("BLEU",), (), "spa"))[0]}

    assert seen["LongYAAL"].value == pytest.approx((2000 + 1500 + 1000 + 500) / 4)
    assert seen["BLEU"].value == pytest.approx(100.0)
    assert "Moses tokenizer es" in seen["LongYAAL"].settings


def test_a_talk_of_which_nothing_was_written_has_no_score(tmp_path: Path) -> None:
    failed = ItemResult(0, "t", "t.wav", "spa", None, None, error="it broke")

    scores, _ = score_talks([failed], [], ScoreConfig(("BLEU",), (), "spa"))

    assert all(each.value is None and each.reason for each in scores)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.yaml", "- {wav: a.wav, offset: 1}\n", "sentence 1 has no 'duration'"),
        ("a.yaml", "- {wav: a.wav, offset: x, duration: 1, tgt_text: a}\n", "are seconds"),
        ("a.yaml", "- {wav: a.wav, offset: .nan, duration: 1, tgt_text: a}\n", "are seconds"),
        ("a.yaml", "- {wav: a.wav, offset: 1, duration: 0, tgt_text: a}\n", "lasts no time"),
        ("a.yaml", "- {wav: a.wav, offset: 1, duration: 1, tgt_text: ' '}\n", "is empty"),
        ("a.yaml", "- {wav: a.wav, offset: 1, duration: 1}\n", "⟦segment_references⟧"),
        ("a.yaml", "a: 1\n", "no list of sentences"),
        ("a.yaml", "- 3\n", "no set of named values"),
        ("a.yaml", "!!python/object/apply:os.system ['true']\n", "no YAML or JSON"),
        ("a.yaml", "[" * 3000, "no YAML or JSON"),
        ("a.json", "[{]", "no YAML or JSON"),
        ("a.tsv", "audio\toffset\tduration\ttgt_text\na.wav\t1\n", "line 2: 2 fields"),
        ("a.tsv", "", "no sentences"),
    ],
)
def test_a_segmentation_that_cannot_be_is_named(
    name: str, text: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(ManifestError, match=says.replace("(", r"\(")):
        read_segmentation(tmp_path / name, None, "tgt_text")


def test_a_talk_without_sentences_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no sentence of 'b\.wav'"):
        check_covers([], ["b.wav"], tmp_path)


@pytest.mark.parametrize(("code", "name"), [("spa", "es"), ("cmn", None), ("deu", "de")])
def test_the_tokenizer_has_mosess_name(code: str, name: str | None) -> None:
    assert moses_language(code) == name

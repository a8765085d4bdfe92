"""`s2st doctor` and `s2st languages`."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.agent import StreamRequest
from engine.models.store import convert
from engine.registry import LoadOptions
from engine.seamless.spec import SPEC
from tests.cli.running import TWO, Ran, inside
from tests.fakes import DATA

TARGETS = ["cat", "epo", "fra", "glg", "ita", "por", "spa"]


def findings(ran: Ran) -> dict[str, dict[str, Any]]:
    return {record["name"]: record for record in map(json.loads, ran.out.splitlines())}


@pytest.fixture(scope="module")
def healthy() -> Ran:
    return inside("doctor", "--json")


@pytest.fixture(scope="module")
def bare() -> Ran:
    """A machine on which nothing is found."""
    return inside("doctor", env={"PATH": "/nonexistent"})


def test_doctor_tries_every_part_and_all_of_them_work(healthy: Ran) -> None:
    assert (healthy.code, healthy.err) == (0, "")
    found = findings(healthy)
    assert all(finding["works"] for finding in found.values() if finding["needed"])
    assert "buenos días" in found["translator Apertium, Spanish"]["seen"].lower()
    translators = [name for name in found if name.startswith("translator")]
    assert len(translators) == len(TARGETS)
    assert found["voice espeak-ng"]["seen"].startswith("speaks Spanish")


def test_doctor_says_the_line_to_type_for_what_is_missing(bare: Ran) -> None:
    assert bare.code == 1
    lines = [line.strip() for line in bare.out.splitlines()]
    assert any(
        line.startswith("MISSING  engine cascade: lacks Apertium (translation)") for line in lines
    )
    assert "sudo apt install apertium espeak-ng" in lines
    at = next(n for n, line in enumerate(lines) if line.startswith("MISSING  voice espeak-ng"))
    assert lines[at + 1] == "sudo apt install espeak-ng"
    at = next(n for n, line in enumerate(lines) if "MISSING  translator Apertium, Spanish" in line)
    assert lines[at + 1] == "sudo apt install apertium apertium-eng-spa"
    assert "Traceback" not in bare.out + bare.err


def test_doctor_finds_a_broken_configuration_and_goes_on(tmp_path: Path, healthy: Ran) -> None:
    (tmp_path / "config.toml").write_text("tgt = spa")
    ran = inside("doctor", "--json", env={"S2ST_CONFIG": str(tmp_path / "config.toml")})
    assert ran.code == 1
    finding = findings(ran)["configuration"]
    assert not finding["works"]
    assert "is not TOML" in finding["seen"]
    assert findings(ran).keys() == findings(healthy).keys()


def test_languages_says_what_the_engine_hears_writes_and_speaks() -> None:
    ran = inside("languages", "--json", "--engine", "cascade")
    records = [json.loads(line) for line in ran.out.splitlines()]
    assert (ran.code, {record["engine"] for record in records}) == (0, {"cascade"})
    assert [record["code"] for record in records if record["hears"]] == ["eng"]
    assert sorted(record["code"] for record in records if record["speaks"]) == TARGETS
    table = inside("languages").out
    assert all(code in table for code in TARGETS)
    assert "Spanish" in table


def test_languages_of_a_pair_says_which_engines_do_it_and_what_they_take(tmp_path: Path) -> None:
    nothing = {"S2ST_MODELS": str(tmp_path)}
    ran = inside("languages", "--src", "German", "--tgt", "eng", env=nothing)

    assert ran.code == 0
    cascade, seamless, lacks, pace = ran.out.splitlines()[:4]
    assert cascade == "cascade: hears only English, not German (deu)"
    assert seamless == "seamless: German to English, text and speech"
    assert lacks.endswith("s2st models pull seamless-streaming")
    assert pace.startswith("    is far slower than real time")
    told = inside("file", TWO, "--src", "deu", "--tgt", "eng", env=nothing).err
    assert "`s2st languages --src deu --tgt eng` compares the engines" in told


@pytest.mark.parametrize(
    ("words", "ready", "does"),
    [
        ("--src eng --tgt spa,glg", True, "English to Spanish and Galician, text and speech"),
        ("--src eng --tgt eng", True, "English to English, text"),
        ("--src eng", True, "English to 7 languages"),
        ("--tgt zul", False, ""),
        ("--src auto --tgt spa", False, ""),
    ],
)
def test_languages_of_what_is_half_said(words: str, ready: bool, does: str) -> None:
    ran = inside("languages", "--json", "--engine", "cascade", *words.split())

    [record] = map(json.loads, ran.out.splitlines())
    assert (record["ready"], bool(record["why_not"])) == (ready, not ready)
    assert record["does"].startswith(does)


def test_languages_of_an_unknown_engine_is_a_usage_error() -> None:
    ran = inside("languages", "--engine", "nope")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "s2st: No engine is called 'nope'. There is: cascade, seamless, m4t.\n"


def test_doctor_looks_at_weights_that_are_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S2ST_MODELS", str(tmp_path))
    assert list(SPEC.findings()) == []
    model = convert(DATA / "seamless", tmp_path / "seamless-streaming", progress=lambda _: None)
    (whole,) = SPEC.findings()
    assert whole.works
    assert "as long as they were; on " in whole.seen
    largest = max(model.iterdir(), key=lambda path: path.stat().st_size)
    with largest.open("r+b") as file:
        file.truncate(1000)
    assert list(SPEC.findings()) == []
    request = StreamRequest("eng", ("spa",))
    (cut,) = SPEC.missing(request, LoadOptions())
    assert f"'{largest.name}' is not as long as it was" in cut.what
    again = "s2st models rm seamless-streaming && s2st models pull seamless-streaming"
    assert cut.remedy == again
    manifest = json.loads((model / "manifest.json").read_text())
    del manifest["files"][0]["size_bytes"]
    for broken in (json.dumps(manifest), "{", '{"files": [3]}'):
        (model / "manifest.json").write_text(broken)
        (lost,) = SPEC.missing(request, LoadOptions())
        assert f"'{model}' is none of our models" in lost.what
        assert lost.remedy.startswith(f"mv '{model}' '{model}.old' && s2st models pull")

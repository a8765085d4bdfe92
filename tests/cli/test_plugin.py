"""An engine of another package, really installed: it is as good as one of ours."""

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from audio_io.chunk import AudioChunk, Boundary, silence
from audio_io.errors import UsageError
from engine.agent import StreamRequest, Task
from engine.events import TargetText
from engine.registry import EngineSpec, LoadOptions, SettingError, choose_engine
from tests.cli.running import Ran, s2st
from tests.fakes import DATA

TO_SPANISH = StreamRequest("eng", ("spa",), Task.S2TT)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the package was installed."""
    source = tmp_path_factory.mktemp("plugin") / "source"
    shutil.copytree(DATA / "plugin", source)  # installing leaves files in it
    folder = source.with_name("installed")
    words = ("install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation")
    subprocess.run(
        [sys.executable, "-m", "pip", *words, "--target", folder, source], check=True, cwd=source
    )
    return folder


@pytest.fixture
def parrot(installed: Path, monkeypatch: pytest.MonkeyPatch) -> EngineSpec:
    monkeypatch.syspath_prepend(str(installed))
    return choose_engine("parrot", TO_SPANISH).spec


def typed(installed: Path, *words: object) -> Ran:
    return s2st(*words, env={"PYTHONPATH": str(installed), "S2ST_MODELS": str(installed / "none")})


def said(spec: EngineSpec, values: dict[str, object]) -> list[str]:
    agent = spec.load(LoadOptions())
    request = StreamRequest("eng", ("spa",), Task.S2TT, policy=spec.policy("file", values))
    chunk = AudioChunk(silence(1600), 16_000, 0, boundary=Boundary.STREAM)
    events = agent.step(chunk, agent.new_state(request))
    return [event.text for event in events if isinstance(event, TargetText)]


def test_a_setting_of_its_own_changes_what_it_says(parrot: EngineSpec) -> None:
    assert said(parrot, {}) == ["loro"]
    assert said(parrot, {"times": 3}) == ["loro loro loro"]
    with pytest.raises(UsageError, match="'parrot' cannot do that: times is at least 1"):
        parrot.policy("file", {"times": 0})
    with pytest.raises(SettingError) as caught:
        parrot.policy("file", {"window_s": 3.0})
    assert str(caught.value) == "⟦window_s⟧ means nothing to the engine 'parrot'."
    assert repr(pickle.loads(pickle.dumps(caught.value))) == repr(caught.value)


def test_its_model_is_listed_and_converted_its_own_way(installed: Path, tmp_path: Path) -> None:
    rows = [
        json.loads(line)
        for line in typed(installed, "models", "list", "--json").out.split("\n")[:-1]
    ]
    assert [row["name"] for row in rows][-1] == "parrot-words"
    assert rows[-1]["licence"] == "free as a bird"
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    (source / "config.json").write_text('{"format": "parrot"}')
    (source / "words.txt").write_text("loro")
    ran = typed(installed, "models", "convert", source, "-o", out)
    assert (ran.code, ran.err) == (0, f"converting words.txt\nConverted: {out}\n")
    assert (out / "words.txt").read_text() == "LORO"
    (source / "config.json").write_text('{"format": "mute"}')
    ran = typed(installed, "models", "convert", source, "-o", tmp_path / "other")
    assert ran.code == 1
    assert "There is: seamless-streaming, seamless-m4t-v2, parrot." in ran.err


def test_the_doctor_shows_its_checks_and_languages_its_languages(installed: Path) -> None:
    lines = typed(installed, "doctor").out.splitlines()
    assert "ok       engine parrot: says one word" in lines
    assert lines[-1] == "ok       beak of parrot: opens and closes"
    listed = typed(installed, "languages", "--engine", "parrot", "--json").out
    assert [json.loads(line)["code"] for line in listed.splitlines()] == ["eng", "spa"]


def test_its_setting_is_an_option_that_reaches_it(installed: Path, tmp_path: Path) -> None:
    words = ("--engine", "parrot", "--format", "txt", "-o", tmp_path, "--quiet")
    ran = typed(installed, "file", DATA / "short.wav", "--times", 2, *words)
    assert ran.code == 0, ran.err
    assert (tmp_path / "short.spa.txt").read_text(encoding="utf-8").strip() == "loro loro"
    assert "How often the word is said" in typed(installed, "file", "--help").out

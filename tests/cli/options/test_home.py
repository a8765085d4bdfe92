"""`~` stands for the home folder in whatever names a file, however it was said."""

from pathlib import Path

import pytest

from tests.cli.running import SHORT, inside
from tests.fakes import DATA

COUNTER = DATA / "agents" / "counter.py"
NOWHERE = {
    "file ~/none.wav --format txt": "/none.wav does not exist",
    "file --agent=~/none.py ~/a.wav --format txt": "There is no agent file '{home}/none.py'",
    f"file --agent={COUNTER} --agent-python=~/none ~/a.wav --format txt": "'{home}/none' cannot be",
    "file ~/a.wav --engine m4t --model-dir=~/none": "The model folder '{home}/none' does not exist",
    "live --input=~/none.wav": "{home}/none.wav does not exist",
    "evaluate --compare ~/x ~/y": "'{home}/x' holds no finished evaluation",
    "evaluate --data-file=~/none.tsv": "{home}/none.tsv does not exist",
    "models convert --output=~/none ~/x": "'{home}/x' is no folder",
}
"""What is typed, and what is said of it."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "a.wav").write_bytes(SHORT.read_bytes())
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("typed", NOWHERE)
def test_every_option_that_names_a_file_takes_it(typed: str, home: Path) -> None:
    ran = inside(*typed.split())
    assert ran.code in (1, 2)
    (line,) = ran.complaints
    assert NOWHERE[typed].format(home=home) in line
    assert "~" not in line


@pytest.mark.parametrize("said_by", ["option", "variable", "file"])
def test_results_go_home(said_by: str, home: Path, tmp_path: Path) -> None:
    words: tuple[str, ...] = ()
    env = {}
    if said_by == "option":
        words = ("--output=~/out",)
    elif said_by == "variable":
        env = {"S2ST_OUTPUT": "~/out"}
    else:
        (home / "config.toml").write_text('[file]\noutput = "~/out"\n')
        env = {"S2ST_CONFIG": "~/config.toml"}
    ran = inside("file", "~/*.wav", "--tgt", "eng", "--format", "txt", *words, env=env)
    assert (ran.code, ran.complaints) == (0, [])
    assert (home / "out" / "a.eng.txt").is_file()
    assert not (tmp_path / "~").exists()


@pytest.mark.usefixtures("home")
def test_a_name_that_only_begins_so_is_a_name() -> None:
    Path("~a.wav").write_bytes(SHORT.read_bytes())
    assert inside("file", "~a.wav", "--tgt", "eng", "--format", "txt").code == 0
    assert Path("~a.eng.txt").is_file()

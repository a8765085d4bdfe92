import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHELL_SCRIPTS = [
    path
    for path in [*(ROOT / "scripts").iterdir(), ROOT / ".ci" / "run"]
    if path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env bash")
]


@pytest.mark.parametrize("path", SHELL_SCRIPTS, ids=lambda path: path.name)
def test_a_script_can_be_run_and_bash_understands_it(path: Path) -> None:
    assert os.access(path, os.X_OK)
    subprocess.run(["bash", "-n", path], check=True)


def test_what_sets_up_names_no_address_and_no_folder_of_one_machine() -> None:
    for path in [*SHELL_SCRIPTS, ROOT / "constraints.txt"]:
        text = path.read_text(encoding="utf-8")
        assert "://" not in text, path
        assert not re.search(r"index-url|find-links|/home/|/root/|/Users/", text), path


def test_every_requirement_has_exactly_one_tested_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    names = [re.fullmatch(r"([a-z0-9-]+)==[0-9][0-9.]*", pin) for pin in pins]
    pinned = [name[1] for name in names if name]
    assert len(pinned) == len(pins) == len(set(pinned))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [project["dependencies"], *project["optional-dependencies"].values()]
    for requirement in (requirement for listed in wanted for requirement in listed):
        name = re.split(r"[^A-Za-z0-9-]", requirement)[0]
        assert name == project["name"] or name.lower() in pinned, requirement


def test_an_unknown_extra_is_refused_before_anything_is_made() -> None:
    ran = subprocess.run(
        [ROOT / "scripts" / "setup", "no-such-extra"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (
        1,
        "setup: pyproject.toml has no extra 'no-such-extra'\n",
    )

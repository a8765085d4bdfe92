"""The wheel, built and installed away from the repository, among files of other people's."""

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests.cli.running import copies, names

ROOT = Path(__file__).parent.parent
BUILT_OF = ("s2st", "cli", "engine", "audio_io", "pyproject.toml", "README.md", "LICENSE")
BREAKS = "raise ImportError('this is not the module that was meant')\n"


def run(*words: object, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [*map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | (env or {}),
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def new_enough(package: str, least: int) -> bool:
    try:
        return int(version(package).split(".")[0]) >= least
    except PackageNotFoundError:
        return False


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs of a Python in which the wheel is installed; the packages it needs are ours."""
    if not new_enough("setuptools", 77):
        pytest.skip("no setuptools here that can build the wheel")
    folder = tmp_path_factory.mktemp("wheel")
    tree, venv = folder / "tree", folder / "venv"
    tree.mkdir()
    for name in BUILT_OF:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, tree / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, tree)
    pip = (sys.executable, "-m", "pip", "-q", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, tree, cwd=folder)
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=folder)
    [wheel] = folder.glob("*.whl")
    python = venv / "bin" / "python"
    run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    [site] = venv.glob("lib/python*/site-packages")
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return venv / "bin"


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A folder in which other modules have the names of ours."""
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "__init__.py").write_text(BREAKS)
    (tmp_path / "engine.py").write_text(BREAKS)
    (tmp_path / "audio_io.py").write_text(BREAKS)
    return tmp_path


def test_it_says_that_it_is_typed_and_which_version_it_is(installed: Path, tmp_path: Path) -> None:
    [site] = installed.parent.glob("lib/python*/site-packages")
    for room in ("s2st", "cli", "engine", "audio_io"):
        assert (site / room / "py.typed").is_file()
    asked = "import s2st; print(s2st.__version__, s2st.__file__)"
    number, where = run(installed / "python", "-c", asked, cwd=tmp_path).split()
    assert Path(where).is_relative_to(site)
    assert run(installed / "python", "-m", "s2st", "--version", cwd=tmp_path) == f"s2st {number}\n"


def test_it_names_no_script_that_only_a_clone_has(installed: Path, tmp_path: Path) -> None:
    said = run(installed / "s2st", "doctor", "--json", cwd=tmp_path)
    assert "pip install 's2st[silero]'" in said
    assert "scripts/" not in said


def test_modules_of_the_same_names_do_not_come_before_ours(installed: Path, crowded: Path) -> None:
    # These are only found where the current folder is looked into.
    for name in ("random", "signal", "typing", "socket"):
        (crowded / f"{name}.py").write_text(BREAKS)
    recordings = copies(crowded / "in", 2)
    words = ("file", recordings, "--tgt", "spa", "-o", "out", "--jobs", 2, "--format", "txt")
    run(installed / "python", "-m", "s2st", *words, cwd=crowded)
    assert names(crowded / "out") == ["0.eng.txt", "0.spa.txt", "1.eng.txt", "1.spa.txt"]
    assert "s2st" in run(installed / "s2st", "--version", cwd=crowded)


def test_nor_do_those_that_pythonpath_names(installed: Path, crowded: Path) -> None:
    recordings = copies(crowded / "in", 2)
    run(
        *(installed / "s2st", "file", recordings, "--tgt", "eng", "-o", "out", "--jobs", 2),
        cwd=crowded,
        env={"PYTHONPATH": str(crowded)},
    )
    assert names(crowded / "out") == ["0.eng.srt", "1.eng.srt"]

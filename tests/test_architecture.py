"""The direction of imports, and a light start."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {
    "cli": {"cli", "engine", "audio_io"},
    "engine": {"engine", "audio_io"},
    "audio_io": {"audio_io"},
}
ENGINES = {"cascade", "m4t", "seamless"}
HEAVY = [
    *("numpy", "rich.live", "rich.progress", "torch", "transformers", "faster_whisper", "av"),
    *("soundfile", "soxr", "pocketsphinx", "sounddevice", "fastapi", "onnxruntime"),
]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports name their room"
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    files = list((ROOT / room).rglob("*.py"))
    assert files
    for path in files:
        reached = {name.split(".")[0] for name in imports(path)} & set(ROOMS)
        assert reached <= ROOMS[room], path


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_no_engine_is_imported_by_its_name_outside_its_own_room(engine: str) -> None:
    for path in [*(ROOT / "engine").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]:
        if path.is_relative_to(ROOT / "engine" / engine):
            continue
        assert not [name for name in imports(path) if name.startswith(f"engine.{engine}")], path


@pytest.mark.parametrize(
    "words",
    ["--help", "file --help", "live --help", "devices --help", "--version", "config --path"],
)
def test_starting_the_command_loads_nothing_heavy(words: str) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['s2st', *{words.split()!r}]\n"
        "from cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as left:\n    assert not left.code, left.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.stderr.splitlines()[-1:] == ["[]"], done.stderr

"""The walls of the house: who imports whom, what lies loose, and a light start."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import s2st

ROOT = Path(__file__).parent.parent
ROOMS = {
    "s2st": {"s2st", "cli"},
    "cli": {"cli", "engine", "audio_io"},
    "engine": {"engine", "audio_io"},
    "audio_io": {"audio_io"},
}
HALLS = {
    "engine": {"agent", "errors", "events", "languages", "session", "stepper", "voice"},
    "cli": {"config", "devices", "doctor", "languages", "main", "models"},
}
"""What lies loose in a room, apart from folders."""
MOST_FILES = {"audio_io": 42, "engine/seamless": 20, "engine/m4t": 24}
"""Of these folders; of others 12."""
SHARED = {"options", "terminal"}
"""The folders of `cli` that are no commands."""
HEAVY = [
    *("numpy", "rich.live", "rich.progress", "torch", "transformers", "faster_whisper", "av"),
    *("soundfile", "soxr", "pocketsphinx", "sounddevice", "fastapi", "onnxruntime"),
]
OPTION = re.compile("--([a-z]|$)")
OPTIONS_OF_OTHERS = {
    "audio_io/portaudio.py": 1,
    "engine/cascade/asr/pocketsphinx.py": 1,
    "engine/cascade/tts/espeak.py": 4,
    "engine/simuleval/bridge.py": 5,
    "engine/simuleval/worker.py": 3,
}
"""Strings that name options all the same: those of other programs, and whole command lines."""
DOTTED = re.compile(r"((?:cli|engine|audio_io)(?:\.\w+)+):(\w+(?:\.\w+)*)")
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
FOLDERS = sorted({path.parent for path in FILES})


def is_for_types(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def imports(path: Path) -> Iterator[str]:
    """What a file imports, at its top or late; not what only a checker of types does."""
    left: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while left:
        node = left.pop()
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports name their room"
            yield from (f"{node.module}.{name.name}" for name in node.names)
        left += [] if is_for_types(node) else ast.iter_child_nodes(node)


def folder_of(name: str) -> Path | None:
    """The folder that what is imported by this name lies in; None for what is not ours."""
    parts = name.split(".")
    for count in range(len(parts) if parts[0] in ROOMS else 0, 0, -1):
        path = ROOT.joinpath(*parts[:count])
        if path.is_dir():
            return path
        if path.with_suffix(".py").is_file():
            return path.parent
    return None


def loose(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.py")} - {"__init__"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    files = [path for path in FILES if path.is_relative_to(ROOT / room)]
    assert files
    for path in files:
        reached = {name.split(".")[0] for name in imports(path)} & set(ROOMS)
        assert reached <= ROOMS[room], path


def test_a_folder_with_a_spec_is_an_engine_and_nobody_else_imports_it() -> None:
    engines = [path.parent for path in FILES if path.name == "spec.py"]
    engines.remove(ROOT / "engine" / "registry")
    assert {engine.name for engine in engines} >= {"cascade", "m4t", "seamless"}
    for path in FILES:
        for name in imports(path):
            folder = folder_of(name)
            for engine in engines:
                if folder is not None and folder.is_relative_to(engine):
                    assert path.is_relative_to(engine), f"{path} imports {name}"


def test_no_folder_holds_more_files_than_one_can_look_over() -> None:
    for folder in FOLDERS:
        most = MOST_FILES.get(folder.relative_to(ROOT).as_posix(), 12)
        assert len(loose(folder)) <= most, folder


@pytest.mark.parametrize("room", HALLS)
def test_what_lies_loose_in_a_room_is_what_everybody_uses(room: str) -> None:
    assert {*loose(ROOT / room)} == HALLS[room]


def test_folders_do_not_import_each_other_in_circles() -> None:
    below: dict[Path, set[Path]] = defaultdict(set)
    for path in FILES:
        for folder in map(folder_of, imports(path)):
            below[path.parent] |= set() if folder is None else {folder}
        below[path.parent].discard(path.parent)
    TopologicalSorter(below).prepare()  # raises where there is no order, and names the circle


def test_a_command_imports_no_other_command() -> None:
    commands = {folder for folder in FOLDERS if folder.parent == ROOT / "cli"}
    commands -= {ROOT / "cli" / name for name in SHARED}
    for path in FILES:
        inside = {path.parent, *path.parents} & commands
        for name in imports(path) if path.parent != ROOT / "cli" else ():
            folder = folder_of(name)
            reached = set() if folder is None else {folder, *folder.parents} & commands
            assert reached <= inside, f"{path} imports {name}"


def defined(tree: ast.Module | ast.ClassDef) -> Iterator[tuple[str, ast.stmt]]:
    """What a module or a class defines or imports, by name."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.ImportFrom):
            yield from ((each.asname or each.name, node) for each in node.names)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((each.id, node) for each in targets if isinstance(each, ast.Name))


def test_every_dotted_string_names_something() -> None:
    found = 0
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                continue
            dotted = DOTTED.fullmatch(node.value)
            if dotted is None:
                continue
            # Read, not imported: some take packages that are not here.
            module = ROOT.joinpath(*dotted[1].split(".")).with_suffix(".py")
            there: ast.AST = ast.parse(module.read_text(encoding="utf-8"))
            for name in dotted[2].split("."):
                assert isinstance(there, ast.Module | ast.ClassDef), f"{path}: {node.value}"
                names = dict(defined(there))
                assert name in names, f"{path}: {node.value}"
                there = names[name]
            found += 1
    assert found


def strings(tree: ast.Module) -> Iterator[str]:
    """All that are no docstrings."""
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


def test_the_package_takes_the_parts_of_the_program_from_beside_itself() -> None:
    assert set(ROOMS) - {"s2st"} == s2st.ROOMS
    assert Path(s2st.ROOT) == ROOT


def test_messages_below_the_doors_name_no_option_of_the_command_line() -> None:
    found: dict[str, int] = {}
    for path in FILES:
        if not any(path.is_relative_to(ROOT / room) for room in ("s2st", "cli")):
            said = [*filter(OPTION.search, strings(ast.parse(path.read_text(encoding="utf-8"))))]
            found |= {path.relative_to(ROOT).as_posix(): len(said)} if said else {}
    assert found == OPTIONS_OF_OTHERS


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

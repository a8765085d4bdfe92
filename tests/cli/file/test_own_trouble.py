"""What the file system says of one recording is that recording's alone."""

from pathlib import Path

import pytest

from tests.cli.running import SHORT, SPANISH, Ran, hiss, inside, names

STEMS = ["x" * 239 + "a", "x" * 250 + "a", "x" * 250 + "b", "é" * 125, "last"]
"""The longest leave no room for what is added to them."""
TROUBLE = {
    "loop.wav": ("loop.wav", "Too many levels of symbolic links"),
    "memory.wav": ("/proc/self/mem", "Input/output error"),
    "below.wav": (f"{SHORT}/below", "does not exist: part of its path is a file"),
    "long.wav": ("y" * 300, "does not exist: the name is too long"),
}
"""Links, and what is said of them."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    folder = tmp_path_factory.mktemp("trouble")
    (folder / "in").mkdir()
    for number, stem in enumerate(STEMS):
        (folder / "in" / f"{stem}.wav").write_bytes(SHORT.read_bytes())
        if number % 2:
            hiss(folder / "in" / f"{stem}.wav")
    for name, (target, _) in TROUBLE.items():
        (folder / "in" / name).symlink_to(target)
    words = ("--tgt", "spa", "--format", "wav,txt,jsonl", "-o", folder / "out")
    return inside("file", folder / "in", *words), folder


def test_each_says_one_line_and_stops_no_other(run: tuple[Ran, Path]) -> None:
    ran, _ = run
    assert ran.code == 1
    assert len(ran.complaints) == len(TROUBLE)
    for name, (_, said) in TROUBLE.items():
        (line,) = [line for line in ran.complaints if f"/{name}" in line]
        assert said in line
    assert "report it" not in ran.err


def test_names_that_had_to_be_cut_are_not_mixed_up(run: tuple[Ran, Path]) -> None:
    _, folder = run
    written = names(folder / "out")
    assert len(written) == 5 * len(STEMS)
    texts = [path.read_text() for path in (folder / "out").glob("*.spa.txt")]
    assert sorted(texts) == ["", "", f"{SPANISH}\n", f"{SPANISH}\n", f"{SPANISH}\n"]
    for name in written:
        is_wav = (folder / "out" / name).read_bytes()[:4] == b"RIFF"
        assert is_wav == name.endswith(".wav"), name


def test_what_is_finished_is_found_again_beside_those(run: tuple[Ran, Path]) -> None:
    _, folder = run
    words = ("--tgt", "spa", "--format", "wav,txt,jsonl", "-o", folder / "out", "--resume")
    again = inside("file", folder / "in", *words)
    assert again.code == 1
    assert again.err.count(": finished before") == len(STEMS)
    assert len(again.complaints) == len(TROUBLE)


def test_the_same_holds_of_recordings_that_are_named_and_of_results(tmp_path: Path) -> None:
    """A name that no file can have, and a folder that is none."""
    (tmp_path / "file").touch()
    words = ("--tgt", "eng", "--format", "txt")
    named = (tmp_path / f"{'z' * 300}.wav", tmp_path / "file" / "a.wav", SHORT)
    ran = inside("file", *named, *words, "-o", tmp_path / "out")
    assert (ran.code, len(ran.complaints)) == (1, 2)
    assert names(tmp_path / "out") == ["short.eng.txt"]
    nowhere = inside("file", SHORT, *words, "-o", tmp_path / "file" / "out")
    assert (nowhere.code, len(nowhere.complaints)) == (1, 1)
    assert "cannot be made (Not a directory)" in nowhere.err


def test_a_name_that_would_command_a_terminal_is_spelt_out(tmp_path: Path) -> None:
    path = tmp_path / "red\x1b[31m\nname.wav"
    path.write_bytes(SHORT.read_bytes())
    ran = inside("file", path, "--tgt", "spa", "--format", "txt")
    assert ran.code == 0
    assert "red\\x1b[31m\\nname.spa.txt" in ran.err
    assert "\x1b" not in ran.err

"""A dry run and the run after it come to the same."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.running import SHORT, columns, contents, copies, inside

WORDS = ("--tgt", "eng", "--format", "txt")


def results_are_there(folder: Path) -> None:
    copies(folder, 2)
    (folder / "1.eng.txt").write_text("mine")


def a_finished_run(folder: Path) -> None:
    copies(folder, 2)
    assert inside("file", folder, *WORDS).code == 0
    (folder / "0.eng.txt").write_text("corrected")


def a_bad_recording(folder: Path) -> None:
    copies(folder, 1)
    (folder / "empty.wav").touch()
    (folder / "loop.wav").symlink_to("loop.wav")


def a_row_in_french(folder: Path) -> None:
    copies(folder, 1)
    rows = (("audio", "id", "src_lang"), ("0.wav", "a", "eng"), ("0.wav", "b", "fra"))
    (folder / "m.tsv").write_bytes(columns(*rows))


def a_file_for_a_folder(folder: Path) -> None:
    copies(folder, 1)
    (folder / "out").write_text("")


CASES: dict[str, tuple[Callable[[Path], None], str, int, list[str]]] = {
    "all is well": (lambda at: [*at.iterdir()].clear(), f"{SHORT} -o out", 0, ["to do"]),
    "a result is there": (results_are_there, ".", 2, ["to do", "exists"]),
    "it may be replaced": (results_are_there, ". --overwrite", 0, ["to do", "to do"]),
    "it is not ours": (results_are_there, ". --resume", 2, ["to do", "exists"]),
    "a run was finished": (a_finished_run, ". --resume", 0, ["finished", "finished"]),
    "it was finished otherwise": (
        a_finished_run,
        ". --resume --min-confidence 0",
        0,
        ["to do", "to do"],
    ),
    "a recording is bad": (a_bad_recording, ".", 1, ["to do", "fails", "fails"]),
    "a recording is missing": (a_bad_recording, "0.wav gone.wav", 1, ["to do", "fails"]),
    "a row is refused": (a_row_in_french, "m.tsv", 1, ["to do", "refused"]),
    "there is no such folder": (a_file_for_a_folder, "0.wav -o out/below", 1, ["fails"]),
    "the folder is a loop": (a_bad_recording, "0.wav -o loop.wav/below", 1, ["fails"]),
    "no folder is called so": (a_bad_recording, f"0.wav -o {'x' * 300}", 1, ["fails"]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_dry_run_comes_to_what_the_run_comes_to(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, typed, code, states = CASES[case]
    monkeypatch.chdir(tmp_path)
    make(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    dry = inside("file", *typed.split(), *WORDS, "--dry-run", "--json")
    assert {path.name for path in tmp_path.iterdir()} == before
    plans = [json.loads(line) for line in dry.out.splitlines()]
    run = inside("file", *typed.split(), *WORDS)
    assert [plan["state"] for plan in plans] == states
    assert (dry.code, run.code) == (code, code)
    assert [line for line in dry.complaints if "exist" in line] == [
        line for line in run.complaints if "exist" in line and " already" in line
    ]
    for plan in plans:
        error = plan.get("error", "")
        assert bool(error) == (plan["state"] in ("fails", "refused"))
        if plan["state"] == "fails" and "folder" not in error:
            assert error in run.err
    kept = {name for plan in plans for name in plan.get("kept", ())}
    assert kept == ({"0.eng.txt"} if make is a_finished_run else set())
    if kept:
        assert contents(tmp_path)["0.eng.txt"] == b"corrected"

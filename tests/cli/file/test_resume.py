"""`--resume`: the rest and only the rest is done."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.batch.journal import NEVER_FINISHED, Journal, Record, digest
from tests.cli.running import (
    JOURNAL,
    SHORT,
    Running,
    contents,
    copies,
    hiss,
    inside,
    names,
    parts,
    s2st,
    until,
)

WORDS = ("--tgt", "spa", "--format", "txt,srt")
EVERY = ("eng.srt", "eng.txt", "spa.srt", "spa.txt")
FILES = ["a.wav", "b.wav", "c.wav"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recordings, all translated to `out`."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "in").mkdir()
    for name in FILES:
        hiss(folder / "in" / name)
    (folder / "in" / "b.wav").write_bytes(SHORT.read_bytes())
    assert s2st("file", "in", "-o", "out", *WORDS, cwd=folder).code == 0
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def modified(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_mtime_ns for name in names(folder)}


def to_do(*words: object) -> list[str]:
    ran = inside("file", "in", "-o", "out", *(words or WORDS), "--resume", "--dry-run", "--json")
    assert ran.code == 0, ran.err
    plans = [json.loads(line) for line in ran.out.splitlines()]
    assert {plan["state"] for plan in plans} <= {"to do", "finished"}
    return [Path(plan["input"]).name for plan in plans if plan["state"] == "to do"]


@pytest.mark.usefixtures("folder")
def test_what_is_finished_is_not_done_again() -> None:
    assert to_do() == []
    ran = inside("file", "in", "-o", "out", *WORDS, "--resume")
    assert ran.code == 0
    assert [line for line in ran.err.splitlines() if "finished before" in line] == [
        f"in/{name}: finished before" for name in FILES
    ]


@pytest.mark.usefixtures("folder")
def test_a_program_is_told_of_what_is_finished_too() -> None:
    ran = inside("file", "in", "-o", "out", *WORDS, "--resume", "--json")
    records = [json.loads(line) for line in ran.out.splitlines()]
    assert [record["type"] for record in records] == ["file_finished_before"] * len(FILES)
    assert all(Path(path).is_file() for record in records for path in record["outputs"])


def change_one_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


CHANGES: dict[str, Callable[[Path], object]] = {
    "an input of the same length": lambda at: change_one_byte(at / "in" / "b.wav"),
    "a deleted output": lambda at: (at / "out" / "b.spa.txt").unlink(),
    "an emptied output": lambda at: os.truncate(at / "out" / "b.eng.txt", 0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_has_that_recording_done_again(folder: Path, change: str) -> None:
    CHANGES[change](folder)
    assert to_do() == ["b.wav"]


def test_only_what_changed_is_written_again(folder: Path) -> None:
    expected = contents(folder / "out")
    os.truncate(folder / "out" / "b.spa.txt", 0)
    before = modified(folder / "out")
    ran = inside("file", "in", "-o", "out", *WORDS, "--resume")
    assert ran.code == 0, ran.err
    assert contents(folder / "out") == expected
    changed = {name for name, at in modified(folder / "out").items() if at != before[name]}
    assert changed == {name for name in expected if name.startswith("b.")}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "words",
    [
        ["--min-confidence", "0.5"],
        ["--tgt", "cat"],
        ["--format", "txt"],
        ["--partials"],
    ],
)
def test_a_changed_option_has_everything_done_again(words: list[str]) -> None:
    changed = [*WORDS, *words]
    if words[0] in WORDS:
        at = changed.index(words[0])
        changed = [*changed[:at], *changed[at + 2 :]]
    assert to_do(*changed) == FILES


@pytest.mark.usefixtures("folder")
def test_options_that_change_no_output_have_nothing_done_again() -> None:
    assert to_do(*WORDS, "--jobs", "2", "--quiet") == []


def test_a_name_is_not_enough(folder: Path) -> None:
    (folder / "out" / JOURNAL).unlink()
    for dry in ((), ("--dry-run",)):
        ran = inside("file", "in", "-o", "out", *WORDS, "--resume", *dry)
        assert ran.code == 2
        assert "and 11 more exist already. s2st has no record of writing it." in ran.err


def test_a_killed_run_is_finished_and_what_it_had_finished_is_not_touched(tmp_path: Path) -> None:
    copies(tmp_path / "in", 5)
    out = tmp_path / "out"
    words = ("file", tmp_path / "in", "-o", out, "--tgt", "spa", "--format", "wav,srt,txt", "-q")
    with Running(*words) as run:
        until(lambda: "1.spa.wav" in names(out) and (out / JOURNAL).read_text().count("1.spa"))
        until(lambda: any(name.startswith(".2.") for name in parts(out)))
        os.kill(run.process.pid, signal.SIGKILL)
        run.process.wait()
    left = modified(out)
    done = {name: at for name, at in left.items() if name[0] in "01"}
    assert any(name.endswith(".part") for name in left)
    assert len(done) == 2 * 5
    ran = inside(*words, "--resume")
    assert ran.code == 0, ran.err
    assert parts(out) == []
    assert {name: at for name, at in modified(out).items() if name in done} == done
    whole = contents(out)
    assert len(whole) == 5 * 5
    for name, data in whole.items():
        assert data == whole[f"0{name[1:]}"], name


def test_leftovers_of_a_killed_mix_are_gone_too(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("file", SHORT, "-o", out, "--tgt", "spa", "--mix-original", "-18", "-q")
    with Running(*words) as run:
        until(lambda: any("original" in name for name in parts(out)))
        os.kill(run.process.pid, signal.SIGKILL)
        run.process.wait()
    assert parts(out)
    assert inside(*words, "--resume").code == 0
    assert names(out) == ["short.eng.srt", "short.spa.srt", "short.spa.wav"]


def test_a_folder_run_skips_what_was_written_from_standard_input(tmp_path: Path) -> None:
    words = ("--tgt", "spa", "--format", "wav", "-q")
    assert s2st("file", "-", *words, cwd=tmp_path, stdin=SHORT.read_bytes()).code == 0
    ran = inside("file", tmp_path, "--dry-run")
    assert ran.code == 2
    assert "holds no audio or video files" in ran.complaints[0]


def test_a_run_killed_while_its_files_are_put_in_place_is_finished_by_the_next(
    folder: Path,
) -> None:
    """As SIGKILL leaves it between the first file and the last: noted as ours, not as finished."""
    out = folder / "out"
    newer = out / "b.eng.txt"
    newer.write_text("of other options")
    Journal(out).add(Record(NEVER_FINISHED, "", {"b.eng.txt": digest(newer)}))
    assert to_do() == ["b.wav"]
    assert inside("file", "in", "-o", "out", *WORDS, "--resume").code == 0
    assert to_do() == []


def test_what_a_person_corrected_is_kept_and_that_is_said(folder: Path) -> None:
    corrected = folder / "out" / "b.spa.srt"
    text = corrected.read_text().replace("montañas", "sierras")
    corrected.write_text(text)
    again = inside("file", "in", "-o", "out", *WORDS, "--resume")
    assert (again.code, again.complaints) == (0, [])
    assert "in/b.wav: finished before; b.spa.srt was changed since, and kept" in again.err
    words = ("--tgt", "spa", "--format", "txt,srt,vtt")
    told = inside("file", "in", "-o", "out", *WORDS, "--resume", "--json").out
    assert [json.loads(line).get("kept") for line in told.splitlines()] == [
        None,
        ["b.spa.srt"],
        None,
    ]
    more = inside("file", "in", "-o", "out", *words, "--resume")
    assert more.code == 0, more.err
    assert "b.wav: out/b.spa.srt was changed since s2st wrote it, and is kept as it is." in more.err
    assert "montañas" in (folder / "out" / "b.spa.vtt").read_text()
    assert corrected.read_text() == text
    rests = inside("file", "in", "-o", "out", *words, "--resume")
    assert rests.err.count("finished before") == len(FILES)
    assert inside("file", "in/b.wav", "-o", "out", *WORDS, "--overwrite").code == 0
    assert "montañas" in corrected.read_text()


@pytest.mark.usefixtures("folder")
def test_languages_in_turn_come_to_rest() -> None:
    for target in ("cat", "spa", "cat"):
        words = ("--tgt", target, "--format", "txt,srt")
        ran = inside("file", "in", "-o", "out", *words, "--resume", "-q")
        assert ran.code == 0, ran.err
        assert to_do(*words) == []
        assert to_do() == []


def test_a_recording_beside_a_finished_one_of_its_name_changes_nothing_for_that(
    folder: Path,
) -> None:
    before = modified(folder / "out")
    (folder / "in" / "b.mp3").write_bytes(SHORT.read_bytes())
    assert to_do() == ["b.mp3"]
    assert inside("file", "in", "-o", "out", *WORDS, "--resume").code == 0
    after = modified(folder / "out")
    assert {name: after[name] for name in before} == before
    assert {*after} - {*before} == {f"b.mp3.{end}" for end in EVERY}
    (folder / "in" / "b.wav").unlink()
    assert to_do() == []


def test_results_that_a_shell_names_too_are_passed_over(tmp_path: Path) -> None:
    copies(tmp_path, 2)
    words = ("--tgt", "spa", "--format", "wav")
    assert inside("file", tmp_path, *words).code == 0
    every = sorted(tmp_path.glob("*.wav"))
    assert len(every) == 4
    ran = inside("file", *every, *words, "--resume")
    assert (ran.code, ran.complaints) == (0, [])
    assert f"since s2st wrote it: {tmp_path}/0.spa.wav and 1 more" in ran.err
    assert ran.err.count("finished before") == 2
    assert names(tmp_path) == ["0.spa.wav", "0.wav", "1.spa.wav", "1.wav"]


def test_resume_does_not_replace_what_s2st_did_not_write(folder: Path) -> None:
    (folder / "own").mkdir()
    own = folder / "own" / "b.eng.srt"
    own.write_text("my own subtitles")
    ran = inside("file", "in/b.wav", "-o", "own", *WORDS, "--resume")
    assert ran.code == 2
    assert "'own/b.eng.srt' exists already. s2st has no record of writing it." in ran.err
    assert own.read_text() == "my own subtitles"


def test_the_order_of_formats_and_languages_changes_nothing(folder: Path) -> None:
    assert to_do("--tgt", "spa", "--format", "srt,txt") == []

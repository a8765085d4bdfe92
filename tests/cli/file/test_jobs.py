"""`--jobs`: several recordings at once."""

import os
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import ALL_FORMATS
from tests.cli.running import (
    LONG,
    NOTICE,
    SHORT,
    SPANISH,
    TWO,
    Ran,
    Running,
    contents,
    copies,
    inside,
    names,
    parts,
    s2st,
    until,
)


def test_two_jobs_write_the_same_bytes_as_one(whole_run: tuple[Ran, Path], tmp_path: Path) -> None:
    _, alone = whole_run
    words = ("--tgt", "spa,cat", "--format", ALL_FORMATS, "-o", tmp_path, "--jobs", 2)
    ran = inside("file", TWO, LONG, *words)
    assert ran.code == 0, ran.err
    assert ran.err.count(NOTICE) == 1
    assert contents(tmp_path) == contents(alone)


def test_a_worker_that_is_killed_fails_its_own_recording_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    copies(tmp_path / "in", 4)
    words = ("--tgt", "spa", "--mix-original", "-18", "--jobs", 2, "-o", out)
    with Running("file", tmp_path / "in", *words) as run:
        until(lambda: any("spa.wav.speech" in name for name in parts(out)))
        part = next(name for name in parts(out) if "spa.wav.speech" in name)
        stem, pid = part[1], int(part.split(".")[-2])
        os.kill(pid, signal.SIGKILL)
        ran = run.ended()
    assert ran.code == 1
    (line,) = ran.complaints
    assert f"in/{stem}.wav: The worker process died (signal 9)." in line
    rest = [number for number in "0123" if number != stem]
    expected = [f"{n}.{end}" for n in rest for end in ("eng.srt", "spa.srt", "spa.wav")]
    assert names(out) == expected


def test_bad_recordings_among_workers_are_told_like_alone(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    words = ("none.wav", "empty.wav", SHORT, "--tgt", "eng", "--format", "txt", "--jobs", "3")
    ran = s2st("file", *words, "-o", "out", cwd=tmp_path)
    assert (ran.code, ran.out) == (1, "")
    assert sorted(ran.complaints) == [
        "s2st: empty.wav is empty (0 bytes). Check where it comes from.",
        "s2st: none.wav does not exist. Check the name and the folder.",
    ]
    assert names(tmp_path / "out") == ["short.eng.txt"]


def test_standard_input_can_be_one_of_several(tmp_path: Path) -> None:
    words = ("file", "-", SHORT, TWO, "--tgt", "spa", "--format", "txt", "--jobs", 2)
    ran = s2st(*words, "-o", tmp_path, stdin=SHORT.read_bytes())
    assert (ran.code, ran.complaints) == (0, [])
    assert (tmp_path / "stdin.spa.txt").read_text(encoding="utf-8") == f"{SPANISH}\n"
    assert len(names(tmp_path)) == 6


@pytest.mark.parametrize("jobs", [1, 2])
def test_when_the_main_process_is_killed_all_that_it_started_ends(
    tmp_path: Path, jobs: int
) -> None:
    out = tmp_path / "out"
    copies(tmp_path / "in", 4, LONG)
    with Running("file", tmp_path / "in", "--tgt", "spa", "-o", out, "--jobs", jobs) as run:
        until(lambda: len(parts(out)) >= 3 * jobs)
        until(lambda: len(run.processes()) > 5)  # Apertium's are among them
        os.kill(run.process.pid, signal.SIGKILL)
        run.process.wait()
        until(lambda: not run.processes())

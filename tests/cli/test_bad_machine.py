"""What is missing, full, forbidden or dying on the machine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import S2ST, SHORT, SPANISH, Ran, copies, inside, names, s2st, small_disk

NOTHING = {"PATH": "/nonexistent"}
LT_PROC = f"""#!{sys.executable}
import os, subprocess, sys
started = os.open("@STARTED", os.O_APPEND | os.O_CREAT | os.O_RDWR)
os.write(started, b"x")
if os.fstat(started).st_size > @MOST:
    sys.exit("out of words")
pipe = subprocess.PIPE
real = subprocess.Popen(["/usr/bin/lt-proc", *sys.argv[1:]], stdin=pipe, stdout=pipe)
def pass_on(read, write):
    while (byte := os.read(read, 1)) not in (b"", b"\\0"):
        os.write(write, byte)
    os.write(write, byte)
pass_on(0, real.stdin.fileno())
pass_on(real.stdout.fileno(), 1)
"""
ESPEAK = """#!/bin/sh
echo x >> "@STARTED"
[ $(wc -l < "@STARTED") -le @MOST ] && exec /usr/bin/espeak-ng "$@"
echo "out of phonemes" >&2
exit 3
"""


def assert_failed_in_one_line(ran: Ran, *said: str) -> None:
    assert (ran.code, ran.out) == (1, "")
    (line,) = ran.complaints
    assert all(words in line for words in said), line
    assert "Traceback" not in ran.err


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """100 KB, room for the outputs of one recording but not of two."""
    try:
        with small_disk(tmp_path / "disk", "size=100k") as folder:
            yield folder
    except PermissionError as error:
        pytest.skip(str(error))


def test_a_full_disk_is_said_and_what_was_finished_before_stays_whole(
    disk: Path, tmp_path: Path
) -> None:
    copies(tmp_path / "in", 2)
    ran = s2st("file", tmp_path / "in", "--tgt", "spa", "-o", disk)
    assert_failed_in_one_line(ran, " cannot be written: the disk is full.", "Free some")
    assert names(disk) == ["0.eng.srt", "0.spa.srt", "0.spa.wav"]
    assert s2st("file", tmp_path / "in" / "0.wav", "-o", disk, "--resume", "-q").complaints == []


def test_a_read_only_disk_is_said(tmp_path: Path) -> None:
    try:
        with small_disk(tmp_path / "disk", "ro") as folder:
            ran = s2st("file", SHORT, "--tgt", "spa", "-o", folder)
    except PermissionError as error:
        pytest.skip(str(error))
    assert_failed_in_one_line(ran, "cannot be written: it is on a read-only disk.")


@pytest.mark.parametrize(
    ("out", "said"),
    [("file", "File exists"), ("file/x", "Not a directory"), ("/proc/x", "No such")],
)
def test_an_output_folder_that_cannot_be_made_is_said(tmp_path: Path, out: str, said: str) -> None:
    (tmp_path / "file").write_text("in the way")
    ran = s2st("file", SHORT, "--tgt", "spa", "-o", out, cwd=tmp_path)
    assert_failed_in_one_line(ran, f"The output folder '{out}' cannot be made ({said}", "--output")
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_folder_where_an_output_should_be_is_said_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "short.spa.srt").mkdir()
    ran = s2st("file", SHORT, "--tgt", "spa", "-o", tmp_path, "--overwrite")
    assert_failed_in_one_line(ran, "short.spa.srt cannot be written: it is a folder.")
    assert names(tmp_path) == ["short.spa.srt"]


def test_without_apertium_and_espeak_the_line_to_type_is_said(tmp_path: Path) -> None:
    ran = s2st("file", SHORT, "--tgt", "spa", "-o", tmp_path, env=NOTHING)
    expected = "Type: sudo apt install apertium espeak-ng"
    assert_failed_in_one_line(ran, "lacks Apertium (translation) and espeak-ng (speech).", expected)
    assert len(ran.err.splitlines()) == 1
    assert names(tmp_path) == []


def test_what_is_not_needed_need_not_be_installed(tmp_path: Path) -> None:
    ran = s2st("file", SHORT, "--tgt", "eng", "-o", tmp_path, "--format", "txt", env=NOTHING)
    assert (ran.code, ran.out) == (0, "Tomorrow we will go to the mountains.\n")


def fake(folder: Path, name: str, script: str, most: int) -> dict[str, str]:
    """A program that does its work `most` times and then dies, found before the real one. Each
    start leaves a byte or a line in `started`."""
    if not shutil.which(name, path="/usr/bin"):
        pytest.skip(f"/usr/bin/{name} is not there to be imitated")
    folder.mkdir()
    told = script.replace("@STARTED", str(folder / "started")).replace("@MOST", str(most))
    (folder / name).write_text(told)
    (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_a_voice_that_dies_fails_the_recording_it_had(tmp_path: Path) -> None:
    env = fake(tmp_path / "bin", "espeak-ng", ESPEAK, most=1)
    copies(tmp_path / "in", 2)
    out = tmp_path / "out"
    ran = s2st("file", tmp_path / "in", "--tgt", "spa", "-o", out, env=env)
    said = "espeak-ng failed with exit code 3: out of phonemes."
    assert_failed_in_one_line(ran, f"{tmp_path}/in/1.wav: {said}", "Try `espeak-ng -v es")
    assert names(out) == ["0.eng.srt", "0.spa.srt", "0.spa.wav"]


@pytest.mark.parametrize("stays_dead", [False, True])
def test_a_translator_that_dies_is_started_again_once(tmp_path: Path, stays_dead: bool) -> None:
    """Each start of the fake translates one sentence. A pipeline holds it up to six times."""
    starts_of_one_pipeline = mode_text().count("lt-proc")
    most = starts_of_one_pipeline if stays_dead else 1000
    env = fake(tmp_path / "bin", "lt-proc", LT_PROC, most)
    copies(tmp_path / "in", 2)
    out = tmp_path / "out"
    ran = s2st("file", tmp_path / "in", "--tgt", "spa", "-o", out, "--format", "txt", env=env)
    assert len((tmp_path / "bin" / "started").read_bytes()) > starts_of_one_pipeline
    first = ["0.eng.txt", "0.spa.txt"]
    if stays_dead:
        died = "/1.wav: Apertium's mode 'eng-spa' died twice over one sentence; lt-proc last said: "
        assert_failed_in_one_line(ran, f"{died}out of words.", "Try `echo")
        assert names(out) == first
    else:
        assert (ran.code, ran.complaints) == (0, [])
        assert names(out) == [*first, "1.eng.txt", "1.spa.txt"]
        assert (out / "1.spa.txt").read_bytes() == (out / "0.spa.txt").read_bytes()


@pytest.mark.parametrize("variable", ["LANG", "LC_ALL", "LC_TIME"])
def test_a_locale_that_is_not_installed_changes_nothing(tmp_path: Path, variable: str) -> None:
    """As ssh brings it from another machine."""
    env = {variable: "xx_YY.UTF-8", "LANGUAGE": "xx"}
    ran = inside("file", SHORT, "--tgt", "spa", "--format", "wav,txt", "-o", tmp_path, env=env)
    assert (ran.code, ran.out, ran.complaints) == (0, f"{SPANISH}\n", [])
    assert names(tmp_path) == ["short.eng.txt", "short.spa.txt", "short.spa.wav"]


def mode_text() -> str:
    from engine.cascade.mt.apertium import mode_file

    return mode_file("eng-spa").read_text()


def in_a_shell(words: str, command: str = "file") -> Ran:
    line = f"set -o pipefail; {S2ST} {command} {words}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_closed_standard_streams_do_no_harm(tmp_path: Path) -> None:
    ran = in_a_shell(f"{SHORT} --tgt eng --format txt -o {tmp_path} >&- 2>&- <&-")
    assert ran == Ran(0, "", "")
    assert names(tmp_path) == ["short.eng.txt"]


def test_a_closed_standard_input_is_said(tmp_path: Path) -> None:
    ran = in_a_shell(f"- --tgt spa -o {tmp_path} <&-")
    assert_failed_in_one_line(ran, "Standard input is closed.")
    assert names(tmp_path) == []


def test_what_nobody_can_be_told_the_exit_code_tells() -> None:
    assert in_a_shell("--bad 2> /dev/full", "languages").code == 2
    assert in_a_shell(f"{SHORT} --resume --overwrite 2> /dev/full").code == 2


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    line = f"cd {tmp_path}/x && rmdir {tmp_path}/x && {S2ST} file {SHORT} -o o"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].count("is not there any more") == 1


PRINTING = ("languages", "languages --json", "--help", "models list", "config")


@pytest.mark.parametrize("command", PRINTING)
def test_whoever_has_read_enough_ends_it_quietly(command: str) -> None:
    assert in_a_shell("| true", command) == Ran(0, "", "")


@pytest.mark.parametrize("command", [*PRINTING, f"file {SHORT} -q --dry-run"])
def test_a_full_disk_behind_standard_output_is_said(command: str) -> None:
    ran = in_a_shell("> /dev/full", command)
    said = "s2st: Standard output cannot be written: No space left on device.\n"
    assert ran == Ran(1, "", said)

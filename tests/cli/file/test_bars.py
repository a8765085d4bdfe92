"""What a person sees during a run, and what a program reads."""

import json
import os
import pty
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import (
    NOTICE,
    S2ST,
    SHORT,
    SPANISH,
    TWO,
    Ran,
    copies,
    hiss,
    inside,
    names,
    s2st,
)

TEXT = ("--tgt", "spa", "--format", "txt")


def on_a_terminal(*words: object) -> str:
    """Everything that comes to a terminal of 100 columns in which the program runs."""
    ours, theirs = pty.openpty()
    env = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    command = [str(S2ST), *map(str, words)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0, shown
    return shown.decode()


def test_a_terminal_shows_bars_and_the_text_and_at_last_no_bars(tmp_path: Path) -> None:
    shown = on_a_terminal("file", SHORT, TWO, *TEXT, "-o", tmp_path)
    assert re.search(r"━{10}", shown)
    assert "all recordings" in shown
    assert re.search(r"short\.wav.*%", shown)
    assert shown.count(NOTICE) == 1
    last = shown.rpartition("━")[2]
    assert "\x1b[2K" in last  # the bars are wiped out
    assert "two_sentences.spa.txt" in shown


def test_a_terminal_shows_the_text_of_a_single_recording(tmp_path: Path) -> None:
    shown = on_a_terminal("file", SHORT, *TEXT, "-o", tmp_path)
    assert SPANISH in shown
    assert "Tomorrow we will go to the mountains." in shown


def test_a_quiet_terminal_shows_the_text_alone(tmp_path: Path) -> None:
    shown = on_a_terminal("file", SHORT, *TEXT, "-o", tmp_path, "--quiet")
    plain = " ".join(re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", shown).split())
    assert plain == SPANISH


def test_a_pipe_gets_plain_lines_one_for_each_recording(tmp_path: Path) -> None:
    hiss(tmp_path / "hiss.wav")
    ran = s2st("file", SHORT, tmp_path / "hiss.wav", *TEXT, "-o", tmp_path / "out")
    assert "\x1b" not in ran.err
    assert "━" not in ran.err
    done = [line for line in ran.err.splitlines() if " -> " in line]
    assert re.fullmatch(
        rf"{SHORT}: 3\.0 s of sound in \d+\.\d s \(\d\.\d\d x real time\), 1 utterance "
        "-> short.spa.txt short.eng.txt",
        done[0],
    )
    assert "hiss.wav: 0.3 s of sound" in done[1]
    assert ", 0 utterances -> " in done[1]


def test_quiet_leaves_the_result_alone(tmp_path: Path) -> None:
    ran = inside("file", SHORT, *TEXT, "-o", tmp_path, "--quiet")
    assert ran == Ran(0, f"{SPANISH}\n", "")


@pytest.mark.parametrize("jobs", [1, 2])
def test_with_json_every_line_is_a_record(tmp_path: Path, jobs: int) -> None:
    words = ("none.wav", SHORT, TWO, *TEXT, "--json", "-q", "--jobs", jobs, "-o", "out")
    ran = s2st("file", *words, cwd=tmp_path)
    assert ran.code == 1
    records: list[dict[str, Any]] = [json.loads(line) for line in ran.out.splitlines()]
    of = {
        name: [record for record in records if Path(record["input"]).name == name]
        for name in ("none.wav", "short.wav", "two_sentences.wav")
    }
    assert sum(map(len, of.values())) == len(records)
    (failed,) = of["none.wav"]
    assert failed["type"] == "file_failed"
    assert failed["error"].startswith("none.wav does not exist.")
    types = [record["type"] for record in of["short.wav"]]
    assert types == ["source_text", "target_text", "utterance_ended", "file_done"]
    assert of["short.wav"][1]["text"] == SPANISH
    done = of["two_sentences.wav"][-1]
    assert (done["type"], done["heard_s"]) == ("file_done", 4.08)
    assert done["outputs"] == ["out/two_sentences.spa.txt", "out/two_sentences.eng.txt"]


@pytest.mark.parametrize("command", ["{} | true", "{} 2>&1 | head -1 >&2"])
def test_a_reader_that_leaves_early_costs_no_file(tmp_path: Path, command: str) -> None:
    copies(tmp_path / "in", 1, TWO)
    words = f"{S2ST} file {tmp_path}/in --tgt spa --format txt,srt -o {tmp_path}/out"
    full = command.format(f"{{ {words} && echo done >{tmp_path}/done; }}")
    subprocess.run(["sh", "-c", full], stderr=subprocess.DEVNULL, check=True)
    assert (tmp_path / "done").exists()
    assert names(tmp_path / "out") == ["0.eng.srt", "0.eng.txt", "0.spa.srt", "0.spa.txt"]


def test_a_full_standard_output_is_said_and_costs_no_file(tmp_path: Path) -> None:
    words = f"{S2ST} file {TWO} --tgt spa --format txt -o {tmp_path} > /dev/full"
    done = subprocess.run(["sh", "-c", words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if "standard output" in line]
    assert said == [
        "s2st: standard output cannot be written (No space left on device). "
        "The files are written nevertheless."
    ]
    assert names(tmp_path) == ["two_sentences.eng.txt", "two_sentences.spa.txt"]


def test_a_line_about_a_short_name_still_names_the_recording(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(SHORT.read_bytes())
    (tmp_path / "out").write_text("in the way")
    ran = s2st("file", "a", *TEXT, "-o", "out", cwd=tmp_path)
    assert ran.complaints[0].startswith("s2st: a: The output folder 'out' cannot be made")

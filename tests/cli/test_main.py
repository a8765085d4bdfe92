"""The command itself: help, version, completion, words it does not understand."""

import os
import shutil
import subprocess
from importlib.metadata import version

import pytest

from tests.cli.running import S2ST, inside, s2st

COMMANDS = ("file", "languages", "doctor", "config")


def test_without_a_word_it_shows_its_commands() -> None:
    for words in ((), ("--help",)):
        ran = inside(*words)
        assert (ran.code, ran.err) == (0, "")
        assert all(f" {command} " in ran.out for command in COMMANDS)


def test_the_help_of_a_command_names_its_options() -> None:
    ran = inside("file", "--help")
    assert ran.code == 0
    for option in ("--tgt", "--format", "--resume", "--mix-original", "--jobs"):
        assert option in ran.out


def test_version_is_that_of_the_package() -> None:
    ran = s2st("--version")
    assert (ran.code, ran.out) == (0, f"s2st {version('s2st')}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nope"], "No such command 'nope'. `s2st --help` lists"),
        (["file"], "Missing argument 'INPUT...'. `s2st file --help` lists"),
        (["file", "a.wav", "--xyzzy"], "No such option: --xyzzy. `s2st file --help` lists"),
        (["file", "a.wav", "--jobs", "0"], "'--jobs'"),
        (["file", "a.wav", "--jobs", "x"], "'--jobs'"),
        (["file", "a.wav", "--min-confidence", "1.5"], "'--min-confidence'"),
        (["file", "a.wav", "--mix-original", "loud"], "'--mix-original'"),
        (["file", "-", "--rate", "1"], "'--rate'"),
        (["file", "a.wav", "--tgt"], "'--tgt' requires an argument"),
        (["doctor", "now"], "Got unexpected extra argument(s) (now)."),
    ],
)
def test_words_it_does_not_understand_are_one_line_and_exit_code_2(
    words: list[str], said: str
) -> None:
    ran = inside(*words)
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert line.startswith("s2st: ")
    assert said in line


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not there")
def test_a_shell_can_complete_commands_and_options() -> None:
    script = f"PATH={S2ST.parent}:$PATH; s2st --show-completion bash; exit"
    shown = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert "complete" in shown.stdout
    assert "_s2st_completion" in shown.stdout
    env = os.environ | {"_S2ST_COMPLETE": "complete_bash", "COMP_CWORD": "1"}
    for typed, expected in (("s2st fi", ["file"]), ("s2st lan", ["languages"])):
        done = subprocess.run(
            [S2ST], env=env | {"COMP_WORDS": typed}, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == expected

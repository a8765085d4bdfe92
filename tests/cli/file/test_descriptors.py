"""Recordings that a shell opens."""

import subprocess
from pathlib import Path

import av
import pytest

from tests.cli.running import S2ST, SHORT, SPANISH, names, s2st

TEXTS = ("--tgt", "spa", "--format", "txt")


def as_mp4(path: Path) -> Path:
    """`SHORT`, with its index at the end: no pipe can bring it."""
    with av.open(str(path), "w") as out, av.open(str(SHORT)) as recording:
        stream = out.add_stream("alac", rate=16_000, layout="mono")
        for frame in recording.decode(audio=0):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("word", ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_a_file_on_standard_input_is_read_as_a_file(word: str, tmp_path: Path) -> None:
    with as_mp4(tmp_path / "film.mp4").open("rb") as film:
        ran = s2st("file", word, *TEXTS, cwd=tmp_path, stdin=film)
    assert (ran.code, ran.out) == (0, f"{SPANISH}\n")
    assert names(tmp_path) == ["film.mp4", "stdin.eng.txt", "stdin.spa.txt"]


def test_what_a_shell_opens_is_read_and_its_results_go_where_one_stands(tmp_path: Path) -> None:
    as_mp4(tmp_path / "film.mp4")
    line = f"{S2ST} file <(cat {SHORT}) /dev/fd/5 /dev/fd/77 -j 2 --format txt 5< film.mp4"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert "s2st: /dev/fd/77 cannot be read: Bad file descriptor." in done.stderr
    written = names(tmp_path)
    assert len(written) == 5 and all(name.startswith(("fd", "film")) for name in written)
    assert [(tmp_path / name).read_text() for name in written if "spa" in name] == [
        f"{SPANISH}\n"
    ] * 2


def test_results_of_a_device_do_not_go_beside_it(tmp_path: Path) -> None:
    ran = s2st("file", "/dev/zero", "--dry-run", cwd=tmp_path)
    assert " -> zero.spa.wav zero.spa.srt" in ran.out

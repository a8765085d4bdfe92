"""Ctrl-C and the signals that ask a program to leave."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.running import JOURNAL, LONG, Ran, Running, copies, names, parts, until

pytestmark = pytest.mark.real_time

FORMATS = ["eng.srt", "spa.srt", "spa.wav"]


def assert_left(ran: Ran, run: Running, code: int) -> None:
    assert ran.code == code
    assert "Traceback" not in ran.err
    assert "Exception" not in ran.err
    until(lambda: not run.processes(), seconds=2.0)


def assert_whole(out: Path) -> None:
    """Of every recording there is everything or nothing."""
    stems = sorted({name.partition(".")[0] for name in names(out)})
    assert names(out) == [f"{stem}.{form}" for stem in stems for form in FORMATS]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_a_run_with_nothing_half_written_and_nobody_left(
    tmp_path: Path, number: signal.Signals, code: int, jobs: int
) -> None:
    out = tmp_path / "out"
    copies(tmp_path / "in", 4, LONG)
    with Running("file", tmp_path / "in", "--tgt", "spa", "-o", out, "--jobs", jobs) as run:
        until(lambda: len(parts(out)) >= 3 * jobs)
        if number is signal.SIGTERM:
            run.process.terminate()
        else:  # these come from a terminal, to all processes of the group
            os.killpg(run.process.pid, number)
        ran = run.ended()
        assert_left(ran, run, code)
    assert_whole(out)


def test_what_was_finished_before_ctrl_c_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    copies(tmp_path / "in", 6)
    with Running("file", tmp_path / "in", "--tgt", "spa", "-o", out) as run:
        until(lambda: (out / JOURNAL).exists() and any(".1." in name for name in parts(out)))
        run.press_ctrl_c()
        assert_left(run.ended(), run, 130)
    assert_whole(out)
    assert names(out)[:3] == [f"0.{form}" for form in FORMATS]
    assert "5.spa.wav" not in names(out)


def test_ctrl_c_while_workers_start_prints_nothing_of_theirs(tmp_path: Path) -> None:
    copies(tmp_path / "in", 4)
    for wait_s in (0.0, 0.05, 0.1):
        with Running("file", tmp_path / "in", "-o", tmp_path / "out", "--jobs", 2) as run:
            until(lambda: sum("spawn_main" in command for _, command in run.processes()) == 2)
            time.sleep(wait_s)  # each moment of a worker's start is as good as another
            run.press_ctrl_c()
            ran = run.ended()
            assert_left(ran, run, 130)
    assert names(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("sent_bytes", "raw", "number", "code"),
    [
        (0, False, signal.SIGINT, 130),
        (0, False, signal.SIGTERM, 143),
        (200_000, False, signal.SIGINT, 130),
        (200_000, False, signal.SIGTERM, 143),
        (200_000, True, signal.SIGINT, 130),
    ],
)
def test_a_pipe_that_gives_nothing_can_be_left(
    tmp_path: Path, sent_bytes: int, raw: bool, number: signal.Signals, code: int
) -> None:
    rate = ("--rate", "16000") if raw else ()
    words = ("file", "-", *rate, "--tgt", "spa", "-o", tmp_path / "out")
    with Running(*words, stdin=subprocess.PIPE) as run:
        pipe = run.process.stdin
        assert pipe is not None
        pipe.write(LONG.read_bytes()[:sent_bytes])
        pipe.flush()
        if sent_bytes:
            until(lambda: len(parts(tmp_path / "out")) == 3)
        until(lambda: waits_for(run.process.pid, pipe.fileno()))
        os.kill(run.process.pid, number)
        ran = run.ended()
        assert_left(ran, run, code)
    assert names(tmp_path / "out") == []


def waits_for(pid: int, pipe: int) -> bool:
    """Whether a process sleeps in a read of its standard input, which it has emptied."""
    import fcntl
    import struct
    import termios

    held_bytes: int = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]
    call = Path(f"/proc/{pid}/syscall").read_text().split()
    return not held_bytes and call[:2] == ["0", "0x0"]  # read(0, ...)

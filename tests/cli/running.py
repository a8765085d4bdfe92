"""Runs the real program, and looks at what it left behind."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import soundfile

from engine.batch import journal
from tests.fakes import DATA

JOURNAL = journal.NAME
S2ST = Path(sys.executable).with_name("s2st")
SHORT, TWO, LONG = DATA / "short.wav", DATA / "two_sentences.wav", DATA / "long_sentence.wav"
NOTICE = "s2st: cascade is a draft engine"
SPANISH = "Mañana iremos a las montañas."
"""What becomes of `SHORT`."""


@dataclass(frozen=True)
class Ran:
    """A run that has ended."""

    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        """Lines of the program's own name, but for the notice."""
        lines = self.err.splitlines()
        return [line for line in lines if line.startswith("s2st: ") and NOTICE not in line]


def s2st(
    *words: object,
    stdin: bytes | IO[bytes] | int = subprocess.DEVNULL,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> Ran:
    """A run of the installed program in a process of its own."""
    given: dict[str, Any] = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    done: subprocess.CompletedProcess[bytes] = subprocess.run(
        [S2ST, *map(str, words)],
        capture_output=True,
        cwd=cwd,
        env=os.environ | (env or {}),
        timeout=120,
        check=False,
        **given,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def inside(*words: object, env: dict[str, str] | None = None) -> Ran:
    """A run within this process, far cheaper: for all that needs no process of its own."""
    from cli.main import main

    out, err = io.StringIO(), io.StringIO()
    code: object = None
    own_words, sys.argv = sys.argv, ["s2st", *map(str, words)]
    own_env = dict(os.environ)
    os.environ.update(env or {})
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as left:
        code = left.code
    finally:
        sys.argv = own_words
        os.environ.clear()
        os.environ.update(own_env)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert isinstance(code, int)
    return Ran(code, out.getvalue(), err.getvalue())


class Running:
    """A run in a session of its own, as in a terminal; all that is left of it is ended at last."""

    def __init__(self, *words: object, env: dict[str, str] | None = None, stdin: int = -3) -> None:
        self._tag = f"S2ST_TEST_RUN={time.monotonic_ns()}"
        name, _, value = self._tag.partition("=")
        self.process = subprocess.Popen(
            [S2ST, *map(str, words)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=os.environ | (env or {}) | {name: value},
        )

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        while alive := self.processes():  # again: one may be starting another meanwhile
            for pid, _name in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.communicate(timeout=30)

    def processes(self) -> list[tuple[int, str]]:
        """Every living process this run started, its own included: number and command line."""
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdigit() and self._tag.encode() in _strings(folder / "environ"):
                    command = b" ".join(_strings(folder / "cmdline")).decode()
                    found.append((int(folder.name), command))
        return found

    def press_ctrl_c(self) -> None:
        """What a terminal does: every process of the foreground group gets the signal."""
        os.killpg(self.process.pid, signal.SIGINT)

    def ended(self) -> Ran:
        out, err = self.process.communicate(timeout=60)
        return Ran(self.process.returncode, out.decode(), err.decode())


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for something that will be so."""
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to that"
        time.sleep(0.005)


def names(folder: Path) -> list[str]:
    """Everything in a folder, hidden or not, but the journal."""
    if not folder.exists():
        return []
    return sorted(path.name for path in folder.iterdir() if path.name != JOURNAL)


def parts(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.endswith(".part")]


def copies(folder: Path, count: int, recording: Path = SHORT) -> Path:
    """A folder of recordings 0.wav, 1.wav, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number}.wav").write_bytes(recording.read_bytes())
    return folder


def hiss(path: Path, seconds: float = 0.3, rate_hz: int = 16_000, channels: int = 1) -> Path:
    """A recording in which nobody speaks."""
    random = np.random.default_rng(len(path.name))
    samples = random.normal(0.0, 1e-4, (round(seconds * rate_hz), channels))
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names(folder)}


def columns(*rows: Sequence[str], end: str = "\n") -> bytes:
    """A manifest."""
    return "".join("\t".join(row) + end for row in rows).encode()


@contextlib.contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """A disk of its own at `folder`. Raises `PermissionError` where none may be mounted."""
    folder.mkdir(exist_ok=True)
    mounting = ["mount", "-t", "tmpfs", "-o", options, "s2st-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode:
        raise PermissionError("no disk can be mounted here: that takes root's rights")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _strings(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\0")

"""`AgentProgram`: `worker.py` in some Python, with its log, and how it is ended."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from audio_io.paths import expanded
from engine.errors import EngineError
from engine.simuleval import worker
from engine.simuleval.death import last_words, python_problem
from engine.simuleval.worker import one_line

LONGEST_GLANCE_S = 0.05
"""The most that passes between two looks at whether it has ended."""


class AgentProgram:
    """It and what it starts are a process group, which ends as a whole: with it, or when this
    process is gone. Any thread may call."""

    def __init__(
        self, order: bytes, python: str | None, log: Path | None, threads: int | None
    ) -> None:
        """`python` None: this one. `log` None: a temporary file. Raises `EngineError` where there
        is nothing to start."""
        self.keep_log = False
        """Whether a temporary log outlives it."""
        self._python = python or sys.executable
        if os.sep in self._python:  # otherwise a name to be found on PATH
            self._python = str(expanded(Path(self._python)).absolute())
        self._has_own_log = log is None
        if log is None:
            handle, name = tempfile.mkstemp(prefix="s2st-agent-", suffix=".log")
            os.close(handle)
            log = Path(name)
        self.log = log.absolute()
        """Where what it prints is appended."""
        self._lock = threading.Lock()
        """Held while its number is used: once waited for, the number may be another's."""
        self._process = self._start(_environment(ours=python is None, threads=threads))
        self._send(order)

    @property
    def pid(self) -> int:
        """Of the process, and of its group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """As `subprocess` has it; None while it runs. Asking keeps its number its own."""
        with self._lock:
            if self._process.returncode is not None:
                return self._process.returncode
            try:
                ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except (AttributeError, ChildProcessError):  # not on every system; asked by others
                return self._process.poll()
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended by then."""
        deadline_s = time.monotonic() + timeout_s
        pause_s = 0.001
        while self.exit_code is None:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return False
            pause_s = min(2 * pause_s, LONGEST_GLANCE_S)
            time.sleep(min(pause_s, left_s))
        return True

    def signal(self, number: int) -> None:
        """To all of the group, also where the first of them has ended."""
        with self._lock:
            if self._process.returncode is None:  # not waited for yet, so the number is still its
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, number)

    def kill(self) -> None:
        """Ends the whole group, and waits for the first of it."""
        self.signal(signal.SIGKILL)
        while not self.wait(60.0):
            pass
        with self._lock:
            self._process.wait()

    def close(self) -> None:
        """Kills what is left. May be called twice."""
        self.kill()
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # what it did not take of the order
            self._process.stdin.close()
        if self._has_own_log and not self.keep_log:
            self.log.unlink(missing_ok=True)

    def last_words(self) -> str:
        """The last line it printed; empty without one."""
        return last_words(self.log, self._log_start)

    def python_problem(self) -> EngineError | None:
        """Why no agent can run in that Python, as an error for people."""
        problem = python_problem(self._python)
        return EngineError(problem, hint=_install_hint("PATH")) if problem else None

    def install_hint(self) -> str:
        """What to type where that Python lacks packages."""
        return _install_hint(self._python)

    def _start(self, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
        try:
            with self.log.open("ab") as output:
                self._log_start = output.tell()
                return subprocess.Popen(
                    [self._python, worker.__file__],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    env=environment,
                    start_new_session=True,  # Ctrl-C in the terminal is not for it
                )
        except OSError as error:
            if self._has_own_log:
                self.log.unlink(missing_ok=True)
            if error.filename != self._python:
                raise EngineError(
                    f"The agent's log '{self.log}' cannot be written: {error.strerror}."
                ) from error
            reason = one_line(error.strerror or str(error))
            raise EngineError(
                f"'{self._python}' cannot be run as the agent's Python: {reason}.",
                hint=_install_hint("PATH"),
            ) from error

    def _send(self, order: bytes) -> None:
        """The pipe stays open: its end tells the group that this process is gone."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it ended at once, as waiting for it will tell
            self._process.stdin.write(order)
            self._process.stdin.flush()


def _environment(*, ours: bool, threads: int | None) -> dict[str, str]:
    environment = dict(os.environ, PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")
    if not ours:
        environment.pop("PYTHONHOME", None)
    if threads is not None:
        environment["OMP_NUM_THREADS"] = environment["MKL_NUM_THREADS"] = str(threads)
    return environment


def _install_hint(python: str) -> str:
    return f"Type: {shlex.quote(python)} -m pip install simuleval==1.1.4 numpy"

"""What can be told of an agent's process that ended: its last words, and its Python."""

import contextlib
import os
import subprocess
from pathlib import Path

from engine.simuleval.worker import OLDEST_PYTHON

PROBE_TIMEOUT_S = 10.0
LAST_BYTES = 4096
"""Of the log, in which the last line is looked for."""
LAST_WORDS = 300
"""Characters of it that are told."""


def last_words(log: Path, start_byte: int) -> str:
    """The last line of a log after `start_byte`; empty without one."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        end_byte = file.seek(0, os.SEEK_END)
        file.seek(max(start_byte, end_byte - LAST_BYTES))
        lines = file.read().decode(errors="replace").split("\n")
        printed = [line.strip() for line in lines if line.strip()]
        if printed:
            return printed[-1][:LAST_WORDS]
    return ""


def python_problem(python: str) -> str:
    """Why a program is no Python an agent can run in; empty if it is one."""
    code = "import sys; sys.stdout.write('Python %d.%d' % sys.version_info[:2])"
    try:
        ran = subprocess.run(
            [python, "-c", code],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return f"'{python}' is not a Python."
    word, _, version = ran.stdout.decode(errors="replace").partition(" ")
    numbers = version.split(".")
    if ran.returncode or word != "Python" or not all(each.isdecimal() for each in numbers):
        return f"'{python}' is not a Python."
    if tuple(map(int, numbers)) < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return f"The agent's Python '{python}' is {version}; it must be {oldest} or newer."
    return ""

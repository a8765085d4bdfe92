"""What the benchmarks share: fresh `s2st` processes, timed, and plain tables of what was seen."""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

S2ST = Path(sys.executable).with_name("s2st")
DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
"""The bundled recordings and their manifest."""
PACKAGES = ("s2st", "typer", "rich", "numpy", "pocketsphinx", "av", "soundfile")


@dataclass(frozen=True, slots=True)
class Finished:
    """One process, from its start to its end."""

    wall_s: float
    first_line_s: float | None
    """From its start to its first line on standard output; None when it wrote none."""
    cpu_s: float
    """Processor time, its own and that of the children it waited for."""
    peak_rss_mb: float
    """Most memory it held, or one child of it if that held more."""
    out: list[str]
    """Lines of standard output."""


def run(
    command: Sequence[str | Path],
    *,
    cores: Collection[int] | None = None,
    started: Callable[[int], None] | None = None,
) -> Finished:
    """Run a command to its end, on the given cores only; `started` is told its process id.

    When the command fails, so does the benchmark, with what the command said.
    """
    with tempfile.TemporaryFile("w+") as errors:
        allowed = os.sched_getaffinity(0)
        if cores is not None:
            os.sched_setaffinity(0, cores)  # the child inherits it
        begun_s = time.perf_counter()
        try:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, env=_environment(), text=True
            )
        finally:
            os.sched_setaffinity(0, allowed)
        if started is not None:
            started(process.pid)
        assert process.stdout is not None
        first_line_s, out = None, []
        with process.stdout:
            for line in process.stdout:
                first_line_s = first_line_s or time.perf_counter() - begun_s
                out.append(line.rstrip("\n"))
        _, status, usage = os.wait4(process.pid, 0)  # as Popen.wait(), but it says what was used
        wall_s = time.perf_counter() - begun_s
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            words = " ".join(map(str, command))
            sys.exit(f"exit code {process.returncode} from: {words}\n{errors.read()}")
    return Finished(
        wall_s, first_line_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out
    )


def print_table(heading: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns side by side: words to the left, everything else to the right."""
    cells = [list(heading), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heading))]
    wordy = [all(isinstance(row[column], str) for row in rows) for column in range(len(heading))]
    for row in cells:
        padded = zip(row, widths, wordy, strict=True)
        print("  ".join(f"{text:{'<' if left else '>'}{width}}" for text, width, left in padded))


def print_verdict(what: str, value: float, target: float, *, at_least: bool = False) -> None:
    """A figure against its target."""
    met = value >= target if at_least else value <= target
    bound = "at least" if at_least else "at most"
    print(f"\n{what}: {value:.3g} (target {bound} {target:g}): {'met' if met else 'missed'}")


def print_circumstances(how: str, *more_packages: str) -> None:
    """How it was measured, and on what."""
    cores = f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores"
    print(f"\nhow: {how}")
    print(f"machine: {_processor()}, {cores}, load {os.getloadavg()[0]:.2f}, {platform.platform()}")
    print(f"others: {_others_share()} of the cores' time went to others or the host")
    versions = [f"{name} {_version(name)}" for name in (*PACKAGES, *more_packages)]
    print(f"python {platform.python_version()}: {', '.join(versions)}")


def _environment() -> dict[str, str]:
    """Ours, without what somebody has set for s2st, or for Python: unbuffered output, say, would
    show lines that are not flushed, and modules are compiled anew where no bytecode is kept."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("S2ST_", "PYTHON"))
    }
    return kept | {"S2ST_CONFIG": os.devnull}


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _busy_s() -> float | None:
    """Processor time of everything on this machine since it started; None where it is not told."""
    try:
        total = Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0]
    except OSError:
        return None
    user, nice, system, _idle, _waiting, *interrupts = map(int, total.split()[1:9])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


_BEGUN_S, _BUSY_BEFORE_S = time.monotonic(), _busy_s()


def _others_share() -> str:
    """How much of all cores others had since this program started; the host's share is "steal"."""
    busy_s = _busy_s()
    if busy_s is None or _BUSY_BEFORE_S is None:
        return "an unknown share"
    ours_s = sum(os.times()[:4])
    possible_s = (time.monotonic() - _BEGUN_S) * (os.cpu_count() or 1)
    return f"{max(0.0, busy_s - _BUSY_BEFORE_S - ours_s) / possible_s:.0%}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"

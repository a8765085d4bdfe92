"""A few mutated files, as `scripts/fuzz_files` examines thousands."""

import subprocess
import sys
from pathlib import Path


def test_mutated_files_crash_nothing_and_raise_nothing_but_messages() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.fuzz_files", "--count", "200", "--seed", "13"],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("200 files, seed 13: ")

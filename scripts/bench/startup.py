#!/usr/bin/env python3
"""How long `s2st --help` takes, against the `--help` of a bare Typer application."""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from measuring import S2ST, print_circumstances, print_table, print_verdict, run

TARGET = 1.3
BARE = '''\
import typer

app = typer.Typer()


@app.command()
def hello(name: str, times: int = 1) -> None:
    """Greet somebody."""
    print(f"Hello {name}" * times)


app()
'''


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="of each command (default 15)")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE, encoding="utf-8")
        commands: dict[str, list[str | Path]] = {
            "bare Typer --help": [sys.executable, bare, "--help"],
            "s2st --help": [S2ST, "--help"],
        }
        times_s: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(runs + 1):
            for name, command in commands.items():
                wall_s = run(command).wall_s
                if turn:  # the first fills the page cache and compiles
                    times_s[name].append(wall_s)
    rows = [(name, statistics.median(seen), min(seen), max(seen)) for name, seen in times_s.items()]
    print_table(("command", "median s", "least s", "most s"), rows)
    (_, bare_s, *_), (_, ours_s, *_) = rows
    print_verdict("s2st --help / bare Typer --help", ours_s / bare_s, TARGET)
    print_circumstances(
        f"wall time of fresh processes of one interpreter, {runs} of each, turn by turn, after "
        "one of each that was not counted; medians"
    )


if __name__ == "__main__":
    main()

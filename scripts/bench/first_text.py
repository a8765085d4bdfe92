#!/usr/bin/env python3
"""How long a cold `s2st file` takes to its first committed text.

From the start of the process to the first translated line on standard output: interpreter,
imports, loading of the models, the first clause recognised and translated.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from measuring import DATA, S2ST, Finished, print_circumstances, print_table, print_verdict, run

TARGET_S = 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="fresh processes (default 7)")
    parser.add_argument(
        "--recording",
        type=Path,
        default=DATA / "quickstart.wav",
        help="English speech (default: the bundled quickstart.wav)",
    )
    arguments = parser.parse_args()
    # Tells about the recording, and fills the page cache.
    records = [json.loads(line) for line in _translate(arguments.recording, "--json").out]
    first = next(record for record in records if record["type"] == "source_text")
    done = next(record for record in records if record["type"] == "file_done")
    print(
        f"{arguments.recording.name}: {done['heard_s']:.2f} s; its first clause lasts from "
        f"{first['start_s']:.2f} to {first['end_s']:.2f} s "
        f"({first['end_s'] - first['start_s']:.2f} s): {first['text']}\n"
    )
    runs = [_translate(arguments.recording) for _ in range(arguments.runs)]
    first_text_s = [finished.first_line_s for finished in runs if finished.first_line_s]
    rows = [
        (name, statistics.median(seen), min(seen), max(seen))
        for name, seen in (
            ("first committed text", first_text_s),
            ("whole recording, all files written", [finished.wall_s for finished in runs]),
        )
    ]
    print_table(("from the start to", "median s", "least s", "most s"), rows)
    print_verdict("first committed text, seconds", rows[0][1], TARGET_S)
    print_circumstances(
        f"{arguments.runs} fresh processes of `s2st file RECORDING --tgt spa --quiet` (wav and srt "
        "written), standard output a pipe, programs and models in the page cache; medians"
    )


def _translate(recording: Path, *options: str) -> Finished:
    with tempfile.TemporaryDirectory() as folder:
        return run(
            [S2ST, "file", recording, "--tgt", "spa", "--output", folder, "--quiet", *options]
        )


if __name__ == "__main__":
    main()

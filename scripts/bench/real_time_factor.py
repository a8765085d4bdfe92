#!/usr/bin/env python3
"""Time the draft engine takes for each second of sound on one core.

With both passes (partial text from a streaming pass, committed text from a whole-utterance pass)
and with the committed pass alone. What it costs to start the process and load the models is told
apart: a recording that is not counted goes first, and once more.
"""

import argparse
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from measuring import DATA, S2ST, print_circumstances, print_table, print_verdict, run
from recordings import english_rows, write_manifest

TARGET = 0.6
WARM_UP = DATA / "short.wav"


@dataclass(frozen=True, slots=True)
class Run:
    """One process over all recordings."""

    sound_s: float
    """Sound that counts, which is all but the warm-up."""
    engine_s: float
    """Wall time from opening each recording to its outputs being in place."""
    process_s: float
    """Wall time of the whole process."""
    set_up_s: float
    """What the process took beyond hearing: start, imports, loading, end."""
    cpu_share: float
    """Processor time / wall time of the process: below 1 when others used the core."""

    @property
    def factor(self) -> float:
        return self.engine_s / self.sound_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-file",
        type=Path,
        default=DATA / "manifest.tsv",
        help="tsv manifest; its English rows are used (default: the bundled recordings)",
    )
    parser.add_argument("--tgt", default="spa", help="target language (default spa)")
    parser.add_argument(
        "--runs", type=int, default=3, help="of each kind, the median counts (default 3)"
    )
    arguments = parser.parse_args()
    core = max(os.sched_getaffinity(0))
    kinds: dict[str, list[str]] = {"both passes": ["--partials"], "committed pass only": []}
    seen: dict[str, list[Run]] = {kind: [] for kind in kinds}
    for _ in range(arguments.runs):
        for kind, options in kinds.items():
            seen[kind].append(_measure(arguments.data_file, arguments.tgt, options, core))
    median = {kind: _median(runs) for kind, runs in seen.items()}
    print_table(
        ("", "sound s", "engine s", "real-time factor", "process s", "set-up s", "cpu/wall"),
        [
            (
                kind,
                one.sound_s,
                one.engine_s,
                one.factor,
                one.process_s,
                one.set_up_s,
                one.cpu_share,
            )
            for kind, one in median.items()
        ],
    )
    print_verdict("real-time factor with both passes", median["both passes"].factor, TARGET)
    print_circumstances(
        f"`s2st file --format jsonl --tgt {arguments.tgt}` and all its processes on core {core}, "
        f"{len(english_rows(arguments.data_file))} recordings of {arguments.data_file.name} in one "
        f"process after {WARM_UP.name} twice, which is not counted; {arguments.runs} runs of each "
        "kind turn by turn, the median one shown; engine s is `elapsed_s` of the --json records; "
        "set-up s is the process without engine s and the warm-ups at their second speed: start, "
        "imports, loading, end"
    )


def _median(runs: list[Run]) -> Run:
    return sorted(runs, key=lambda one: one.factor)[len(runs) // 2]


def _measure(data_file: Path, target: str, options: list[str], core: int) -> Run:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm_ups = [shutil.copy(WARM_UP, folder / f"warm-up-{turn}.wav") for turn in (1, 2)]
        manifest = write_manifest(folder / "recordings.tsv", english_rows(data_file))
        words = ["--src", "eng", "--tgt", target, "--format", "jsonl", "--json", "--quiet"]
        finished = run(
            [S2ST, "file", *warm_ups, *manifest, *words, "--output", folder / "out", *options],
            cores={core},
        )
    records = [json.loads(line) for line in finished.out]
    _, warm, *counted = [record for record in records if record["type"] == "file_done"]
    sound_s = sum(record["heard_s"] for record in counted)
    engine_s = sum(record["elapsed_s"] for record in counted)
    return Run(
        sound_s=sound_s,
        engine_s=engine_s,
        process_s=finished.wall_s,
        set_up_s=finished.wall_s - engine_s - 2 * warm["elapsed_s"],
        cpu_share=finished.cpu_s / finished.wall_s,
    )


if __name__ == "__main__":
    main()

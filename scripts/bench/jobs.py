#!/usr/bin/env python3
"""How much faster a manifest is with `--jobs 2` than with `--jobs 1`, and whether it changes
anything in the outputs."""

import argparse
import hashlib
import statistics
import tempfile
from pathlib import Path

from measuring import DATA, S2ST, Finished, print_circumstances, print_table, print_verdict, run
from recordings import english_rows, write_joined, write_manifest

from audio_io.manifest import ManifestRow
from engine.batch.journal import NAME as JOURNAL

TARGET = 1.7
FORMATS = "wav,srt,vtt,txt,jsonl,tsv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-file",
        type=Path,
        help="tsv manifest; its English rows are used (default: recordings of about 8 s made of "
        "the bundled ones)",
    )
    parser.add_argument(
        "--items", type=int, default=16, help="how many of those recordings (default 16)"
    )
    parser.add_argument("--tgt", default="spa", help="target language (default spa)")
    parser.add_argument("--jobs", type=int, default=2, help="against one (default 2)")
    parser.add_argument("--runs", type=int, default=3, help="of each (default 3)")
    arguments = parser.parse_args()
    counts = (1, arguments.jobs)
    seen: dict[int, list[Finished]] = {count: [] for count in counts}
    outputs: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data_file = arguments.data_file
        rows = english_rows(data_file) if data_file else _made_of_bundled(folder, arguments.items)
        manifest = write_manifest(folder / "recordings.tsv", rows)
        words = ["--src", "eng", "--tgt", arguments.tgt, "--format", FORMATS, "--quiet"]
        for turn in range(arguments.runs):
            for count in counts if turn % 2 == 0 else reversed(counts):
                out = folder / f"out-{turn}-{count}"
                command = [S2ST, "file", *manifest, *words, "--jobs", str(count), "--output", out]
                seen[count].append(run(command))
                outputs.append(_digests(out))
    print_table(
        ("--jobs", "median s", "least s", "most s", "cpu s", "cpu/wall"),
        [
            (
                count,
                statistics.median(one.wall_s for one in runs),
                min(one.wall_s for one in runs),
                max(one.wall_s for one in runs),
                statistics.median(one.cpu_s for one in runs),
                statistics.median(one.cpu_s / one.wall_s for one in runs),
            )
            for count, runs in seen.items()
        ],
    )
    pairs = zip(seen[1], seen[arguments.jobs], strict=True)
    ratio = statistics.median(one.wall_s / other.wall_s for one, other in pairs)
    print_verdict(f"--jobs 1 / --jobs {arguments.jobs}, wall time", ratio, TARGET, at_least=True)
    different = _different(outputs)
    print(
        f"outputs: {len(outputs[0])} files in each of {len(outputs)} runs, "
        + ("all equal byte for byte" if not different else f"DIFFERENT: {' '.join(different)}")
    )
    print_circumstances(
        f"{len(rows)} recordings, `--format {FORMATS}`, {arguments.runs} runs of each turn by "
        "turn; wall time of the whole process, loading of the models included; cpu s counts all "
        "its processes; medians, of the ratio that over the turns"
    )


def _made_of_bundled(folder: Path, items: int) -> list[ManifestRow]:
    """Recordings of 7 to 10 s, each with a file of its own."""
    kinds = (("quickstart",), ("long_sentence",), ("two_sentences", "short"))
    rows = []
    for item in range(items):
        path = folder / f"item_{item:02}.wav"
        write_joined(path, *(DATA / f"{name}.wav" for name in kinds[item % len(kinds)]))
        rows.append(ManifestRow(path.stem, path.resolve(), item + 2))
    return rows


def _digests(folder: Path) -> dict[str, str]:
    """The digest of each output, by its name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != JOURNAL  # its lines come as recordings are finished
    }


def _different(runs: list[dict[str, str]]) -> list[str]:
    """Names of outputs that are not the same in all runs, or not in all of them."""
    names = sorted({name for run_outputs in runs for name in run_outputs})
    return [name for name in names if len({run_outputs.get(name) for run_outputs in runs}) > 1]


if __name__ == "__main__":
    main()

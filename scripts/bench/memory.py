#!/usr/bin/env python3
"""Peak memory of `s2st file` over a long recording, against a recording of one minute.

All formats are written and speech is placed on the timeline. An hour of sound takes about a
quarter of an hour.
"""

import argparse
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from measuring import DATA, S2ST, print_circumstances, print_table, print_verdict, run
from recordings import write_repeated

TARGET = 1.15
FORMATS = "wav,srt,vtt,txt,jsonl,tsv"
SAMPLE_EVERY_S = 0.2
RECORDING = DATA / "quickstart.wav"


@dataclass(frozen=True, slots=True)
class Peaks:
    """The most memory held at any time, in MB."""

    main_rss: float
    """Resident memory of the s2st process, as the kernel kept count of it."""
    tree_rss: float
    """Resident memory of s2st and all processes below it, shared pages counted in each."""
    tree_pss: float
    """The same with shared pages divided by their users."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=60, help="length of the long recording (default 60)"
    )
    minutes = parser.parse_args().minutes
    rows, peaks = [], []
    for length in (1.0, minutes):
        peak, wall_s = _measure(length)
        peaks.append(peak)
        rows.append((f"{length:g} minutes", wall_s, peak.main_rss, peak.tree_rss, peak.tree_pss))
    print_table(("sound", "wall s", "s2st RSS MB", "tree RSS MB", "tree PSS MB"), rows)
    short, long = peaks
    print_verdict(f"s2st RSS, {minutes:g} minutes / 1", long.main_rss / short.main_rss, TARGET)
    print_verdict(f"tree PSS, {minutes:g} minutes / 1", long.tree_pss / short.tree_pss, TARGET)
    print_circumstances(
        f"{RECORDING.name} over and over, `--timeline --format {FORMATS} --tgt spa`; s2st RSS is "
        "ru_maxrss of the process, the tree's sums were read from /proc every "
        f"{SAMPLE_EVERY_S:g} s while it ran"
    )


def _measure(minutes: float) -> tuple[Peaks, float]:
    """Peaks and wall time of one process over one recording of this length."""
    with tempfile.TemporaryDirectory() as name:
        recording = Path(name) / "recording.wav"
        write_repeated(recording, RECORDING, 60 * minutes)
        words = ["--src", "eng", "--tgt", "spa", "--timeline", "--format", FORMATS, "--quiet"]
        sampler = TreeSampler()
        finished = run(
            [S2ST, "file", recording, *words, "--output", Path(name) / "out"],
            started=sampler.watch,
        )
        sampler.finish()
    return Peaks(finished.peak_rss_mb, sampler.rss_mb, sampler.pss_mb), finished.wall_s


class TreeSampler:
    """Reads the memory of a process and all below it again and again, on a thread of its own."""

    def __init__(self) -> None:
        self.rss_mb = 0.0
        self.pss_mb = 0.0
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._root = 0

    def watch(self, root: int) -> None:
        self._root = root
        self._thread.start()

    def finish(self) -> None:
        self._finished.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._finished.wait(SAMPLE_EVERY_S):
            seen = [_rollup_mb(process) for process in _tree(self._root)]
            self.rss_mb = max(self.rss_mb, sum(rss for rss, _ in seen))
            self.pss_mb = max(self.pss_mb, sum(pss for _, pss in seen))


def _tree(root: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except OSError:  # it has just ended
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    tree = [root]
    for process in tree:  # grows while it is read
        tree.extend(children.get(process, ()))
    return tree


def _rollup_mb(process: int) -> tuple[float, float]:
    """Resident and proportional memory of one process; nothing for one that has ended."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return 0.0, 0.0
    kilobytes = {fields[0]: fields[1] for line in text.splitlines() if (fields := line.split())}
    return int(kilobytes.get("Rss:", 0)) / 1024, int(kilobytes.get("Pss:", 0)) / 1024


if __name__ == "__main__":
    main()

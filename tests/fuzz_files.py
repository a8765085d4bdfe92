"""Mutated files through the decoding layer, in one process; see `scripts/fuzz_files`."""

import argparse
import faulthandler
import os
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from audio_io.errors import S2stError
from audio_io.manifest import read_manifest
from audio_io.recordings.recording import open_recording
from tests.audio_io.odd import container, marked_sound

KINDS = {
    "wav": "pcm.wav",
    "flac": "a.flac",
    "mp3": "a.mp3",
    "ogg": "a.opus",
    "m4a": "a.m4a",
    "mkv": "a.mkv",
    "webm": "a.webm",
    "ts": "a.ts",
}
TEXTS = {
    "tsv": "id\taudio\tsrc_lang\ttrack\na\ta.wav\teng\t1\nb\tdeep/b.flac\tspa\tdeu\n",
    "srt": "1\n00:00:00,490 --> 00:00:01,970\nThis house is very big.\n\n",
}
SECONDS = 2
LONGEST_S = 20
MOST_BYTES = 700 << 20
"""Of memory in use, the interpreter and its libraries included."""
MOST_GROWTH_BYTES = 150 << 20
"""From the hundredth file to the last."""
FAILED, HUNG, CRASHED = 1, 2, 3

Mutation = Callable[[bytes, bytes, np.random.Generator], bytes]


def flipped(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    made = bytearray(data)
    for at in random.integers(0, len(made), random.integers(1, 100)):
        made[at] ^= 1 << int(random.integers(8))
    return bytes(made)


def flipped_in_the_head(data: bytes, other: bytes, random: np.random.Generator) -> bytes:
    return flipped(data[:600], other, random) + data[600:]


def cut(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    return data[: int(random.integers(0, len(data)))]


def beheaded(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    return data[int(random.integers(0, len(data))) :]


def joined(data: bytes, other: bytes, random: np.random.Generator) -> bytes:
    return cut(data, other, random) + beheaded(other, data, random)


def doubled(data: bytes, _: bytes, __: np.random.Generator) -> bytes:
    return data + data


def with_another_head(data: bytes, other: bytes, random: np.random.Generator) -> bytes:
    size = int(random.integers(4, 4096))
    return other[:size] + data[size:]


def zeroed(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    made = bytearray(data)
    at, size = int(random.integers(len(made))), int(random.integers(1, len(made)))
    made[at : at + size] = bytes(len(made[at : at + size]))
    return bytes(made)


def with_noise(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    at = int(random.integers(len(data)))
    return data[:at] + random.bytes(int(random.integers(1, 5000))) + data[at:]


def with_large_numbers(data: bytes, _: bytes, random: np.random.Generator) -> bytes:
    """Sizes and times that promise the earth."""
    made = bytearray(data)
    at = int(random.integers(min(len(made), 2000)))
    made[at : at + 8] = random.choice([b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\0" * 7 + b"\1"])
    return bytes(made)


MUTATIONS: Sequence[Mutation] = (
    *(flipped, flipped_in_the_head, cut, beheaded, joined, doubled, with_another_head, zeroed),
    *(with_noise, with_large_numbers),
)


def examine(path: Path) -> str:
    """Read it all, as the program does. Says what came of it; raises what must not be raised."""
    try:
        if path.suffix == ".tsv":
            read_manifest(path)
            return "read"
        end = 0
        lost = False
        with open_recording(path, 16_000) as recording:
            for chunk in recording:
                assert chunk.start_sample >= end, "time goes back"
                assert np.isfinite(chunk.samples).all(), "a sample is no number"
                assert not len(chunk.samples) or np.abs(chunk.samples).max() <= 1.0
                lost |= chunk.start_sample > end or bool(chunk.lost_reason)
                end = chunk.end_sample
            assert recording.clock.at(end / 16_000) >= 0
    except S2stError as error:
        assert str(error).isprintable(), "the message is not one line"
        return "refused"
    return "damage told" if lost else "heard"


def fuzz(count: int, seed: int, folder: Path) -> int:
    """The exit code. The file at hand lies in the folder as long as it is looked at."""
    random = np.random.default_rng(seed)
    sound = marked_sound(SECONDS)
    (folder / "whole").mkdir()
    whole = {
        kind: container(folder / "whole", name, sound).read_bytes() for kind, name in KINDS.items()
    } | {kind: text.encode() for kind, text in TEXTS.items()}
    kinds = sorted(whole)
    outcomes: Counter[str] = Counter()
    early_bytes, slowest_s = 0, 0.0
    for number in range(count):
        kind, other = random.choice(kinds), whole[random.choice(kinds)]
        mutate = MUTATIONS[int(random.integers(len(MUTATIONS)))]
        path = folder / f"{number}-{mutate.__name__}.{kind}"
        path.write_bytes(mutate(whole[kind], other, random))
        faulthandler.dump_traceback_later(LONGEST_S, exit=True)
        started_s = time.monotonic()
        try:
            outcomes[examine(path)] += 1
        except Exception:  # every one of them is a fault
            traceback.print_exc()
            return FAILED
        finally:
            faulthandler.cancel_dump_traceback_later()
        slowest_s = max(slowest_s, time.monotonic() - started_s)
        path.unlink()
        if number == min(99, count // 2):
            early_bytes = _memory_bytes()
    grown = _memory_bytes() - early_bytes
    most = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{count} files, seed {seed}: " + ", ".join(f"{n} {o}" for o, n in outcomes.items()))
    print(f"slowest {slowest_s:.1f} s, memory {most >> 20} MB at most, {grown >> 20} MB grown")
    if most > MOST_BYTES or grown > MOST_GROWTH_BYTES:
        print("that is too much memory", file=sys.stderr)
        return FAILED
    return 0


def _memory_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/fuzz_files", description=__doc__)
    parser.add_argument("--count", type=int, default=3000, help="files (3000)")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations (0)")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.folder is not None:
        return fuzz(asked.count, asked.seed, asked.folder)
    folder = Path(tempfile.mkdtemp(prefix="s2st-fuzz-"))
    words = ["--count", str(asked.count), "--seed", str(asked.seed), "--folder", str(folder)]
    code = subprocess.run(
        [sys.executable, "-m", "tests.fuzz_files", *words], check=False
    ).returncode
    left = sorted(path for path in folder.glob("*-*"))
    if code and left:
        how = "crashed" if code < 0 else "failed or took too long"
        print(f"it {how} (exit {code}) on {left[-1]}", file=sys.stderr)
        return CRASHED if code < 0 else FAILED
    for path in (*left, *(folder / "whole").glob("*")):
        path.unlink()
    (folder / "whole").rmdir()
    folder.rmdir()
    return code


if __name__ == "__main__":
    sys.exit(main())

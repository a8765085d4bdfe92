#!/usr/bin/env python3
"""The lag of `s2st live` with the draft engine, over a virtual microphone and speaker.

Real recordings are played into the microphone with pauses between them. The start lag of every
clause is what the program says itself; when the speaker really began is read off a recording of
it. The transcript's word error rate stands beside that of `s2st file` on the same sound.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import soundfile
from measuring import DATA, S2ST, print_circumstances, print_table, print_verdict, run
from numpy.typing import NDArray
from quality import NORMALISER, normalised
from recordings import english_rows
from virtual import RATE_HZ, Player, Tap, enter_virtual_audio, onsets_s

from audio_io.manifest import ManifestRow
from audio_io.recordings.recording import open_recording

LAG_TARGET_S = 1.0
PARTIAL_TARGET_S = 0.9
PAUSE_S = 1.5
SPEECH_DB = -45.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What microphone and speaker really gave, in seconds of the session's stream."""

    speech_s: NDArray[np.float64]
    """When speech began after a pause."""
    speaker_s: NDArray[np.float64]
    """When the speaker began after one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-file",
        type=Path,
        default=DATA / "manifest.tsv",
        help="tsv manifest; its English rows are played (default: the bundled recordings)",
    )
    parser.add_argument("--tgt", default="spa", help="target language (default spa)")
    arguments = parser.parse_args()
    enter_virtual_audio()
    rows = english_rows(arguments.data_file)
    sound = with_pauses(rows)
    reference = normalised(" ".join(row.source_text or "" for row in rows))
    with tempfile.TemporaryDirectory() as folder:
        records, heard = live(sound, Path(folder), arguments.tgt)
        in_file = by_file(sound, Path(folder), arguments.tgt)
    played = [record for record in records if record["type"] == "speech_played"]
    start_lags = np.array([record["start_lag_s"] for record in played])
    end_lags = np.array([record["end_lag_s"] for record in played])
    partials = first_partials(records, heard.speech_s.tolist())
    seen = differences(played, heard.speaker_s.tolist())
    part = {
        name: np.array([record[f"{name}_s"] for record in played])
        for name in ("engine", "queue", "playback")
    }
    table = [
        (name, len(values), *(float(value) for value in np.percentile(values, [5, 50, 95])))
        for name, values in (
            ("clause end to first audio (start lag)", start_lags),
            ("  waiting for its end, and computing", part["engine"]),
            ("  behind the speech before", part["queue"]),
            ("  on its way through the speaker", part["playback"]),
            ("clause end to last audio (end lag)", end_lags),
            ("speech start to first partial text", np.array(partials)),
            ("speaker began later than the program says", np.array(seen)),
        )
        if len(values)
    ]
    print_table(("seconds", "times", "p5", "median", "p95"), table)
    live_words = committed(records)
    print()
    print_table(
        ("word error rate on the same sound", "%", "words"),
        [
            ("s2st live", 100 * jiwer.wer(reference, live_words), len(live_words.split())),
            ("s2st file", 100 * jiwer.wer(reference, in_file), len(in_file.split())),
            ("reference", 0.0, len(reference.split())),
        ],
    )
    kinds = [record["type"] for record in records]
    print(
        f"\nnot spoken: {kinds.count('speech_dropped')} clauses; "
        f"sound lost: {kinds.count('audio_lost')} pieces"
    )
    print_verdict("start lag, median seconds", float(np.median(start_lags)), LAG_TARGET_S)
    print_verdict(
        "first partial text, median seconds", float(np.median(partials)), PARTIAL_TARGET_S
    )
    print_circumstances(
        f"{len(rows)} recordings, {len(sound) / RATE_HZ:.0f} s with pauses of {PAUSE_S} s, through "
        f"`s2st live --tgt {arguments.tgt} --echo off --json --record` over a private PulseAudio, "
        f"--min-confidence 0; normaliser: {NORMALISER}"
    )


def with_pauses(rows: list[ManifestRow]) -> NDArray[np.float32]:
    pause = np.zeros(round(PAUSE_S * RATE_HZ), np.float32)
    parts = [pause]
    for row in rows:
        with open_recording(row.audio, RATE_HZ) as recording:
            parts.extend(chunk.samples for chunk in recording)
        parts.append(pause)
    return np.concatenate(parts)


def live(
    sound: NDArray[np.float32], folder: Path, target: str
) -> tuple[list[dict[str, Any]], Heard]:
    """The session's transcript, and what was really heard."""
    kept = folder / "session"
    program = subprocess.Popen(
        [S2ST, "live", "--src", "eng", "--tgt", target, "--json", "--echo", "off",
         "--min-confidence", "0", "--record", kept],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    source = kept / "source.wav"
    deadline_s = time.monotonic() + 30
    while not source.exists() or source.stat().st_size < 2 * RATE_HZ:
        if time.monotonic() > deadline_s or program.poll() is not None:
            sys.exit("s2st live did not begin to listen")
        time.sleep(0.1)
    taps = Tap("vmic"), Tap("vspeaker.monitor")
    time.sleep(2.5)  # a remapped source takes so long to begin
    Player(sound).wait()
    time.sleep(5.0)
    program.send_signal(signal.SIGTERM)  # Ctrl-C is ignored by what runs in the background
    program.wait(timeout=60)
    (said, said_at_s), (spoken, spoken_at_s) = (tap.stop() for tap in taps)
    heard, rate_hz = soundfile.read(source, dtype="float32")
    speech_s = onsets_s(heard, rate_hz, SPEECH_DB)
    # The clock of the stream, against the machine's: the same first word in both.
    zero_s = said_at_s + onsets_s(said, RATE_HZ, SPEECH_DB)[0] - speech_s[0]
    lines = (kept / "transcript.jsonl").read_text(encoding="utf-8").splitlines()
    speaker_s = spoken_at_s + onsets_s(spoken, RATE_HZ, SPEECH_DB) - zero_s
    return [json.loads(line) for line in lines], Heard(speech_s, speaker_s)


def by_file(sound: NDArray[np.float32], folder: Path, target: str) -> str:
    """The transcript of `s2st file`, normalised."""
    soundfile.write(folder / "sound.wav", sound, RATE_HZ)
    run(
        [S2ST, "file", folder / "sound.wav", "--src", "eng", "--tgt", target, "--format", "txt",
         "--min-confidence", "0", "--quiet"]
    )  # fmt: skip
    return normalised((folder / "sound.eng.txt").read_text(encoding="utf-8"))


def committed(records: list[dict[str, Any]]) -> str:
    texts = [r["text"] for r in records if r["type"] == "source_text" and r["committed"]]
    return normalised(" ".join(texts))


def first_partials(records: list[dict[str, Any]], speech_s: Sequence[float]) -> list[float]:
    """From each beginning of speech to the first text that came of it."""
    shown = [(r["at_s"], r["end_s"]) for r in records if r["type"] == "source_text" and r["text"]]
    delays = []
    for begin_s in speech_s:
        times = [at_s for at_s, end_s in shown if end_s > begin_s and at_s > begin_s]
        if times and times[0] - begin_s < 3.0:
            delays.append(times[0] - begin_s)
    return delays


def differences(played: list[dict[str, Any]], speaker_s: Sequence[float]) -> list[float]:
    """How much later than the program says clauses began in the speaker."""
    said = [record["end_s"] + record["start_lag_s"] for record in played]
    nearest = [min(speaker_s, key=lambda onset, at=at_s: abs(onset - at)) for at_s in said]
    return [onset - at for onset, at in zip(nearest, said, strict=True) if abs(onset - at) < 0.5]


if __name__ == "__main__":
    main()

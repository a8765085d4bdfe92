#!/usr/bin/env python3
"""Writes `tests/data/` again: short recordings of a synthetic English voice, and their manifest.

A developer's tool: needs the Debian package flite. The same version of flite writes the same
bytes. The sentences are ones that the offline draft engine hears and translates right.
"""

import csv
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
SAMPLE_RATE_HZ = 16_000
PAUSE_MS = 600
LEAD_MS = 500
"""Silence before the first sentence and after the last."""
SPEECH_DB = -45.0
"""Level above which flite speaks; its own silence lies near -90 dB."""
NOISE = 1e-4
"""Deviation of the noise below everything (-80 dB), as no microphone hears exact zeros."""


@dataclass(frozen=True, slots=True)
class Recording:
    name: str
    sentences: tuple[tuple[str, str], ...]
    """English, and its Spanish reference."""


HOUSE = ("This house is very big.", "Esta casa es muy grande.")
WATER = ("I would like to drink a glass of water.", "Me gustaría beber un vaso de agua.")
CAR = (
    "They want to buy a new car next year.",
    "Quieren comprar un coche nuevo el año que viene.",
)
MOUNTAINS = ("Tomorrow we will go to the mountains.", "Mañana iremos a las montañas.")
MORNING = ("Good morning.", "Buenos días.")
DAY = ("Today is a beautiful day.", "Hoy es un día bello.")
# No comma: flite pauses at nothing else, so a segmenter has to cut within speech.
LONG = (
    "We are going to the city tomorrow because we would like to visit the old museum and spend the"
    " day with two friends who want to learn another language.",
    "Mañana vamos a la ciudad porque nos gustaría visitar el museo viejo y pasar el día con dos"
    " amigos que quieren aprender otro idioma.",
)
RECORDINGS = (
    Recording("quickstart", (HOUSE, WATER, CAR)),
    Recording("short", (MOUNTAINS,)),
    Recording("two_sentences", (MORNING, DAY)),
    Recording("long_sentence", (LONG,)),
)


def speak(text: str) -> NDArray[np.float64]:
    """One sentence by flite's voice rms, without the silence around it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run(["flite", "-voice", "rms", "-t", text, "-o", path], check=True)
        samples, sample_rate_hz = sf.read(path)
    if sample_rate_hz != SAMPLE_RATE_HZ:
        sys.exit(f"flite wrote {sample_rate_hz} Hz instead of {SAMPLE_RATE_HZ}.")
    loud = np.flatnonzero(np.abs(samples) > 10 ** (SPEECH_DB / 20))
    return np.asarray(samples[loud[0] : loud[-1] + 1])


def silence(duration_ms: int) -> NDArray[np.float64]:
    return np.zeros(SAMPLE_RATE_HZ * duration_ms // 1000)


def record(recording: Recording) -> NDArray[np.float64]:
    parts = [silence(LEAD_MS)]
    for english, _ in recording.sentences:
        parts += [speak(english), silence(PAUSE_MS)]
    samples = np.concatenate([*parts[:-1], silence(LEAD_MS)])
    return samples + np.random.default_rng(0).normal(0.0, NOISE, len(samples))


def main() -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    rows = []
    for recording in RECORDINGS:
        samples = record(recording)
        path = DATA / f"{recording.name}.wav"
        sf.write(path, samples, SAMPLE_RATE_HZ, subtype="PCM_16")
        source, target = (" ".join(texts) for texts in zip(*recording.sentences, strict=True))
        rows.append([recording.name, path.name, "eng", source, "spa", target])
        print(f"{path.name}: {len(samples) / SAMPLE_RATE_HZ:.2f} s", file=sys.stderr)
    with (DATA / "manifest.tsv").open("w", encoding="utf-8", newline="") as manifest:
        writer = csv.writer(manifest, delimiter="\t", lineterminator="\n")
        writer.writerow(["id", "audio", "src_lang", "src_text", "tgt_lang", "tgt_text"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()

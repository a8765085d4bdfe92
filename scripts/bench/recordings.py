"""What the benchmarks translate: English rows of a manifest, and bundled recordings joined."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from audio_io.errors import S2stError
from audio_io.manifest import ManifestRow, read_manifest
from engine.languages import resolve_language

COLUMNS = "id\taudio\tsrc_lang\ttgt_lang\tsrc_text\ttgt_text"


def english_rows(manifest: Path) -> list[ManifestRow]:
    """The rows of a manifest that the draft engine can hear; at least one."""
    try:
        rows = read_manifest(manifest)
        english = [
            row for row in rows if resolve_language(row.source_language or "eng").code == "eng"
        ]
    except S2stError as error:
        sys.exit(str(error))
    if not english:
        sys.exit(f"{manifest} has no English rows.")
    return english


def write_manifest(path: Path, rows: Sequence[ManifestRow]) -> list[str | Path]:
    """A manifest of these rows, and the words that hand it to `s2st file`.

    Its audio paths are absolute, so that it can lie anywhere.
    """
    lines = [
        f"{row.id}\t{row.audio}\t{row.source_language or 'eng'}\t{row.target_language or ''}\t"
        f"{row.source_text or ''}\t{row.target_text or ''}"
        for row in rows
    ]
    path.write_text("\n".join([COLUMNS, *lines]) + "\n", encoding="utf-8")
    return [path, "--audio-root", path.resolve().anchor]


def write_joined(path: Path, *parts: Path) -> None:
    """One recording after the other, as one wav."""
    rates = {sf.info(part).samplerate for part in parts}
    assert len(rates) == 1, "the parts have one sample rate"
    with sf.SoundFile(path, "w", rates.pop(), 1, subtype="PCM_16") as out:
        for part in parts:
            out.write(_read(part))


def write_repeated(path: Path, recording: Path, duration_s: float) -> None:
    """A recording over and over until it has lasted that long, as a wav."""
    samples, rate_hz = _read(recording), sf.info(recording).samplerate
    missing = round(duration_s * rate_hz)
    with sf.SoundFile(path, "w", rate_hz, 1, subtype="PCM_16") as out:
        while missing > 0:
            out.write(samples[:missing])
            missing -= len(samples[:missing])


def _read(recording: Path) -> NDArray[np.int16]:
    samples, _ = sf.read(recording, dtype="int16")
    return np.asarray(samples, dtype=np.int16)

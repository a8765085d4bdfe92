"""Cut at any byte, a recording of these kinds says so, or is refused."""

from pathlib import Path

import numpy as np
import pytest

from audio_io.errors import S2stError
from tests.audio_io.odd import container, heard, lost, marked_sound

KINDS = (
    *("pcm.wav", "a.flac", "a.mp3", "a.opus", "a.m4a", "a.mkv", "a.webm", "a.flv", "a.w64"),
    *("a.caf", "mp3.avi", "pcm.avi", "a.aiff", "a.wv", "adpcm.wav"),
)
FRAMES = ("a.aac", "a.ac3", "a.ts")
"""Nothing tells that more should come, if the cut falls just between two frames or packets."""
CUTS = 25


@pytest.mark.parametrize("name", [*KINDS, *FRAMES])
def test_a_cut_at_any_byte_is_told(tmp_path: Path, name: str) -> None:
    data = container(tmp_path, name, marked_sound(2)).read_bytes()
    random = np.random.default_rng(KINDS.index(name) if name in KINDS else 99)
    told = 0
    for number, at in enumerate(random.integers(0, len(data) - 1, CUTS)):
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(data[: int(at)])
        try:
            told += bool(lost(heard(path)))
        except S2stError:
            told += 1
    assert told >= (CUTS if name in KINDS else CUTS - 2)

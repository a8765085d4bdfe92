"""Names that fit, and paths that cannot be looked at."""

import os
from pathlib import Path

import pytest

from audio_io.paths import fitting, is_file, is_folder, is_there, really


@pytest.mark.parametrize("letter", ["x", "é", "語", "🎬", "\udcff"])
def test_every_stem_has_a_name_of_its_own_for_every_ending(letter: str, tmp_path: Path) -> None:
    endings = (".spa.wav", ".spa.srt", ".eng.jsonl", "")
    bytes_of_one = len(os.fsencode(letter))
    stems = [letter * (length // bytes_of_one) + "ab"[length % 2] for length in range(230, 255)]
    names = [fitting(stem, ending) for stem in stems for ending in endings]
    for name, (stem, ending) in zip(names, ((s, e) for s in stems for e in endings), strict=True):
        assert len(os.fsencode(name)) <= 255
        assert name.endswith(ending)
        if len(os.fsencode(stem + ending)) <= 255:
            assert name == stem + ending
        (tmp_path / name).touch()
    assert len({*names}) == len({*stems}) * len(endings)
    assert {path.name for path in tmp_path.iterdir()} == {*names}


def test_what_cannot_be_looked_at_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    for name in ("loop", "x" * 300, "file/below", "a\0b"):
        path = tmp_path / name
        assert not (is_there(path) or is_file(path) or is_folder(path))
    assert really(tmp_path / "loop") == tmp_path / "loop"

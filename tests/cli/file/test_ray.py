"""Recordings on Ray: the same files."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.running import LONG, SHORT, TWO, contents, inside, names, parts

pytestmark = pytest.mark.ray


def test_recordings_on_ray_come_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the actors stand elsewhere
    sounds = tuple(os.path.relpath(path) for path in (SHORT, TWO, LONG))
    said: dict[str, list[dict[str, object]]] = {}
    for name, where in (("here", ()), ("ray", ("--ray", "local", "--jobs", 2))):
        words = ("--tgt", "spa", "--format", "wav,srt,jsonl", "--json", "--quiet", "-o", name)
        ran = inside("file", *sounds, "none.wav", *words, *where)
        assert ran.code == 1
        assert "none.wav" in ran.err
        said[name] = [json.loads(line) for line in ran.out.splitlines()]
    assert len(names(tmp_path / "here")) == 15
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")
    assert not parts(tmp_path / "ray")
    events = {
        name: sorted(json.dumps(record, sort_keys=True) for record in records if "text" in record)
        for name, records in said.items()
    }
    assert events["ray"] == events["here"] != []

"""The line that installs what is missing."""

from pathlib import Path

import pytest

from engine.registry import extras

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("extra", "here", "elsewhere"),
    [
        ("silero", "scripts/setup silero", "pip install 's2st[silero]'"),
        ("", "scripts/setup", "pip install s2st"),
    ],
)
def test_only_a_clone_is_told_of_its_set_up(
    extra: str, here: str, elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert extras.to_install(extra) == here
    monkeypatch.setattr(extras, "_ROOT", tmp_path)
    assert extras.to_install(extra) == elsewhere


def test_no_message_names_the_set_up_but_by_way_of_it() -> None:
    rooms = [path for room in ("cli", "engine", "audio_io") for path in (ROOT / room).rglob("*.py")]
    named = [path.name for path in rooms if "scripts/setup" in path.read_text(encoding="utf-8")]
    assert named == ["extras.py"]

from pathlib import Path

import pytest
from av.format import ContainerFormat

from audio_io.decoding.libav import FORMATS
from audio_io.suffixes import SOUND_SUFFIXES, is_named_like_sound
from tests.audio_io.sounds import chirp, with_ffmpeg

NOT_SOUND = {"avif", "heic", "heif", "mks", "mj2", "apl"}
"""Pictures, subtitles and lists, which FFmpeg's formats name too."""


def test_suffixes_are_lower_case_with_a_dot() -> None:
    assert all(s.startswith(".") and s == s.lower() and len(s) > 2 for s in SOUND_SUFFIXES)


def test_what_can_be_read_is_taken_in_a_folder() -> None:
    """There is one list: every format's own names are among the suffixes."""
    names = {name for each in FORMATS.split(",") for name in ContainerFormat(each, "r").extensions}
    assert {f".{name}" for name in names - NOT_SOUND} <= SOUND_SUFFIXES
    usual = {".wav", ".mxf", ".ts", ".m2ts", ".mpg", ".vob", ".wma", ".ogx", ".rm", ".dv"}
    assert usual <= SOUND_SUFFIXES
    assert not {".txt", ".srt", ".json", ".m3u8", ".tsv", ".part", ""} & SOUND_SUFFIXES


@pytest.mark.parametrize(("name", "text"), [("a.ts", "let x = 1\n"), ("a.mts", "export {}\n")])
def test_a_program_with_the_suffix_of_a_broadcast_is_none(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text * 100)
    assert not is_named_like_sound(tmp_path / name)
    (tmp_path / name).unlink()
    with_ffmpeg(tmp_path / name, chirp(1, 48_000), 48_000, codec="aac", file_format="mpegts")
    assert is_named_like_sound(tmp_path / name)

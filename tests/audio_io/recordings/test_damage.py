"""Cut off and damaged: nothing is lost silently, and what follows keeps its time."""

from pathlib import Path

import pytest

from tests.audio_io.odd import CONTAINERS, SECONDS, container, cut, heard, lost, misplaced_s, zeroed

TELLS_HOW_MUCH = set(CONTAINERS) - {
    *("a.aac", "a.ac3", "a.opus", "flac.ogg", "pieces.mp4", "a.ts", "a.mpg", "a.nut", "a.voc"),
}
"""Formats from which is known how long a recording should have been."""
CANNOT_TELL = {
    *("pcm.wav", "adpcm.wav", "ima.wav", "a.rf64", "a.w64", "a.caf", "a.aiff", "a.au"),
}
"""Formats in which zeros are silence."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("whole")
    return {name: container(folder, name) for name in CONTAINERS}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_whole_recording_loses_nothing(whole: dict[str, Path], name: str) -> None:
    chunks = heard(whole[name])
    assert lost(chunks) == []
    assert chunks[-1].end_s == pytest.approx(SECONDS, abs=0.05)
    assert misplaced_s(chunks) == pytest.approx(0, abs=0.04)


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_recording_that_was_cut_off_says_so_once(whole: dict[str, Path], name: str) -> None:
    chunks = heard(cut(whole[name], 0.601))
    [(from_s, to_s, reason)] = lost(chunks)
    if name != "a.nut":  # which has no sizes: only a piece that makes no sense
        assert reason == "the recording was cut off"
    assert from_s == pytest.approx(0.6 * SECONDS, abs=1.0)
    if name in TELLS_HOW_MUCH:
        # An avi tells bytes, not seconds.
        assert to_s == pytest.approx(SECONDS, abs=0.6 if name.endswith("avi") else 0.1)
    assert misplaced_s(chunks) == pytest.approx(0, abs=0.04)


@pytest.mark.parametrize("name", sorted(set(CONTAINERS) - CANNOT_TELL))
def test_what_comes_after_damage_keeps_its_time(whole: dict[str, Path], name: str) -> None:
    chunks = heard(zeroed(whole[name]))
    [(from_s, to_s, reason), *more] = lost(chunks)
    assert from_s == pytest.approx(0.45 * SECONDS, abs=0.8)
    assert reason in ("it is damaged and could not be read", "the recording was cut off")
    if name not in {"a.voc", "a.wv", "pieces.mp4"}:  # FFmpeg finds no way past the damage
        assert more == []
        assert to_s >= 0.57 * SECONDS
        assert chunks[-1].end_s == pytest.approx(SECONDS, abs=0.15)
        assert misplaced_s(chunks) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("name", sorted(CANNOT_TELL))
def test_zeros_in_plain_samples_are_silence(whole: dict[str, Path], name: str) -> None:
    chunks = heard(zeroed(whole[name]))
    assert lost(chunks) == []
    assert misplaced_s(chunks) == pytest.approx(0, abs=0.04)

"""What a player shows when a recording's clock and its sound part."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audio_io.recordings.recording import open_recording
from audio_io.shown_clock import ShownClock
from tests.audio_io.odd import (
    RATE_HZ,
    SECONDS,
    heard,
    lost,
    marked_sound,
    misplaced_s,
    shown_otherwise,
    tracks,
)
from tests.audio_io.sounds import difference_db, joined


def clock_of(path: Path) -> ShownClock:
    with open_recording(path, 16_000) as recording:
        assert lost(list(recording)) == []
        return recording.clock


@pytest.mark.parametrize("speed", [1.03, 0.99, 1.05, 0.95])
def test_a_clock_that_runs_off_is_followed_and_no_sound_is_cut(
    tmp_path: Path, speed: float
) -> None:
    sound = marked_sound()[None]
    path = tracks(tmp_path / "a.mkv", [sound], shown_at=lambda at_s: at_s * speed)
    steady = tracks(tmp_path / "b.mkv", [sound])
    clock = clock_of(path)
    for at_s in (0.5, 3.0, 7.7, 11.9):
        assert clock.at(at_s) == pytest.approx(at_s * speed, abs=0.08)
    assert difference_db(joined(heard(path)), joined(heard(steady))) < -100


def stepping_back(at_ms: int) -> float:
    return at_ms if at_ms < 7000 else at_ms - 3000


def stepping_back_and_on(at_ms: int) -> float:
    return at_ms - 1000 if 3000 <= at_ms < 9000 else at_ms


@pytest.mark.parametrize(
    ("shown_ms", "table"),
    [
        (stepping_back, [(2.0, 2.0), (6.5, 6.5), (7.5, 4.5), (11.0, 8.0)]),
        # The step forward is a pause of a second in the sound.
        (stepping_back_and_on, [(2.5, 2.5), (3.5, 2.5), (8.5, 7.5), (11.0, 10.0)]),
        # One stamp alone, or many that wobble about the truth, move nothing.
        (lambda ms: ms + 5000 * (4000 < ms < 4030), [(3.0, 3.0), (6.0, 6.0), (11.0, 11.0)]),
        (lambda ms: ms + 150 * ((ms // 20) % 7 == 3), [(3.0, 3.0), (6.0, 6.0), (11.0, 11.0)]),
        (lambda ms: ms + 60 * np.sin(ms / 90), [(3.0, 3.0), (6.0, 6.0), (11.0, 11.0)]),
    ],
)
def test_a_clock_that_steps_is_shown_as_it_steps(
    tmp_path: Path, shown_ms: Callable[[int], float], table: list[tuple[float, float]]
) -> None:
    steady = tracks(tmp_path / "a.mkv", [marked_sound()[None]], "aac")
    path = shown_otherwise(steady, tmp_path / "b.mkv", shown_ms)
    clock = clock_of(path)
    for at_s, shown_s in table:
        assert clock.at(at_s) == pytest.approx(shown_s, abs=0.1)


@pytest.mark.parametrize(("codec", "name"), [("libopus", "a.webm"), ("aac", "a.mkv")])
@pytest.mark.parametrize("pause_s", [0.7, 20.0, 4000.0])
def test_a_gap_without_damage_is_a_pause(
    tmp_path: Path, codec: str, name: str, pause_s: float
) -> None:
    path = tracks(
        tmp_path / name,
        [marked_sound()[None]],
        codec,
        shown_at=lambda at_s: at_s if at_s < 5 else at_s + pause_s,
    )
    chunks = heard(path)
    assert lost(chunks) == []
    assert chunks[-1].end_s == pytest.approx(SECONDS + pause_s, abs=0.05)
    assert misplaced_s(chunks) == pytest.approx(pause_s, abs=0.04)
    within = [chunk for chunk in chunks if 5.1 < chunk.start_s < 4.9 + pause_s]
    assert max(float(np.abs(chunk.samples).max()) for chunk in within[:-1]) < 0.02


def test_a_broadcast_whose_clock_starts_again_goes_on(tmp_path: Path) -> None:
    sound = marked_sound()
    half = len(sound) // 2
    parts = [
        tracks(tmp_path / "a.ts", [sound[None, :half]], "aac"),
        tracks(tmp_path / "b.ts", [sound[None, half:]], "aac", shown_at=lambda at_s: at_s + 991),
    ]
    (tmp_path / "c.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    chunks = heard(tmp_path / "c.ts")
    assert lost(chunks) == []
    assert chunks[-1].end_s == pytest.approx(SECONDS, abs=0.1)
    assert misplaced_s(chunks) == pytest.approx(0, abs=0.1)


def test_a_track_that_begins_late_in_its_own_file_begins_at_once(tmp_path: Path) -> None:
    """As players show it: their clock starts where the recording does."""
    sound = marked_sound()[None, : 3 * RATE_HZ]
    chunks = heard(tracks(tmp_path / "a.mkv", [sound], "aac", shown_at=lambda at_s: at_s + 7))
    assert lost(chunks) == []
    assert chunks[-1].end_s == pytest.approx(3, abs=0.05)


def test_the_table_of_a_clock() -> None:
    clock = ShownClock()
    assert clock.is_stream_time
    clock.mark(1.0, 0.01)  # rounding
    assert clock.is_stream_time
    clock.mark(2.0, 0.05)
    clock.mark(4.0, 0.09)
    clock.mark(6.0, -2.0)  # a step
    assert [clock.at(at_s) for at_s in (0.0, 1.0, 2.0, 3.0, 5.0, 6.0, 9.0)] == pytest.approx(
        [0.0, 1.025, 2.05, 3.07, 5.09, 4.0, 7.0]
    )
    assert clock.at(0.0) == 0.0

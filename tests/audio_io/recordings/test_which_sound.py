"""Which track and which channels of a recording are heard, and what is said of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from audio_io.chunk import Samples
from audio_io.errors import SoundFileError, UsageError
from audio_io.recordings.recording import open_recording
from audio_io.sound_choice import SoundChoice
from tests.audio_io.odd import RATE_HZ, tracks
from tests.audio_io.sounds import dominant_hz, tone

LOW, HIGH = tone(300, 3, RATE_HZ), tone(900, 3, RATE_HZ)
SILENT = np.zeros_like(LOW)


def taken(path: Path, **choice: Any) -> tuple[Samples, str]:
    with open_recording(path, 16_000, choice=SoundChoice(**choice)) as recording:
        sound = np.concatenate([chunk.samples for chunk in recording])
        return sound, recording.taken


def level(sound: Samples) -> float:
    middle = sound[len(sound) // 4 : -len(sound) // 4]
    return float(np.sqrt(np.mean(np.square(middle, dtype=np.float64))))


TRACKS = [
    ([LOW, HIGH], None, {}, 300, "sound track 1 of 2"),
    ([LOW, HIGH], 1, {}, 900, "sound track 2 of 2"),
    ([SILENT, HIGH], 0, {}, 900, "sound track 2 of 2, since those before it are silent"),
    ([SILENT, SILENT, LOW], None, {}, 300, "sound track 3 of 3, since those before it are silent"),
    ([LOW, HIGH], 0, {"track": 2}, 900, "sound track 2 of 2"),
    ([SILENT, HIGH], 0, {"track": 1}, 0, "sound track 1 of 2"),
    ([LOW], None, {}, 300, ""),
]


@pytest.mark.parametrize(("sounds", "default", "choice", "hertz", "said"), TRACKS)
def test_a_track_is_chosen_by_disposition_and_sound(
    tmp_path: Path,
    sounds: list[Samples],
    default: int | None,
    choice: dict[str, Any],
    hertz: float,
    said: str,
) -> None:
    path = tracks(tmp_path / "a.mkv", [sound[None] for sound in sounds], default=default)
    sound, note = taken(path, **choice)
    assert note.startswith(said)
    assert bool(note) == bool(said)
    assert len(sound) == 3 * 16_000
    if hertz:
        assert dominant_hz(sound, 16_000) == pytest.approx(hertz, abs=3)
    else:
        assert not sound.any()


def test_a_track_is_chosen_by_its_language_and_one_that_is_not_there_is_refused(
    tmp_path: Path,
) -> None:
    path = tracks(tmp_path / "a.mkv", [LOW[None], HIGH[None]], languages=("fre", "ger"))
    sound, note = taken(path, languages=("deu", "ger", "de"))
    assert dominant_hz(sound, 16_000) == pytest.approx(900, abs=3)
    assert note == "sound track 2 of 2 (ger)"
    with pytest.raises(SoundFileError, match=r"no sound track 3; there is: 1 \(fre\), 2 \(ger\)"):
        taken(path, track=3)
    with pytest.raises(SoundFileError, match=r"no sound track in 'spa'; there is: 1 \(fre\)"):
        taken(path, languages=("spa",))


def test_a_track_that_cannot_be_decoded_is_passed_over(tmp_path: Path) -> None:
    path = tracks(tmp_path / "a.mkv", [LOW[None], HIGH[None]], "flac", default=0)
    data = bytearray(path.read_bytes())
    # The first codec's name in the header becomes one that nobody knows.
    at = data.index(b"A_FLAC")
    data[at : at + 6] = b"A_FLAX"
    path.write_bytes(data)
    sound, note = taken(path)
    assert dominant_hz(sound, 16_000) == pytest.approx(900, abs=3)
    assert "sound track 2 of 2" in note


def with_channels(path: Path, channels: list[Samples]) -> Path:
    soundfile.write(path, np.stack(channels, axis=1), RATE_HZ, subtype="FLOAT")
    return path


NOISE = (0.01 * np.random.default_rng(0).standard_normal(len(LOW))).astype(np.float32)
CHANNELS = [
    # What is written, what is heard of LOW (1 is all of it), and what is said.
    ([LOW, LOW], 1.0, ""),
    ([LOW, SILENT], 0.5, ""),
    ([LOW, -LOW], 1.0, "channel 1 of 2 alone, since a mix would lose it"),
    ([0.9 * LOW, -LOW], 1.0, "channel 2 of 2 alone, since a mix would lose it"),
    ([SILENT] * 4 + [LOW] + [SILENT] * 3, 1.0, "channel 5 of 8 alone"),
    ([LOW] * 4, 1.0, "a mix of 4 channels"),
]


@pytest.mark.parametrize(("channels", "share", "said"), CHANNELS)
def test_a_mix_that_cancels_falls_back_to_the_loudest(
    tmp_path: Path, channels: list[Samples], share: float, said: str
) -> None:
    sound, note = taken(with_channels(tmp_path / "a.wav", channels))
    assert level(sound) == pytest.approx(share * level(LOW), rel=0.02)
    assert note.startswith(said)
    assert bool(note) == bool(said)


@pytest.mark.parametrize(
    ("channel", "hertz"), [("1", 300), ("2", 900), ("left", 300), ("right", 900)]
)
def test_a_channel_that_is_asked_for_is_heard_alone(
    tmp_path: Path, channel: str, hertz: float
) -> None:
    path = with_channels(tmp_path / "a.wav", [LOW, HIGH])
    sound, note = taken(path, channel=channel)
    assert dominant_hz(sound, 16_000) == pytest.approx(hertz, abs=3)
    assert level(sound) == pytest.approx(level(LOW), rel=0.02)
    assert note == f"channel {channel} of 2"


def test_a_mix_that_is_asked_for_stays_one(tmp_path: Path) -> None:
    sound, _ = taken(with_channels(tmp_path / "a.wav", [LOW, -LOW]), channel="mix")
    assert level(sound) < 1e-6


def test_a_channel_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = with_channels(tmp_path / "a.wav", [LOW, HIGH])
    with pytest.raises(SoundFileError, match="has 2 channels, not a channel '3'"):
        taken(path, channel="3")
    for channel in ("0", "banjo", "-1", "99"):
        with pytest.raises(UsageError, match="is no channel"):
            SoundChoice(channel=channel)


def surround(centre: Samples, sides: NDArray[np.float32]) -> NDArray[np.float32]:
    """FL, FR, FC, LFE, BL, BR."""
    return np.stack([sides, sides, centre, SILENT, 0.5 * sides, 0.5 * sides])


@pytest.mark.parametrize("sides", [SILENT, NOISE, 0.1 * HIGH])
def test_speech_in_the_centre_of_a_film_is_heard(
    tmp_path: Path, sides: NDArray[np.float32]
) -> None:
    path = tracks(tmp_path / "a.mkv", [surround(LOW, sides)], "flac")
    sound, note = taken(path)
    assert dominant_hz(sound, 16_000) == pytest.approx(300, abs=3)
    assert level(sound) > 0.9 * level(LOW)  # a plain mean would bring a sixth
    assert "of 6" in note or "6 channels" in note

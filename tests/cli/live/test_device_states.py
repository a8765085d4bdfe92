"""`s2st live` whose devices change their names, are muted or sleep, while it runs."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cli.running import s2st, until
from tests.cli.virtual_audio import LiveRun, VirtualAudio, loudness_db, samples_of
from tests.fakes import RATE_HZ, speech

pytestmark = pytest.mark.real_time

SAID = "tomorrow"


@pytest.fixture
def audio() -> Iterator[VirtualAudio]:
    made = VirtualAudio()
    yield made
    made.close()


@pytest.fixture
def sentence() -> NDArray[np.float32]:
    return np.concatenate([speech("short.wav"), np.zeros(RATE_HZ, np.float32)])


def load_microphone(audio: VirtualAudio, name: str, title: str) -> None:
    audio.pactl(
        "load-module",
        "module-remap-source",
        f"source_name={name}",
        "master=vmic_in.monitor",
        f"source_properties=device.description={title}",
    )


def load_speaker(audio: VirtualAudio, name: str, title: str) -> None:
    audio.pactl(
        "load-module",
        "module-null-sink",
        f"sink_name={name}",
        "rate=48000",
        "channels=2",
        f"sink_properties=device.description={title}",
    )


@pytest.mark.parametrize("asked", [(), ("--input", "virtual_mic", "--output", "virtual_sp")])
def test_a_headset_under_another_name_is_known_again(
    audio: VirtualAudio, tmp_path: Path, sentence: NDArray[np.float32], asked: tuple[str, ...]
) -> None:
    """As when its Bluetooth profile changes."""
    with LiveRun(audio, tmp_path / "kept", "--tgt", "spa", *asked) as live:
        audio.pactl("unload-module", audio.module("source_name=vmic"))
        audio.pactl("unload-module", audio.module("sink_name=vspeaker"))
        load_microphone(audio, "vmic.headset", "virtual_microphone")
        load_speaker(audio, "vspeaker.headset", "virtual_speaker")
        until(lambda: {"input back", "output back"} <= set(live.device_events()))
        with audio.recorded("vspeaker.headset.monitor") as heard:
            audio.play(sentence)
            until(lambda: live.records("speech_played"))
        live.press_ctrl_c()
        assert not live.ended().code
    assert SAID in live.committed()
    assert loudness_db(samples_of(heard)) > -50


def test_where_none_was_named_a_new_default_is_taken_and_what_was_there_is_not(
    audio: VirtualAudio, tmp_path: Path
) -> None:
    load_microphone(audio, "other", "other_microphone")
    with LiveRun(audio, tmp_path / "kept", "--no-speech") as live:
        samples = len(live.source())
        until(lambda: len(live.source()) > samples + 4 * RATE_HZ)  # `other` was there long before
        audio.pactl("unload-module", audio.module("source_name=vmic"))
        audio.pactl("set-default-source", "other")
        until(lambda: "input lost" in live.device_events())
        audio.play(np.zeros(2 * RATE_HZ, np.float32))
        assert "input back" not in live.device_events()
        load_microphone(audio, "handsfree", "the_same_in_other_words")
        audio.pactl("set-default-source", "handsfree")
        until(lambda: "input back" in live.device_events())
        assert "'the_same_in_other_words' instead" in live.records("device")[-1]["text"]
        live.press_ctrl_c()
        assert not live.ended().code


def test_a_speaker_that_is_muted_at_the_server_is_told_of(
    audio: VirtualAudio, tmp_path: Path
) -> None:
    with LiveRun(audio, tmp_path / "kept") as live:
        audio.pactl("set-sink-mute", "vspeaker", "1")
        until(lambda: live.device_events() == ["output silent"])
        assert "muted at the sound server" in live.records("device")[-1]["text"]
        audio.pactl("set-sink-mute", "vspeaker", "0")
        until(lambda: live.device_events() == ["output silent", "output sounding"])
        audio.pactl("set-sink-volume", "vspeaker", "0")
        until(lambda: live.device_events()[2:] == ["output silent"])
        live.press_ctrl_c()
        assert not live.ended().code


def test_devices_that_sleep_are_waited_for_and_what_is_late_then_is_not_spoken(
    audio: VirtualAudio, tmp_path: Path, sentence: NDArray[np.float32]
) -> None:
    with LiveRun(audio, tmp_path / "kept", "--tgt", "spa", "--max-lag", "2") as live:
        samples = len(live.source())
        until(lambda: len(live.source()) > samples + 4 * RATE_HZ)
        audio.pactl("suspend-sink", "vspeaker", "1")
        until(lambda: "output asleep" in live.device_events())
        audio.play(sentence)
        until(lambda: live.records("speech_dropped"))
        audio.pactl("suspend-sink", "vspeaker", "0")
        until(lambda: "output awake" in live.device_events())
        audio.pactl("suspend-source", "vmic", "1")
        until(lambda: "input asleep" in live.device_events())
        audio.play(np.zeros(2 * RATE_HZ, np.float32))
        audio.pactl("suspend-source", "vmic", "0")
        until(lambda: live.records("audio_lost"))
        live.press_ctrl_c()
        assert not live.ended().code
    told = [r for r in live.device_events() if r not in ("input silent", "input sounding")]
    assert told == ["output asleep", "output awake", "input asleep", "input awake"]
    assert [lost["reason"] for lost in live.records("audio_lost")] == [
        "the microphone 'virtual_microphone' slept"
    ]


PLACES = ",".join(f"aux{number}" for number in range(8))


def play_into(audio: VirtualAudio, channel: int, sound: NDArray[np.float32]) -> None:
    """Into one input of an interface of eight."""
    inputs = np.zeros((len(sound), 8), "<f4")
    inputs[:, channel - 1] = sound
    subprocess.run(
        ["pacat", "-p", "-d", "eight", f"--rate={RATE_HZ}", "--channels=8", "--format=float32le",
         f"--channel-map={PLACES}"],
        input=inputs.tobytes(),
        env=os.environ | audio.env,
        check=True,
    )  # fmt: skip


@pytest.mark.parametrize("words", [(), ("--channel", "5")])
def test_one_microphone_of_an_interface_of_eight_is_heard_as_loud_as_it_is(
    audio: VirtualAudio, tmp_path: Path, sentence: NDArray[np.float32], words: tuple[str, ...]
) -> None:
    audio.pactl("load-module", "module-null-sink", "sink_name=eight", "rate=48000", "channels=8",
                f"channel_map={PLACES}", "sink_properties=device.description=eight")  # fmt: skip
    eight = ("--tgt", "spa", "--no-speech", "--input", "Monitor of eight")
    with LiveRun(audio, tmp_path / "kept", *eight, *words) as live:
        play_into(audio, 5, sentence)
        until(lambda: SAID in live.committed())
        live.press_ctrl_c()
        assert not live.ended().code
    loudest = np.max(np.abs(live.source()))
    assert loudest == pytest.approx(np.max(np.abs(sentence)), rel=0.1)


def test_another_channel_of_it_is_not_heard_and_one_that_is_not_there_is_an_error(
    audio: VirtualAudio, tmp_path: Path, sentence: NDArray[np.float32]
) -> None:
    audio.pactl("load-module", "module-null-sink", "sink_name=eight", "rate=48000", "channels=8",
                f"channel_map={PLACES}", "sink_properties=device.description=eight")  # fmt: skip
    eight = ("--tgt", "spa", "--no-speech", "--input", "Monitor of eight")
    with LiveRun(audio, tmp_path / "kept", *eight, "--channel", "2") as live:
        play_into(audio, 5, sentence)
        live.press_ctrl_c()
        assert not live.ended().code
    assert not live.source().any()
    done = s2st("live", *eight, "--channel", "9", "--duration", 1, env=audio.env)
    assert done.code == 1
    assert "'Monitor of eight' has 8 channels, not a channel '9'" in done.complaints[0]
    assert "--channel" in done.complaints[0]

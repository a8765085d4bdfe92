"""`s2st live` and `s2st devices` on real PortAudio streams over virtual devices."""

import contextlib
import json
import os
import signal
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pysubs2
import pytest
import soundfile
from numpy.typing import NDArray

from audio_io.resample import StreamResampler
from tests.cli.running import s2st, until
from tests.cli.virtual_audio import LiveRun, VirtualAudio, loudness_db, samples_of
from tests.fakes import RATE_HZ, speech

pytestmark = pytest.mark.real_time

SAID = "tomorrow"
"""A word of `short.wav`."""


@pytest.fixture(scope="module")
def audio() -> Iterator[VirtualAudio]:
    made = VirtualAudio()
    yield made
    made.close()


@pytest.fixture
def sentence() -> NDArray[np.float32]:
    """`short.wav`, with silence after it."""
    return np.concatenate([speech("short.wav"), np.zeros(RATE_HZ, np.float32)])


def test_devices_are_listed_with_numbers_channels_rates_and_defaults(audio: VirtualAudio) -> None:
    done = s2st("devices", env=audio.env)
    assert not done.code
    assert "virtual_microphone  (default input)" in done.out
    assert "virtual_speaker  (default output)" in done.out
    assert "Monitor of virtual_speaker  (hears what is played)" in done.out
    records = [
        json.loads(line) for line in s2st("devices", "--json", env=audio.env).out.splitlines()
    ]
    assert [record["number"] for record in records] == list(range(len(records)))
    microphone = next(
        record for record in records if record["default_input"] and record["host"] == "sound server"
    )
    assert (microphone["input_channels"], microphone["rate_hz"]) == (1, 48_000)


def test_the_level_test_tells_a_muted_microphone_from_one_that_hears(audio: VirtualAudio) -> None:
    done = s2st("devices", "virtual_microphone", env=audio.env)
    assert (done.code, done.out) == (0, "only zeros: muted, or permission refused\n")
    tone = 0.1 * np.sin(np.arange(12 * RATE_HZ) * 2 * np.pi * 440 / RATE_HZ).astype(np.float32)
    player = threading.Thread(target=audio.play, args=(tone,))
    player.start()
    record = json.loads(s2st("devices", "--level", "--json", env=audio.env).out)
    player.join()
    assert record["median_db"] == pytest.approx(-23.0, abs=1.0)  # 0.1 / sqrt(2)


def test_what_is_said_is_heard_translated_and_spoken(
    audio: VirtualAudio, tmp_path: Path, sentence: NDArray[np.float32]
) -> None:
    with LiveRun(audio, tmp_path / "kept", "--tgt", "spa") as live:
        with audio.recorded() as heard:
            audio.play(sentence)
            until(lambda: live.records("speech_played"))
        live.press_ctrl_c()
        done = live.ended()
        assert not done.code, done.err
    assert SAID in live.committed()
    assert "mañana" in live.committed("target_text")
    played = live.records("speech_played")[0]
    assert 0.2 < played["start_lag_s"] < played["end_lag_s"] < 10.0
    summary = live.records("summary")[0]
    assert summary["dropped_clauses"] == 0
    assert summary["start_lag"]["median_s"] == pytest.approx(played["start_lag_s"], abs=0.001)
    assert_same_speech(tmp_path / "kept" / "translation.wav", samples_of(heard))


def assert_same_speech(path: Path, heard: NDArray[np.float32]) -> None:
    """Window by window, what the speaker gave is what was sent: a glitch must not hide."""
    sent, rate_hz = soundfile.read(path, dtype="float32")
    sent = StreamResampler(rate_hz, RATE_HZ).process(sent, last=True)
    voiced = np.flatnonzero(np.abs(sent) > 0.01)
    sent = sent[voiced[0] : voiced[-1]]
    spectrum = np.fft.rfft(heard, 2 * len(heard)) * np.conj(np.fft.rfft(sent, 2 * len(heard)))
    lag = int(np.argmax(np.fft.irfft(spectrum)[: len(heard)]))
    got = heard[lag : lag + len(sent)]
    window = RATE_HZ // 5
    alike = [
        float(np.corrcoef(sent[at : at + window], got[at : at + window])[0, 1])
        for at in range(0, len(got) - window, window)
        if loudness_db(sent[at : at + window]) > -50
    ]
    assert len(alike) >= 3
    assert np.median(alike) > 0.95
    assert sum(each < 0.9 for each in alike) <= 1  # the sound server may hiccup once


def test_a_microphone_that_goes_away_is_waited_for_and_nothing_else_is_heard_meanwhile(
    audio: VirtualAudio, tmp_path: Path, sentence: NDArray[np.float32]
) -> None:
    tone = 0.5 * np.sin(np.arange(2 * RATE_HZ) * 2 * np.pi * 440 / RATE_HZ).astype(np.float32)
    with LiveRun(audio, tmp_path / "kept", "--tgt", "spa", "--no-speech") as live:
        audio.pactl("unload-module", audio.module("source_name=vmic"))
        until(lambda: "input lost" in live.device_events())
        audio.play(tone, "vspeaker")  # the server has moved the stream to this one's monitor
        restore_microphone(audio)
        until(lambda: "input back" in live.device_events())
        until(lambda: live.records("audio_lost"))
        audio.play(sentence)
        until(lambda: SAID in live.committed())
        live.press_ctrl_c()
        done = live.ended()
    assert not done.code, done.err
    lost = live.records("audio_lost")
    assert len(lost) == 1
    assert lost[0]["end_s"] - lost[0]["start_s"] > 2.0
    assert "was away" in lost[0]["reason"]
    heard = live.source()
    gap = heard[round(lost[0]["start_s"] * RATE_HZ) : round(lost[0]["end_s"] * RATE_HZ)]
    assert not gap.any()
    before = heard[: round(lost[0]["start_s"] * RATE_HZ)]
    assert loudness_db(before) < -60  # none of the tone


def restore_microphone(audio: VirtualAudio) -> None:
    audio.pactl(
        "load-module",
        "module-remap-source",
        "source_name=vmic",
        "master=vmic_in.monitor",
        "source_properties=device.description=virtual_microphone",
    )
    audio.pactl("set-default-source", "vmic")


def test_with_device_lost_stop_the_session_ends_and_says_why(
    audio: VirtualAudio, tmp_path: Path
) -> None:
    with LiveRun(audio, tmp_path / "kept", "--no-speech", "--device-lost", "stop") as live:
        audio.pactl("unload-module", audio.module("source_name=vmic"))
        done = live.ended()
    restore_microphone(audio)
    assert done.code == 1
    assert live.device_events()[-1] == "input stopped"
    assert "Stopping, as asked" in live.records("device")[-1]["text"]


def test_with_device_lost_stop_a_lost_speaker_ends_it_too(
    audio: VirtualAudio, tmp_path: Path
) -> None:
    with LiveRun(audio, tmp_path / "kept", "--device-lost", "stop") as live:
        audio.pactl("unload-module", audio.module("sink_name=vspeaker"))
        done = live.ended()
    audio.pactl(
        "load-module",
        "module-null-sink",
        "sink_name=vspeaker",
        "rate=48000",
        "channels=2",
        "sink_properties=device.description=virtual_speaker",
    )
    audio.pactl("set-default-sink", "vspeaker")
    assert done.code == 1
    assert live.device_events()[-1] == "output stopped"


@pytest.fixture
def second(audio: VirtualAudio) -> Iterator[None]:
    """Another microphone beside the first; both are as before afterwards."""
    module = audio.pactl(
        "load-module",
        "module-remap-source",
        "source_name=second",
        "master=vmic_in.monitor",
        "source_properties=device.description=second_microphone",
    )
    yield
    audio.pactl("unload-module", module)
    if "source_name=vmic" not in audio.pactl("list", "short", "modules"):
        restore_microphone(audio)
    audio.pactl("set-default-source", "vmic")


def test_with_device_lost_default_another_microphone_takes_over(
    audio: VirtualAudio, second: None, tmp_path: Path, sentence: NDArray[np.float32]
) -> None:
    words = ("--no-speech", "--device-lost", "default", "--input", "virtual_mic")
    with LiveRun(audio, tmp_path / "kept", *words) as live:
        audio.pactl("unload-module", audio.module("source_name=vmic"))
        audio.pactl("set-default-source", "second")
        until(lambda: "input back" in live.device_events())
        assert "second_microphone" in live.records("device")[-1]["text"]
        audio.play(sentence)
        until(lambda: SAID in live.committed())
        live.press_ctrl_c()
        assert not live.ended().code


def test_a_microphone_asked_for_by_name_is_kept_when_the_default_changes(
    audio: VirtualAudio, second: None, tmp_path: Path
) -> None:
    words = ("--no-speech", "--input", "virtual_mic")
    with LiveRun(audio, tmp_path / "kept", *words) as live:
        audio.pactl("set-default-source", "second")  # the server moves us there
        until(lambda: "input back" in live.device_events())
        assert "'second_microphone' in its place" in live.records("device")[0]["text"]
        assert "Listening to 'virtual_microphone' again" in live.records("device")[-1]["text"]
        live.press_ctrl_c()
        assert not live.ended().code


def test_the_default_microphone_follows_the_system(
    audio: VirtualAudio, second: None, tmp_path: Path
) -> None:
    with LiveRun(audio, tmp_path / "kept", "--no-speech") as live:
        audio.pactl("set-default-source", "second")
        until(lambda: "input moved" in live.device_events())
        assert "'second_microphone'" in live.records("device")[-1]["text"]
        live.press_ctrl_c()
        assert not live.ended().code
    assert "input lost" not in live.device_events()


def test_a_sound_server_that_is_killed_is_taken_up_again_when_it_is_back(
    audio: VirtualAudio, tmp_path: Path, sentence: NDArray[np.float32]
) -> None:
    with LiveRun(audio, tmp_path / "kept", "--tgt", "spa") as live:
        audio.kill_server()
        until(lambda: {"input lost", "output lost"} <= set(live.device_events()))
        audio.restart_server()
        until(lambda: {"input back", "output back"} <= set(live.device_events()))
        until(lambda: live.records("audio_lost"))
        with audio.recorded() as heard:
            audio.play(sentence)
            until(lambda: live.records("speech_played"))
        live.press_ctrl_c()
        done = live.ended()
    assert not done.code, done.err
    assert SAID in live.committed()
    assert loudness_db(samples_of(heard)) > -50


def test_killed_at_once_a_recorded_session_loses_at_most_a_second(
    audio: VirtualAudio, tmp_path: Path, sentence: NDArray[np.float32]
) -> None:
    kept = tmp_path / "kept"
    with LiveRun(audio, kept, "--tgt", "spa,cat", "--speak", "spa") as live:
        audio.play(sentence)
        until(lambda: live.records("speech_played"))
        for pid, _ in live.processes():
            with contextlib.suppress(ProcessLookupError):  # a child may have ended with its parent
                os.kill(pid, signal.SIGKILL)
    for name in ("source.wav", "translation.wav"):
        with wave.open(str(kept / name)) as file:
            told_s = file.getnframes() / file.getframerate()
            bytes_s = (kept / name).stat().st_size / 2 / file.getframerate()
        assert told_s > 1.0
        assert bytes_s - told_s <= 1.05
    records = [json.loads(line) for line in (kept / "transcript.jsonl").open(encoding="utf-8")]
    assert any(record["type"] == "speech_played" for record in records)
    for form in ("srt", "vtt"):
        for language, word in (("eng", "tomorrow"), ("spa", "mañana"), ("cat", "demà")):
            subtitles = pysubs2.load(str(kept / f"{language}.{form}"))
            assert word in subtitles[0].text.lower()


def test_what_a_speaker_plays_can_be_translated(
    audio: VirtualAudio, tmp_path: Path, sentence: NDArray[np.float32]
) -> None:
    words = ("--no-speech", "--input", "Monitor of virtual_speaker")
    with LiveRun(audio, tmp_path / "kept", *words) as live:
        audio.play(sentence, "vspeaker")
        until(lambda: SAID in live.committed())
        live.press_ctrl_c()
        assert not live.ended().code


def test_our_own_voice_is_not_translated_again(
    audio: VirtualAudio, tmp_path: Path, sentence: NDArray[np.float32]
) -> None:
    """The microphone is the monitor of the speaker: the loudest echo there is."""
    words = ("--tgt", "spa", "--input", "Monitor of virtual_speaker")
    with LiveRun(audio, tmp_path / "kept", *words) as live:
        audio.play(sentence, "vspeaker")
        until(lambda: live.records("speech_played"))
        samples = len(live.source())
        until(lambda: len(live.source()) > samples + 2 * RATE_HZ)  # long enough to be recognised
        live.press_ctrl_c()
        assert not live.ended().code
    assert len([r for r in live.records("source_text") if r["committed"]]) == 1


@pytest.mark.parametrize(
    ("words", "seen", "remedy"),
    [
        (("--input", "usb"), "No microphone matches 'usb'", "s2st devices"),
        (("--output", "virtual"), "may mean several speakers: ", "Give the number."),
        (("--output", "99"), "No speaker has the number 99", "s2st devices"),
        (("--input", "nothing.wav"), "nothing.wav does not exist", "Check the name"),
        (("--speak", "fra", "--tgt", "spa,cat"), "--speak fra is none of the targets", "--tgt"),
        (("--tgt", "bre"), "not Breton (bre)", "s2st languages"),
        (("--pace",), "--pace is for recordings and pipes", "--input FILE"),
        (("--echo", "cancel"), "'cancel' is not one of 'gate', 'duck', 'off'", "--help"),
        (("--max-lag", "0"), "greater than or equal to 0.5", "--help"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_says_what_to_do(
    audio: VirtualAudio, words: tuple[str, ...], seen: str, remedy: str
) -> None:
    done = s2st("live", "--tgt", "spa", "--duration", 5, *words, env=audio.env)
    assert done.code in (1, 2)
    assert len(done.complaints) == 1, done.err
    assert seen in done.complaints[0]
    assert remedy in done.complaints[0]
    assert "Traceback" not in done.err


def test_an_earlier_session_is_not_recorded_over(audio: VirtualAudio, tmp_path: Path) -> None:
    (tmp_path / "source.wav").write_bytes(b"precious")
    done = s2st("live", "--record", tmp_path, "--duration", 1, env=audio.env)
    assert done.code == 2
    assert "holds an earlier session" in done.complaints[0]
    assert (tmp_path / "source.wav").read_bytes() == b"precious"

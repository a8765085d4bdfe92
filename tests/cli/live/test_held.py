"""`s2st live` whose process is held, as by Ctrl-Z, and whose devices sleep: sound is counted."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from audio_io.resample import StreamResampler
from tests.cli.running import until
from tests.cli.virtual_audio import LiveRun, VirtualAudio, loudness_db, samples_of
from tests.fakes import RATE_HZ, speech

pytestmark = pytest.mark.real_time


@pytest.fixture(scope="module")
def audio() -> Iterator[VirtualAudio]:
    made = VirtualAudio()
    yield made
    made.close()


def ticks(seconds: int) -> NDArray[np.float32]:
    """One a second, 10 ms long, after half a second."""
    sound = np.zeros(seconds * RATE_HZ, np.float32)
    for second in range(seconds):
        start = second * RATE_HZ + RATE_HZ // 2
        sound[start : start + RATE_HZ // 100] = 0.5
    return sound


def ticks_s(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """When each of them begins."""
    loud = np.flatnonzero(np.abs(sound) > 0.2)
    first = loud[np.diff(loud, prepend=-RATE_HZ) > RATE_HZ // 10]
    return first / RATE_HZ


def offsets_s(kept: NDArray[np.float32], world: NDArray[np.float32]) -> NDArray[np.float64]:
    """How much later each 150 ms of speech stands in one than in the other, both at 16 kHz."""
    window, around = RATE_HZ * 3 // 20, RATE_HZ // 2
    found = []
    for at in range(around, len(kept) - window, window):
        part, there = kept[at : at + window], world[at - around : at + around + window]
        if loudness_db(part) < -34 or len(there) < len(part):
            continue
        energy = np.convolve(there**2, np.ones(window), "valid")
        alike = np.correlate(there, part, "valid") / np.sqrt(energy * np.sum(part**2) + 1e-9)
        if alike.max() > 0.9:  # no pause or standstill in the middle of it
            found.append((around - int(np.argmax(alike))) / RATE_HZ)
    return np.array(found)


def hold(live: LiveRun, seconds: float) -> None:
    os.kill(live.process.pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(live.process.pid, signal.SIGCONT)


def test_a_held_process_loses_no_sound_and_its_time_stays_true(
    audio: VirtualAudio, tmp_path: Path
) -> None:
    with LiveRun(audio, tmp_path / "kept", "--tgt", "spa") as live:
        player = threading.Thread(target=audio.play, args=(ticks(8),))
        player.start()
        until(lambda: len(ticks_s(live.source())) >= 2)
        for held_s in (1.5, 0.6, 1.0):
            hold(live, held_s)
            before = len(live.source())
            until(lambda before=before: len(live.source()) > before + RATE_HZ // 2)  # type: ignore[misc]
        player.join()
        until(lambda: len(ticks_s(live.source())) >= 8)
        live.press_ctrl_c()
        done = live.ended()
    assert not done.code, done.err
    assert live.records("audio_lost") == []
    assert {"input lost", "output lost"}.isdisjoint(live.device_events())
    np.testing.assert_allclose(np.diff(ticks_s(live.source())), 1.0, atol=0.005)


def test_all_tracks_stay_in_step_however_often_the_process_is_held(
    audio: VirtualAudio, tmp_path: Path
) -> None:
    """What the speaker gave while the microphone heard its ticks, against what was recorded."""
    part = np.concatenate([ticks(1), speech("short.wav") * 0.3, np.zeros(2 * RATE_HZ, np.float32)])
    holds_s = (0.6, 1.5)
    kept = tmp_path / "kept"
    with LiveRun(audio, kept, "--tgt", "spa") as live:
        with audio.recorded("vmic_in.monitor") as said, audio.recorded() as heard:
            player = threading.Thread(target=audio.play, args=(np.tile(part, len(holds_s)),))
            player.start()
            for number, held_s in enumerate(holds_s, 1):
                until(lambda n=number: len(live.records("utterance_ended")) >= n)  # type: ignore[misc]
                time.sleep(0.2 * number)  # in the middle of the speech, or before it
                hold(live, held_s)
            player.join()
            until(lambda: len(live.records("speech_played")) >= len(holds_s))
        live.press_ctrl_c()
        done = live.ended()
    assert not done.code, done.err
    assert live.records("audio_lost") == []
    mic_s, kept_s = ticks_s(samples_of(said)), ticks_s(live.source())
    np.testing.assert_allclose(kept_s - kept_s[0], mic_s - mic_s[0], atol=0.02)
    spoken, rate_hz = soundfile.read(kept / "translation.wav", dtype="float32")
    spoken = StreamResampler(rate_hz, RATE_HZ).process(spoken, last=True)
    world = samples_of(heard)
    size = len(world) + len(spoken)  # nobody knows how much earlier the session began
    spectrum = np.fft.rfft(spoken, size) * np.conj(np.fft.rfft(world, size))
    earlier = (int(np.argmax(np.fft.irfft(spectrum, size))) + len(world)) % size - len(world)
    in_step_s = offsets_s(spoken[max(0, earlier) :], world[max(0, -earlier) :])
    assert len(in_step_s) >= 6  # speech that was sped up has fewer windows
    assert np.mean(np.abs(in_step_s) < 0.05) > 0.75  # a server may stumble
    first = live.records("speech_played")[0]
    begins_s = np.flatnonzero(np.abs(spoken) > 0.02)[0] / RATE_HZ
    assert begins_s == pytest.approx(first["end_s"] + first["start_lag_s"], abs=0.05)
    assert all(played["start_lag_s"] <= 6.0 for played in live.records("speech_played"))
    times_s = [record["at_s"] for record in live.records()]
    assert times_s == sorted(times_s)
    summary = live.records("summary")[0]
    assert summary["heard_s"] == pytest.approx(len(live.source()) / RATE_HZ, abs=0.001)


def test_when_it_ends_while_the_microphone_is_away_only_what_was_heard_counts(
    audio: VirtualAudio, tmp_path: Path
) -> None:
    with LiveRun(audio, tmp_path / "kept", "--no-speech") as live:
        audio.pactl("unload-module", audio.module("source_name=vmic"))
        until(lambda: "input lost" in live.device_events())
        audio.play(np.zeros(RATE_HZ, np.float32))
        live.press_ctrl_c()
        assert not live.ended().code
    (lost,) = live.records("audio_lost")
    assert lost["end_s"] - lost["start_s"] > 1.0
    heard_s = len(live.source()) / RATE_HZ
    assert live.records("summary")[0]["heard_s"] == pytest.approx(heard_s, abs=0.001)


def test_a_pipe_that_stalls_leaves_speech_beside_its_source(
    audio: VirtualAudio, tmp_path: Path
) -> None:
    part = np.concatenate([speech("short.wav"), np.zeros(5 * RATE_HZ // 4, np.float32)])
    live = LiveRun(audio, tmp_path / "kept", "--input", "-", "--rate", RATE_HZ, stdin=-1)
    pipe = live.process.stdin
    assert pipe is not None
    for _ in range(2):
        began_s = time.monotonic()
        for at in range(0, len(part), RATE_HZ // 50):
            time.sleep(max(0.0, began_s + at / RATE_HZ - time.monotonic()))
            block = part[at : at + RATE_HZ // 50]
            pipe.write((block * 32767).astype("<i2").tobytes())
            pipe.flush()
        time.sleep(2.0)
    pipe.close()
    live.process.wait(30)
    until(lambda: live.records("summary"))
    assert live.records("audio_lost") == []
    spoken, rate_hz = soundfile.read(tmp_path / "kept" / "translation.wav", dtype="float32")
    loud = np.flatnonzero(np.abs(spoken) > 0.02)
    begins_s = loud[np.diff(loud, prepend=-(10**9)) > rate_hz] / rate_hz
    played = live.records("speech_played")
    expected_s = [record["end_s"] + record["start_lag_s"] for record in played]
    assert len(expected_s) == 2
    np.testing.assert_allclose(begins_s, expected_s, atol=0.1)
    assert len(live.source()) == 2 * len(part)

"""`s2st live` whose process is held, as by Ctrl-Z, and whose devices sleep: sound is counted."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cli.running import until
from tests.cli.virtual_audio import LiveRun, VirtualAudio
from tests.fakes import RATE_HZ

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


def hold(live: LiveRun, seconds: float) -> None:
    os.kill(live.process.pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(live.process.pid, signal.SIGCONT)


def test_a_held_process_loses_no_sound_and_its_time_stays_true(
    audio: VirtualAudio, tmp_path: Path
) -> None:
    with LiveRun(audio, tmp_path / "kept", "--tgt", "spa") as live:
        player = threading.Thread(target=audio.play, args=(ticks(9),))
        player.start()
        until(lambda: len(ticks_s(live.source())) >= 2)
        for held_s in (1.5, 0.6, 2.0):
            hold(live, held_s)
            before = len(live.source())
            until(lambda before=before: len(live.source()) > before + RATE_HZ // 2)  # type: ignore[misc]
        player.join()
        until(lambda: len(ticks_s(live.source())) >= 9)
        live.press_ctrl_c()
        done = live.ended()
    assert not done.code, done.err
    assert live.records("audio_lost") == []
    assert {"input lost", "output lost"}.isdisjoint(live.device_events())
    np.testing.assert_allclose(np.diff(ticks_s(live.source())), 1.0, atol=0.005)

"""What the live benchmarks share: a virtual microphone and speaker, and what goes through them."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SCRIPTS = Path(__file__).resolve().parents[1]
RATE_HZ = 16_000


def enter_virtual_audio() -> None:
    """Go on inside `scripts/virtual_audio`: this process is replaced when it is not there yet."""
    if "VIRTUAL_AUDIO_DIR" not in os.environ:
        program = SCRIPTS / "virtual_audio"
        os.execv(program, [str(program), sys.executable, *sys.argv])


class Player:
    """Plays float32 sound into the virtual microphone."""

    def __init__(self, samples: NDArray[np.float32], rate_hz: int = RATE_HZ) -> None:
        self._process = subprocess.Popen(
            ["pacat", "-p", "-d", "vmic_in", f"--rate={rate_hz}", "--channels=1",
             "--format=float32le", "--latency-msec=50"],
            stdin=subprocess.PIPE,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._feed, args=(samples,), daemon=True)
        self._thread.start()

    def _feed(self, samples: NDArray[np.float32]) -> None:
        assert self._process.stdin is not None
        try:
            with self._process.stdin as pipe:
                pipe.write(samples.astype("<f4").tobytes())
        except BrokenPipeError:
            pass

    def wait(self) -> None:
        self._thread.join()
        self._process.wait()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class Tap:
    """Records a source of the sound server, and knows when each sample came."""

    def __init__(self, source: str, rate_hz: int = RATE_HZ) -> None:
        self.rate_hz = rate_hz
        self._process = subprocess.Popen(
            ["parec", "-d", source, f"--rate={rate_hz}", "--channels=1", "--format=float32le",
             "--latency-msec=10"],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        self._data = bytearray()
        self._offsets_s: list[float] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while data := os.read(descriptor, 4096):
            self._data += data
            self._offsets_s.append(time.monotonic() - len(self._data) / 4 / self.rate_hz)

    def stop(self) -> tuple[NDArray[np.float32], float]:
        """What was heard, and the clock time of its first sample: no block came earlier than it
        could, so the earliest of all says when."""
        self._process.terminate()
        self._thread.join()
        self._process.wait()
        whole = len(self._data) // 4 * 4
        samples = np.frombuffer(bytes(self._data[:whole]), "<f4")
        return samples, float(np.percentile(self._offsets_s[5:], 5))


def onsets_s(samples: NDArray[np.float32], rate_hz: int, above_db: float) -> NDArray[np.float64]:
    """When sound rises above a level after at least 300 ms below it, in seconds."""
    size = rate_hz // 1000
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    loud = np.sqrt(np.mean(np.square(frames), axis=1)) > 10 ** (above_db / 20)
    found: list[float] = []
    quiet_ms = 10**6
    for number, is_loud in enumerate(loud):
        if is_loud:
            if quiet_ms >= 300:
                found.append(number / 1000)
            quiet_ms = 0
        else:
            quiet_ms += 1
    return np.array(found)


def pair_delays_s(
    causes_s: Sequence[float] | NDArray[np.float64],
    effects_s: Sequence[float] | NDArray[np.float64],
    most_s: float,
) -> list[float]:
    """For each cause how long the first effect after it took, where one came within `most_s`."""
    delays = []
    for cause in causes_s:
        later = [effect - cause for effect in effects_s if 0 < effect - cause <= most_s]
        if later:
            delays.append(min(later))
    return delays

"""A sound server of the tests' own, with a virtual microphone and speaker, and live runs on it."""

import contextlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.cli.running import Ran, Running, until
from tests.fakes import RATE_HZ

ROOT = Path(__file__).parents[2]
NEEDED = ("pulseaudio", "pactl", "parec", "pacat")


class VirtualAudio:
    """`scripts/virtual_audio`, held open for one module of tests."""

    def __init__(self) -> None:
        absent = [name for name in NEEDED if shutil.which(name) is None]
        if absent:
            pytest.skip(f"no {' and '.join(absent)} here: scripts/setup dev installs them")
        self._process = subprocess.Popen(
            [ROOT / "scripts" / "virtual_audio", "bash", "-c", "env -0; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        seen = b""
        while b"VIRTUAL_AUDIO_DIR=" not in seen or not seen.endswith(b"\0"):
            data = os.read(self._process.stdout.fileno(), 65536)
            assert data, "the sound server did not start"
            seen += data
        pairs = [entry.partition("=") for entry in seen.decode().split("\0") if entry]
        names = ("PULSE_", "XDG_", "ALSA_", "VIRTUAL_AUDIO_DIR")
        self.env = {name: value for name, _, value in pairs if name.startswith(names)}
        self._folder = Path(self.env["VIRTUAL_AUDIO_DIR"])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def pactl(self, *words: str) -> str:
        done = subprocess.run(
            ["pactl", *words], env=os.environ | self.env, capture_output=True, check=True, text=True
        )
        return done.stdout.strip()

    def kill_server(self) -> None:
        os.kill(int((self._folder / "server.pid").read_text()), 9)

    def restart_server(self) -> None:
        subprocess.run([self._folder / "restart-server"], env=os.environ | self.env, check=True)

    def module(self, marker: str) -> str:
        """Number of the loaded module whose arguments contain a marker."""
        for line in self.pactl("list", "short", "modules").splitlines():
            if marker in line:
                return line.split("\t")[0]
        raise AssertionError(f"no module with {marker}")

    def play(self, samples: NDArray[np.float32], sink: str = "vmic_in") -> None:
        """Into the microphone, or out of a speaker, to the end."""
        subprocess.run(
            ["pacat", "-p", "-d", sink, f"--rate={RATE_HZ}", "--channels=1", "--format=float32le"],
            input=samples.astype("<f4").tobytes(),
            env=os.environ | self.env,
            check=True,
        )

    @contextlib.contextmanager
    def recorded(self, source: str = "vspeaker.monitor") -> Iterator[bytearray]:
        """What a source gives meanwhile: float32 at 16 kHz."""
        process = subprocess.Popen(
            ["parec", "-d", source, f"--rate={RATE_HZ}", "--channels=1", "--format=float32le",
             "--latency-msec=20"],
            stdout=subprocess.PIPE,
            env=os.environ | self.env,
        )  # fmt: skip
        assert process.stdout is not None
        heard = bytearray()
        descriptor = process.stdout.fileno()

        def read() -> None:
            while data := os.read(descriptor, 65536):
                heard.extend(data)

        thread = threading.Thread(target=read)
        thread.start()
        until(lambda: heard)
        try:
            yield heard
        finally:
            process.terminate()
            thread.join()
            process.wait()


def samples_of(heard: bytearray) -> NDArray[np.float32]:
    return np.frombuffer(bytes(heard[: len(heard) // 4 * 4]), "<f4")


class LiveRun(Running):
    """`s2st live --json` on the virtual devices, kept in a folder."""

    def __init__(
        self, audio: VirtualAudio, folder: Path, *words: object, stdin: int = subprocess.DEVNULL
    ) -> None:
        self.folder = folder
        super().__init__("live", "--json", "--record", folder, *words, env=audio.env, stdin=stdin)
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "LiveRun":
        until(lambda: self._is_listening() or self.process.poll() is not None)
        assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
        return self

    def records(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What it has said so far on standard output."""
        records = [json.loads(line) for line in list(self._lines)]
        return [record for record in records if kind in (None, record["type"])]

    def committed(self, kind: str = "source_text") -> str:
        return " ".join(r["text"] for r in self.records(kind) if r["committed"]).lower()

    def device_events(self) -> list[str]:
        return [f"{record['device']} {record['event']}" for record in self.records("device")]

    def ended(self) -> Ran:
        self.process.wait(timeout=60)
        self._reader.join()
        assert self.process.stderr is not None
        return Ran(
            self.process.returncode, "\n".join(self._lines), self.process.stderr.read().decode()
        )

    def source(self) -> NDArray[np.float32]:
        samples, _ = soundfile.read(self.folder / "source.wav", dtype="float32")
        heard: NDArray[np.float32] = samples
        return heard

    def _is_listening(self) -> bool:
        path = self.folder / "source.wav"
        return path.exists() and path.stat().st_size > RATE_HZ // 2

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line.decode())


def loudness_db(samples: NDArray[np.float32]) -> float:
    return 10 * float(np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))

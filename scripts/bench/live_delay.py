#!/usr/bin/env python3
"""How long sound takes from the microphone to the speaker: the program's own part of the lag.

An agent that says what it hears stands between a virtual microphone and a virtual speaker. Bursts
of noise are played into the microphone, and their delay is read off what came out. The same with
two PortAudio streams and nothing between them but a ring says what PortAudio and the sound server
take.
"""

import argparse
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from measuring import print_circumstances, print_table, print_verdict
from numpy.typing import NDArray
from virtual import RATE_HZ, Player, Tap, enter_virtual_audio, onsets_s, pair_delays_s

from audio_io.chunk import AudioChunk
from audio_io.device_stream import BLOCK_MS, LATENCY_S, DeviceLost
from audio_io.devices import Direction, find_device, list_devices
from audio_io.microphone import Microphone
from audio_io.portaudio import sounddevice
from audio_io.ring import SampleRing
from audio_io.speaker import Speaker
from engine.agent import Agent, StreamRequest
from engine.events import Event, TargetAudio
from engine.session import Session
from engine.speaking.live_voice import LiveVoice
from engine.speaking.speech_queue import LagConfig
from engine.stepper import DirectStepper

TARGET_MS = 300.0
OWN_TARGET_MS = 30.0
FLOOR_DB, BURST_DB = -40.0, -10.0


class PassThrough(Agent[AudioChunk, Event, None]):
    """Says what it hears, as one clause without end."""

    def new_state(self, request: StreamRequest) -> None:
        return None

    def step(self, chunk: AudioChunk, state: None) -> Iterator[Event]:
        yield TargetAudio(0, "eng", chunk, 0.0, 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0, help="of bursts (default 40)")
    arguments = parser.parse_args()
    enter_virtual_audio()
    sound = bursts(arguments.seconds)
    rows = []
    for name, run in (("PortAudio alone", bare), ("s2st, pass-through agent", ours)):
        delays_ms = [1000 * delay for delay in run(sound)]
        low, median, high = np.percentile(delays_ms, [5, 50, 95])
        rows.append((name, len(delays_ms), float(low), float(median), float(high)))
    print_table(("microphone to speaker", "bursts", "p5 ms", "median ms", "p95 ms"), rows)
    asked_ms = 2000 * LATENCY_S + BLOCK_MS
    print(
        f"\nPortAudio is asked for {1000 * LATENCY_S:.0f} ms in, as much out; blocks {BLOCK_MS} ms"
    )
    print(f"beyond what it is asked for and one block: {rows[1][3] - asked_ms:.0f} ms")
    print_verdict("microphone to speaker, median ms", rows[1][3], TARGET_MS)
    print_verdict(
        "our own part, beyond PortAudio alone, ms", rows[1][3] - rows[0][3], OWN_TARGET_MS
    )
    print_circumstances(
        f"{arguments.seconds:.0f} s of noise bursts every 1 to 1.2 s through a private PulseAudio, "
        "both ways in the same run; onsets in what was recorded from microphone and speaker"
    )


def bursts(seconds: float) -> NDArray[np.float32]:
    """Noise bursts over a floor of noise, so that there is no silence to trim."""
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 10 ** (FLOOR_DB / 20), round(seconds * RATE_HZ))
    start_s = 2.0
    while start_s + 0.2 < seconds:
        start = round(start_s * RATE_HZ)
        sound[start : start + RATE_HZ // 10] += rng.normal(0, 10 ** (BURST_DB / 20), RATE_HZ // 10)
        start_s += rng.uniform(1.0, 1.2)
    return sound.astype(np.float32)


def measured(sound: NDArray[np.float32]) -> list[float]:
    """Delays of the bursts, while something passes sound on."""
    heard, played = Tap("vmic"), Tap("vspeaker.monitor")
    time.sleep(2.5)  # a remapped source takes so long to begin
    Player(sound).wait()
    time.sleep(1.0)
    ends = []
    for tap in (heard, played):
        samples, began_s = tap.stop()
        ends.append(began_s + onsets_s(samples, RATE_HZ, -20.0))
    return pair_delays_s(ends[0], ends[1], 0.9)


def bare(sound: NDArray[np.float32]) -> list[float]:
    package = sounddevice()
    ring = SampleRing(RATE_HZ)

    def take(indata: Any, frames: int, times: Any, status: Any) -> None:
        ring.write(indata[:, 0])

    def give(outdata: Any, frames: int, times: Any, status: Any) -> None:
        if ring.waiting > 5 * frames:  # what gathered while one side was still starting
            ring.skip()
        ring.read_into(outdata[:, 0])

    options = {"samplerate": RATE_HZ, "channels": 1, "blocksize": RATE_HZ * BLOCK_MS // 1000}
    with (
        package.InputStream(latency=LATENCY_S, dtype="float32", callback=take, **options),
        package.OutputStream(latency=LATENCY_S, dtype="float32", callback=give, **options),
    ):
        return measured(sound)


def ours(sound: NDArray[np.float32]) -> list[float]:
    devices = list_devices()
    wait = DeviceLost.WAIT
    microphone = Microphone(find_device(devices, None, Direction.INPUT), RATE_HZ, wait, print)
    speaker = Speaker(find_device(devices, None, Direction.OUTPUT), RATE_HZ, RATE_HZ, wait, print)
    voice = LiveVoice(speaker, LagConfig(inner_silence_ms=10**6))
    voice.start()
    session = Session(
        microphone,
        DirectStepper(PassThrough()),
        StreamRequest("eng", ("eng",)),
        voices={"eng": voice},
    )
    thread = threading.Thread(target=session.run)
    thread.start()
    try:
        return measured(sound)
    finally:
        microphone.end()
        thread.join()
        microphone.close()
        speaker.close()


if __name__ == "__main__":
    main()

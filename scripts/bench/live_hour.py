#!/usr/bin/env python3
"""Whether `s2st live` keeps up for an hour: start lag and end lag, their trend, memory, losses.

An hour of real recordings with pauses goes through the session, lag control and the draft engine
on a simulated clock: the engine's steps take as long as they really take, all waiting takes no
time. Two shorter runs make it hard: an engine 1.3 times slower than real time, and speech 1.5
times longer than its source. `--pace` runs the real program for a while instead.
"""

import argparse
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from measuring import DATA, S2ST, print_circumstances, print_table, print_verdict
from numpy.typing import NDArray
from recordings import english_rows
from simulated import DEVICE_S, Endless, SimulatedClock, SimulatedSpeaker, Timed
from virtual import RATE_HZ, Player, enter_virtual_audio

from audio_io.paced import PacedSource
from audio_io.recordings.recording import open_recording
from engine.agent import StreamRequest
from engine.events import Stamped
from engine.hearing.catch_up import CatchUp, CatchUpConfig
from engine.metrics.meter import Meter
from engine.registry import LoadOptions, choose_engine
from engine.session import Heard, Session
from engine.speaking.live_voice import LiveVoice
from engine.speaking.speech_queue import LagConfig
from engine.stepper import DirectStepper

P95_TARGET_S = 4.0
GROWTH_TARGET = 1.02
MAX_LAG_S = 6.0


@dataclass(slots=True)
class Outcome:
    """What one session came to."""

    name: str
    minutes: float
    meter: Meter
    at_s: list[float]
    """When each start lag was measured."""
    rss_mb: list[tuple[float, float]]
    """Stream time and memory."""
    busy: float
    """Share of the time in which the engine computed."""
    most_start_lag_s: float

    @property
    def slope(self) -> tuple[float, float]:
        """Seconds of start lag more for each hour, and the standard error of that."""
        hours, lags = np.array(self.at_s) / 3600, np.array(self.meter.tally.start_lags_s)
        centred = hours - hours.mean()
        slope = float((centred * lags).sum() / (centred**2).sum())
        rest = lags - lags.mean() - slope * centred
        error = float(np.sqrt((rest**2).sum() / (len(lags) - 2) / (centred**2).sum()))
        return slope, error

    @property
    def growth(self) -> float | None:
        """Memory at the end, relative to that after five minutes."""
        later = [mb for at_s, mb in self.rss_mb if at_s >= 300]
        return later[-1] / later[0] if len(later) > 1 else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-file",
        type=Path,
        default=DATA / "manifest.tsv",
        help="tsv manifest; its English rows are played (default: the bundled recordings)",
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="simulated (default 60)")
    parser.add_argument("--hard-minutes", type=float, default=10.0, help="each (default 10)")
    parser.add_argument("--pace", type=float, help="run the real program for so many minutes")
    arguments = parser.parse_args()
    rows = english_rows(arguments.data_file)
    if arguments.pace:
        enter_virtual_audio()
    recordings = []
    for row in rows:
        with open_recording(row.audio, RATE_HZ) as recording:
            recordings.append(np.concatenate([chunk.samples for chunk in recording]))
    if arguments.pace:
        at_pace(recordings, arguments.pace)
        return
    hard = arguments.hard_minutes
    outcomes = [
        simulate("draft engine", recordings, arguments.minutes),
        simulate("same, the minutes of the hard ones", recordings, hard),
        simulate("1.3 times slower than real time", recordings, hard, slowness=1.3),
        simulate("speech 1.5 times longer", recordings, hard, length=1.5),
    ]
    report(outcomes)
    print_circumstances(
        f"{len(rows)} recordings in random order (seed 0), pauses of 0.4 to 2 s, English to "
        "Spanish; simulated clock that the engine's real computing time moves on; --max-lag "
        f"{MAX_LAG_S:g}; the speaker takes {DEVICE_S} s"
    )


def simulate(
    name: str,
    recordings: Sequence[NDArray[np.float32]],
    minutes: float,
    *,
    slowness: float = 0.0,
    length: float = 1.0,
) -> Outcome:
    """`slowness`: seconds of computing for each second of sound; 0 takes what it really takes."""
    clock = SimulatedClock()
    request = StreamRequest("eng", ("spa",), live=True, spoken=("spa",))
    spec = choose_engine("cascade", request).spec
    agent = Timed(spec.load(LoadOptions()), clock, slowness, length)
    speaker = SimulatedSpeaker(spec.output_rate_hz, clock)
    voice = LiveVoice(speaker, LagConfig(max_lag_s=MAX_LAG_S), clock)
    clock.voice = voice
    paced = PacedSource(Endless(recordings, 60 * minutes), clock.now_s, clock.advance)
    limits = CatchUpConfig(limit_ms=500 * MAX_LAG_S, hard_limit_ms=1000 * MAX_LAG_S)
    meter = Meter("spa")
    outcome = Outcome(name, minutes, meter, [], [], 0.0, 0.0)

    def hear(stamped: Stamped) -> None:
        before = len(meter.tally.start_lags_s)
        meter.hear(stamped)
        if len(meter.tally.start_lags_s) > before:
            outcome.at_s.append(stamped.emitted_at_s)
            outcome.most_start_lag_s = max(outcome.most_start_lag_s, meter.tally.start_lags_s[-1])

    def progress(heard: Heard) -> None:
        meter.progress(heard)
        at_s = heard.chunk.end_s
        if not outcome.rss_mb or at_s - outcome.rss_mb[-1][0] >= 30:
            outcome.rss_mb.append((at_s, rss_mb(os.getpid())))

    session = Session(
        CatchUp(paced, lambda: paced.waiting_ms, limits, clock),
        DirectStepper(agent),
        request,
        voices={"spa": voice},
        listeners=[hear],
        progress=progress,
        clock=clock,
    )
    session.run()
    clock.advance(30.0)
    for event in voice.news():
        hear(Stamped(event, clock.now_s(), clock.now_s(), session.heard_s, None))
    agent.close()
    outcome.busy = agent.busy_s / (60 * minutes)
    return outcome


def report(outcomes: Sequence[Outcome]) -> None:
    lags, losses = [], []
    for outcome in outcomes:
        tally = outcome.meter.tally
        start, end = tally.start_lag, tally.end_lag
        assert start is not None and end is not None
        slope, error = outcome.slope
        lags.append(
            (outcome.name, outcome.minutes, len(tally.start_lags_s), start.median_s, start.p95_s,
             outcome.most_start_lag_s, end.median_s, end.p95_s, f"{slope:+.2f} ± {error:.2f}")
        )  # fmt: skip
        losses.append(
            (outcome.name, tally.lost_count / outcome.minutes, tally.lost_s / outcome.minutes,
             tally.source_words / outcome.minutes, tally.dropped_clauses / outcome.minutes,
             outcome.busy, outcome.growth if outcome.growth is not None else "not measured")
        )  # fmt: skip
    print_table(
        ("session", "min", "clauses", "start median", "p95", "most", "end median", "p95",
         "slope s/h"),
        lags,
    )  # fmt: skip
    print()
    print_table(
        ("per minute", "skips", "s lost", "words heard", "not spoken", "engine busy", "memory"),
        losses,
    )
    hour, base, slow, long = outcomes
    start = hour.meter.tally.start_lag
    assert start is not None
    words = base.meter.tally.source_words
    print(
        f"\nwords lost to an engine 1.3 times too slow: "
        f"{1 - slow.meter.tally.source_words / words:.0%} of the {words} heard otherwise"
    )
    print_verdict("start lag over the whole session, p95 seconds", start.p95_s, P95_TARGET_S)
    print_verdict("slow engine: most start lag, seconds", slow.most_start_lag_s, MAX_LAG_S)
    print_verdict("long speech: most start lag, seconds", long.most_start_lag_s, MAX_LAG_S)
    print_verdict("input dropped, pieces", hour.meter.tally.lost_count, 0)
    if hour.growth is not None:
        print_verdict("memory, end over fifth minute", hour.growth, GROWTH_TARGET)


def at_pace(recordings: Sequence[NDArray[np.float32]], minutes: float) -> None:
    """The real program, over a virtual microphone and speaker."""
    sound = np.concatenate([chunk.samples for chunk in Endless(recordings, 60 * minutes)])
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "session"
        program = subprocess.Popen(
            [S2ST, "live", "--src", "eng", "--tgt", "spa", "--json", "--echo", "off",
             "--record", kept],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while not (kept / "source.wav").exists():
            time.sleep(0.1)
        time.sleep(3.0)
        player = Player(sound)
        memory: list[tuple[float, float]] = []
        begun_s = time.monotonic()
        while (passed_s := time.monotonic() - begun_s) < 60 * minutes:
            memory.append((passed_s, rss_mb(program.pid)))
            time.sleep(10.0)
        player.wait()
        time.sleep(8.0)
        program.send_signal(signal.SIGTERM)  # Ctrl-C is ignored by what runs in the background
        program.wait(timeout=60)
        lines = (kept / "transcript.jsonl").read_text(encoding="utf-8").splitlines()
        heard_s = soundfile.info(kept / "source.wav").duration
    records = [json.loads(line) for line in lines]
    played = [record for record in records if record["type"] == "speech_played"]
    start = np.array([record["start_lag_s"] for record in played])
    end = np.array([record["end_lag_s"] for record in played])
    kinds = [record["type"] for record in records]
    slope = np.polyfit([record["at_s"] / 3600 for record in played], start, 1)[0]
    print_table(
        ("at pace", "clauses", "start median", "p95", "most", "end p95", "slope s/h"),
        [
            (f"{heard_s / 60:.1f} min", len(start), float(np.median(start)),
             float(np.percentile(start, 95)), float(start.max()),
             float(np.percentile(end, 95)), f"{slope:+.2f}"),
        ],
    )  # fmt: skip
    print(f"sound lost: {kinds.count('audio_lost')}; not spoken: {kinds.count('speech_dropped')}")
    later = [mb for at_s, mb in memory if at_s >= 300]
    if len(later) > 1:
        print(f"memory of all its processes: {later[0]:.0f} MB after 5 minutes")
        print_verdict("memory, end over fifth minute", later[-1] / later[0], GROWTH_TARGET)
    print_verdict("start lag, p95 seconds", float(np.percentile(start, 95)), P95_TARGET_S)
    print_circumstances(f"`s2st live` for {minutes:g} minutes over a private PulseAudio")


def rss_mb(pid: int) -> float:
    """Memory of a process and its children's, but for what they share."""
    proc = Path("/proc") / str(pid)
    try:
        lines = (proc / "smaps_rollup").read_text(encoding="ascii").splitlines()
        children = (proc / "task" / str(pid) / "children").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError):  # a voice lives only for its sentence
        return 0.0
    own_kb = sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return own_kb / 1024 + sum(rss_mb(int(child)) for child in children)


if __name__ == "__main__":
    main()

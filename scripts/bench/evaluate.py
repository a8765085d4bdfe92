#!/usr/bin/env python3
"""What `s2st evaluate` adds to an engine's own time, and whether many items grow its memory.

The engine says a word and half a second of speech for every second of sound, at no cost: all that
is measured is ours, and SimulEval's.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from measuring import DATA, print_circumstances, print_table, print_verdict

from audio_io.chunk import AudioChunk, Boundary
from engine.agent import Agent, StreamRequest, Task
from engine.events import Event, TargetAudio, TargetText

RATE_HZ = 16_000
SEGMENT_MS = 320
MOST_ADDED_MS = 2.0
MOST_GROWTH = 1.02
ITEM_S = 5
WARM = 50
"""Items after which all that is loaded late is loaded."""
COUNTER = DATA / "agents" / "counter.py"


class Cheap(Agent[AudioChunk, Event, list[int]]):
    """A word and half a second of sound for each second heard."""

    def __init__(self) -> None:
        self._speech = np.full(8000, 0.1, np.float32)

    def new_state(self, request: StreamRequest) -> list[int]:
        return [0]

    def step(self, chunk: AudioChunk, state: list[int]) -> Iterator[Event]:
        while (state[0] + 1) * RATE_HZ <= chunk.end_sample:
            state[0] += 1
            yield TargetText(0, "spa", f" word{state[0]}", 0.0, 1.0, committed=True)
            yield TargetAudio(0, "spa", AudioChunk(self._speech, RATE_HZ), 0.0, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1000, help="of 5 s (default 1000)")
    parser.add_argument("--worker", choices=["s2st", "simuleval"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        _run_items(arguments.worker, arguments.items)
        return
    _show_overhead()
    _show_memory(arguments.items)
    print_circumstances(
        f"segments of {SEGMENT_MS} ms of noise at {RATE_HZ} Hz; each way 600 segments, the ways "
        "taking turns, a third of which bring text and speech; memory is the resident set, read "
        f"after every item; SimulEval's evaluator runs {min(arguments.items, 300)} of the items",
        "simuleval",
    )


def _show_overhead() -> None:
    """Per segment: the engine called directly, and through each layer on the way to a score."""
    from simuleval.data.segments import SpeechSegment

    from engine.simuleval.bridge import EngineAgent
    from engine.simuleval.process import AgentProcess, ForeignAgentConfig

    request = StreamRequest("eng", ("spa",), task=Task.S2ST, partials=False)
    noise = np.random.default_rng(1).standard_normal(60 * RATE_HZ).astype(np.float32) * 0.1
    size = RATE_HZ * SEGMENT_MS // 1000
    blocks = [noise[at : at + size] for at in range(0, len(noise) - size, size)]
    engine = Cheap()
    times: dict[str, list[float]] = {}

    def direct() -> None:
        state, position = engine.new_state(request), 0
        for block in blocks:
            chunk = AudioChunk(block, RATE_HZ, position, boundary=Boundary.NONE)
            position = chunk.end_sample
            _timed("the engine itself", times, lambda chunk=chunk: list(engine.step(chunk, state)))

    def bridged(name: str, content: Any) -> None:
        agent = EngineAgent(engine, request, RATE_HZ)
        for block in blocks:
            segment = SpeechSegment(content=content(block), sample_rate=RATE_HZ)
            _timed(name, times, lambda segment=segment: agent.pushpop(segment))

    foreign = AgentProcess(ForeignAgentConfig(str(COUNTER)))
    foreign.wait_until_loaded()

    def far() -> None:
        foreign.reset()
        for block in blocks:
            _timed(
                "a SimulEval agent in its process",
                times,
                lambda block=block: foreign.step(
                    block, RATE_HZ, sent_ms=0.0, finished=False, target_language="spa"
                ),
            )

    for _ in range(4):
        direct()
        bridged("as a SimulEval agent, arrays", lambda block: block)
        bridged("as a SimulEval agent, lists", lambda block: block.tolist())
        far()
    foreign.close()
    median = {name: statistics.median(values) for name, values in times.items()}
    bare = median["the engine itself"]
    rows = [
        (name, value, float(np.percentile(times[name], 99)), value - bare)
        for name, value in median.items()
    ]
    print_table(("per segment, ms", "median", "p99", "more than the engine"), rows)
    worst = max(more for *_, more in rows)
    print_verdict("most that is added to a segment, ms", worst, MOST_ADDED_MS)


def _timed(name: str, times: dict[str, list[float]], call: Any) -> None:
    begun_s = time.perf_counter()
    call()
    times.setdefault(name, []).append(1000 * (time.perf_counter() - begun_s))


def _show_memory(items: int) -> None:
    rows, growth = [], 0.0
    for worker, count in (("s2st", items), ("simuleval", min(items, 300))):
        words = [sys.executable, __file__, "--worker", worker, "--items", str(count)]
        out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        warm, end, peak = (float(word) for word in out.split()[-3:])
        rows.append((worker, count, warm, end, peak, end / warm))
        growth = growth or end / warm
    print()
    heading = ("evaluator", "items of 5 s", f"MB after {WARM}", "MB at the end", "peak", "ratio")
    print_table(heading, rows)
    print_verdict(f"memory after {items} items / {WARM}", growth, MOST_GROWTH)


def _run_items(worker: str, count: int) -> None:
    """In a process of its own: prints the memory after the warm items, at the end, at most."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        noise = 0.1 * np.random.default_rng(1).standard_normal(ITEM_S * RATE_HZ)
        soundfile.write(folder / "noise.wav", noise, RATE_HZ)
        kept = _ours(folder, count) if worker == "s2st" else _simulevals(folder, count)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(kept[min(WARM, len(kept)) - 1], kept[-1], peak_mb)


def _ours(folder: Path, count: int) -> list[float]:
    from engine.evaluation.journal import ResultJournal
    from engine.evaluation.run_item import AgentChoice, ItemRunner, RunConfig
    from engine.metrics.result import Item
    from engine.simuleval.bridge import EngineAgent

    request = StreamRequest("eng", ("spa",), task=Task.S2ST, partials=False)
    config = RunConfig(AgentChoice("", request), folder, segment_ms=SEGMENT_MS)
    agent = EngineAgent(Cheap(), request, RATE_HZ)
    runner = ItemRunner(agent, config, RATE_HZ, text=True, speech=True)
    journal = ResultJournal(folder)
    journal.begin({})
    kept = []
    for index in range(count):
        journal.add(runner.run(Item(index, str(index), folder / "noise.wav", "spa", "uno dos")))
        kept.append(_rss_mb())
    return kept


def _simulevals(folder: Path, count: int) -> list[float]:
    from argparse import Namespace

    from simuleval.evaluator import SentenceLevelEvaluator

    from engine.simuleval.bridge import SpeechToText

    (folder / "source.txt").write_text(f"{folder / 'noise.wav'}\n" * count)
    (folder / "target.txt").write_text("uno dos\n" * count)
    arguments = Namespace(
        source=str(folder / "source.txt"),
        target=str(folder / "target.txt"),
        tgt_lang=None,
        output=str(folder / "out"),
        score_only=False,
        no_scoring=True,
        continue_unfinished=False,
        computation_aware=False,
        no_use_ref_len=False,
        eval_latency_unit="word",
        source_segment_size=SEGMENT_MS,
        start_index=0,
        end_index=-1,
        no_progress_bar=True,
        latency_metrics=[],
        quality_metrics=[],
        source_type="speech",
        target_type="text",
    )
    request = StreamRequest("eng", ("spa",), task=Task.S2TT, partials=False)
    before = _rss_mb()
    SentenceLevelEvaluator.from_args(arguments)(SpeechToText(Cheap(), request, RATE_HZ))
    return [before, _rss_mb()]


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()

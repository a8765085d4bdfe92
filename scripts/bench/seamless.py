#!/usr/bin/env python3
"""SeamlessStreaming's runtime against the reference's plain way of working, with random weights.

One thread. A step is 320 ms of sound, some seconds into an utterance, in which two tokens are
written and one is not. Both ways must come to the same tokens.
"""

import argparse
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import seamless_gpu
import torch
from measuring import DATA, print_circumstances, print_table, print_verdict
from seamless_models import (
    FULL_DECODER,
    FULL_ENCODER,
    LANGUAGE,
    RATE_HZ,
    SEGMENT,
    TINY,
    noise,
    random_model,
    small_model,
)

from engine.seamless.config import StreamingPolicy
from engine.seamless.policy import Row, TextState, decode
from engine.seamless.utterance import (
    Segment,
    TargetState,
    UtteranceState,
    step_utterance,
    step_utterances,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # what is plain and slow is a test's
from tests.engine.seamless.naive import (
    NaiveState,
    naive_decode,
    naive_encode,
    naive_step,
)

MOMENTS_S = (5, 10, 20, 30)
POLICY = StreamingPolicy(
    decision_threshold=0.0, max_len_b=4000, max_consecutive_write=2, min_unit_chunk_size=1
)
TIMES = 5
FULL_LAYERS = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="of the long stream (30)")
    parser.add_argument("--quick", action="store_true", help="no long stream, no full-size layers")
    parser.add_argument("--worker", choices=["fast", "naive"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.worker:
        _hold_memory(arguments.worker)
        return
    _show_steps()
    _show_batches()
    _show_memory()
    if not arguments.quick:
        _show_full_size()
        _show_long_stream(arguments.minutes)
    if torch.cuda.is_available():
        seamless_gpu.show()
    else:
        print(f"\nno GPU here; on one this would run: {seamless_gpu.WOULD_RUN}")
    print_circumstances(
        f"256 wide, 12+12 layers, 4 heads, FFN 1024 and 2048, text-to-unit 3+3 with FFN 2048, 1000 "
        f"units, random weights, fp32, one thread; the ways take turns, medians of {TIMES}",
        "torch",
    )


def _show_steps() -> None:
    """Each way, in turns, from the same moment on; what was written before is the same."""
    model, rows, ratios = small_model(), [], {}
    sound = noise(MOMENTS_S[-1] + 10)
    for moment in MOMENTS_S:
        fast, slow, parts = [], [], []
        heard = moment * RATE_HZ
        state = UtteranceState({LANGUAGE: TargetState()})
        state.hear(sound[:heard])
        naive = NaiveState(LANGUAGE)
        naive.frames = [torch.tensor(frame.tolist()) for frame in naive.bank.hear(sound[:heard])]
        traced = replace(POLICY, trace=True)
        for _ in range(TIMES):
            piece, heard = sound[heard : heard + SEGMENT], heard + SEGMENT
            begun_s = time.perf_counter()
            said = step_utterance(
                model, state, piece, traced, finished=False, speakers={LANGUAGE: 0}
            )[LANGUAGE]
            fast.append(1000 * (time.perf_counter() - begun_s))
            begun_s = time.perf_counter()
            expected = naive_step(model, naive, piece, POLICY, finished=False, speaker=0)
            slow.append(1000 * (time.perf_counter() - begun_s))
            assert said.turn is not None and expected.turn is not None and said.trace is not None
            assert said.turn.written == expected.turn.written
            parts.append(said.trace["compute_ms"])
        part = {
            name: statistics.median(each.get(name, 0.0) for each in parts)
            for name in ("encoder", "decoder", "text_to_unit", "vocoder")
        }
        whole, plain = statistics.median(fast), statistics.median(slow)
        ratios[moment] = plain / whole
        rows.append((f"{moment} s", *part.values(), whole, plain, plain / whole))
    heading = ("into", "encoder", "decoder", "text-to-unit", "vocoder", "step ms", "plain", "ratio")
    print_table(heading, rows)
    print_verdict("plain / fast at 10 s", ratios[10], 2.2, at_least=True)
    print_verdict("plain / fast at 30 s", ratios[30], 3.0, at_least=True)


def _show_batches() -> None:
    """Several streams' steps, speech included, together against one after the other, 3 to 10 s
    into utterances."""
    model, rows = small_model(), []
    sound = noise(20)
    for count in (2, 4, 8):
        seconds = np.linspace(3, 10, count)
        taken: dict[str, list[float]] = {"together": [], "alone": []}
        states = {
            way: [UtteranceState({LANGUAGE: TargetState()}) for _ in seconds] for way in taken
        }
        for each in states.values():
            for state, heard_s in zip(each, seconds, strict=True):
                state.hear(sound[: round(heard_s * RATE_HZ)])
        for number in range(TIMES):
            piece = sound[number * SEGMENT : (number + 1) * SEGMENT]
            for way, each in states.items():
                batch = [Segment(state, piece, POLICY, False, {LANGUAGE: 0}) for state in each]
                begun_s = time.perf_counter()
                for part in [batch] if way == "together" else [[segment] for segment in batch]:
                    step_utterances(model, part)
                taken[way].append(1000 * (time.perf_counter() - begun_s))
        one, other = (statistics.median(each) for each in taken.values())
        rows.append((count, one, other, other / one))
    print()
    print_table(("streams", "together ms", "one by one ms", "ratio"), rows)


def _show_memory() -> None:
    """Beyond the model itself, one step at 30 s, each way in a process of its own."""
    peaks = {}
    for way in ("fast", "naive"):
        words = [sys.executable, __file__, "--worker", way]
        out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        peaks[way] = float(out.split()[-1])
    print(f"\npeak memory of a step at 30 s: {peaks['fast']:.0f} MB, plain {peaks['naive']:.0f} MB")
    print_verdict("fast / plain", peaks["fast"] / peaks["naive"], 0.5)


@torch.inference_mode()
def _hold_memory(way: str) -> None:
    model, sound = small_model(), noise(31)
    model.encoder(torch.zeros(200, 80))
    before = _peak_mb()
    heard, piece = sound[: 30 * RATE_HZ], sound[30 * RATE_HZ : 30 * RATE_HZ + SEGMENT]
    if way == "fast":
        state = UtteranceState({LANGUAGE: TargetState()})
        state.hear(heard)
        step_utterance(model, state, piece, POLICY, finished=False, speakers={LANGUAGE: 0})
    else:
        naive = NaiveState(LANGUAGE)
        naive.frames = [torch.tensor(frame.tolist()) for frame in naive.bank.hear(heard)]
        naive_step(model, naive, piece, POLICY, finished=False, speaker=0)
    print(_peak_mb() - before)


def _peak_mb() -> float:
    """Most memory this process held; getrusage would tell of the one that started it, too."""
    return _memory_mb("VmHWM")


def _memory_mb(what: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


@torch.inference_mode()
def _show_full_size() -> None:
    """One layer of the published width, times its 24."""
    model = random_model(replace(FULL_ENCODER, layers=1), replace(FULL_DECODER, layers=1))
    rows = []
    for moment in (5, 10, 20, 30):
        frames = torch.randn(moment * 100, 80)
        source = model.encoder(frames)
        ways = {
            "encoder": lambda f=frames: model.encoder(f),
            "encoder, plain": lambda f=frames: naive_encode(model.encoder, f),
            "decoder": lambda s=source: decode(
                model.decoder, [s], [Row(0, (3, 802), TextState(), POLICY.write, False)]
            ),
            "decoder, plain": lambda s=source: naive_decode(
                model.decoder,
                s,
                (3, 802),
                TextState(),
                POLICY.write,
                source_finished=False,
                comma=None,
            ),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(3):
            for name, way in ways.items():
                begun_s = time.perf_counter()
                way()
                times[name].append(time.perf_counter() - begun_s)
        medians = [FULL_LAYERS * statistics.median(each) for each in times.values()]
        rows.append((f"{moment} s", *medians, medians[1] / medians[0], medians[3] / medians[2]))
    print()
    heading = ("into", "encoder s", "plain", "decoder s", "plain", "ratio", "ratio")
    print_table(heading, rows)
    print("(full width, one layer and what surrounds the layers, times 24)")


def _show_long_stream(minutes: float) -> None:
    """The tiny model over sentences with pauses: neither steps nor memory may grow."""
    import soundfile

    from audio_io.chunk import AudioChunk, Boundary
    from engine.agent import StreamRequest, Task
    from engine.registry import LoadOptions
    from engine.seamless.spec import SPEC

    options = LoadOptions(model_dir=str(TINY), device="cpu", dtype="fp32")
    agent = SPEC.load(options)
    policy = StreamingPolicy(decision_threshold=0.3, max_consecutive_write=6)
    request = StreamRequest("eng", ("spa",), task=Task.S2TT, policy=policy)
    speech, _ = soundfile.read(DATA / "quickstart.wav", dtype="float32")
    state, position, steps = agent.new_state(request), 0, []
    memory: list[float] = []
    while position < minutes * 60 * RATE_HZ:
        at = position % len(speech)
        samples = speech[at : at + SEGMENT]
        begun_s = time.perf_counter()
        for _ in agent.step(AudioChunk(samples, RATE_HZ, position, boundary=Boundary.NONE), state):
            pass
        steps.append((position / RATE_HZ / 60, 1000 * (time.perf_counter() - begun_s)))
        position += len(samples)
        memory.append(_memory_mb("VmRSS"))
    agent.release(state)
    x, y = np.array(steps).T
    (slope, _), covariance = np.polyfit(x, y, 1, cov=True)
    error = float(np.sqrt(covariance[0, 0]))
    warm = memory[len(memory) // 6]
    print(
        f"\n{minutes:g} minutes of speech with pauses, tiny model: a step takes "
        f"{np.median(y):.1f} ms (median), trend {60 * slope:+.2f} ± {60 * error:.2f} ms an hour; "
        f"memory {memory[-1]:.0f} MB, {memory[-1] / warm:.3f} times that after a sixth"
    )


if __name__ == "__main__":
    main()

"""The part of `seamless.py` that takes a GPU: the full model with random weights, in bf16.

By itself it rehearses on the cpu, with the small model: that it runs, not how fast.
"""

import statistics
import time

import numpy as np
import torch
from measuring import print_table, print_verdict
from seamless_models import LANGUAGE, RATE_HZ, SEGMENT, full_model, noise, small_model

from engine.models.placement import compile_layers
from engine.seamless.config import StreamingPolicy
from engine.seamless.loading import SeamlessModel
from engine.seamless.utterance import Segment, TargetState, UtteranceState, step_utterances

WOULD_RUN = (
    "the full model with random weights in bf16: one step 20 s into an utterance, with two tokens "
    "written and one READ, spoken, eager and compiled (target 60 ms median); its memory (target "
    "8 GB); and how many streams at once take less than 320 ms a step"
)
POLICY = StreamingPolicy(
    decision_threshold=0.0, max_len_b=4000, max_consecutive_write=2, min_unit_chunk_size=1
)
CONTEXT_S = 20
SPREAD_S = (2, 20)
"""Streams at once are so far into their utterances."""
WARM, TIMES = 3, 15


def show() -> None:
    device = torch.device("cuda")
    model = full_model(device, torch.bfloat16)
    print(f"\n{torch.cuda.get_device_name()}, full model, random weights, bf16")
    _show(model, (1, 2, 4, 8, 16, 32, 64, 128))
    gigabytes = torch.cuda.max_memory_allocated() / 1e9
    print_verdict("memory at its most, GB", gigabytes, 8.0)


def _show(model: SeamlessModel, counts: tuple[int, ...]) -> None:
    eager_ms = _step_ms(model)
    print_verdict(f"a step at {CONTEXT_S} s, eager, median ms", eager_ms, 60.0)
    _show_streams(model, counts)
    compile_layers([*model.encoder.layers, *model.decoder.layers], model.device)
    compiled_ms = _step_ms(model)
    print_verdict(f"a step at {CONTEXT_S} s, compiled, median ms", compiled_ms, 60.0)


def _step_ms(model: SeamlessModel) -> float:
    """One stream, encoder to vocoder."""
    state = UtteranceState({LANGUAGE: TargetState()})
    sound = noise(CONTEXT_S + 10)
    state.hear(sound[: CONTEXT_S * RATE_HZ])
    taken_ms, spoken = [], 0
    for number in range(WARM + TIMES):
        begun_s = time.perf_counter()
        piece = sound[number * SEGMENT : (number + 1) * SEGMENT]
        [said] = step_utterances(model, [_segment(state, piece)])
        _wait(model)
        if number >= WARM:
            taken_ms.append(1000 * (time.perf_counter() - begun_s))
            spoken += said[LANGUAGE].samples is not None
    assert spoken, "nothing was spoken: this is no whole step"
    return statistics.median(taken_ms)


def _show_streams(model: SeamlessModel, counts: tuple[int, ...]) -> None:
    """Steps of several streams together, until they take longer than the sound they are of."""
    rows, most = [], 0
    sound = noise(SPREAD_S[1] + 10)
    for count in counts:
        states = [UtteranceState({LANGUAGE: TargetState()}) for _ in range(count)]
        for state, seconds in zip(states, np.linspace(*SPREAD_S, count), strict=True):
            state.hear(sound[: round(seconds * RATE_HZ)])
        taken_ms = []
        for number in range(WARM + 5):
            piece = sound[number * SEGMENT : (number + 1) * SEGMENT]
            begun_s = time.perf_counter()
            step_utterances(model, [_segment(state, piece) for state in states])
            _wait(model)
            if number >= WARM:
                taken_ms.append(1000 * (time.perf_counter() - begun_s))
        step_ms = statistics.median(taken_ms)
        rows.append((count, step_ms, step_ms / count))
        if step_ms > 320:
            break
        most = count
    print_table(("streams", "step ms", "ms a stream"), rows)
    print(f"in real time at once: {most} streams, 2 to 20 s into their utterances")


def _segment(state: UtteranceState, piece: np.ndarray) -> Segment:
    return Segment(state, piece, POLICY, False, {LANGUAGE: 0})


def _wait(model: SeamlessModel) -> None:
    if model.device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    torch.set_num_threads(1)
    _show(small_model(), (1, 2, 4))

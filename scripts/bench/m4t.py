#!/usr/bin/env python3
"""SeamlessM4T v2 over utterances of mixed lengths: batches by `step_many` against one by one.

Random weights, greedy; both ways must come to the same text. On a GPU the model has the published
size and computes in bf16.
"""

import argparse
import json
import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from measuring import DATA, print_circumstances, print_table, print_verdict
from transformers import SeamlessM4Tv2Config, SeamlessM4Tv2Model
from transformers.utils import logging as transformers_logging

from audio_io.chunk import AudioChunk, Boundary, Samples
from engine.agent import StreamRequest, Task
from engine.events import TargetAudio, TargetText
from engine.m4t.checkpoint import read_generation_config
from engine.m4t.complete import CompleteAgent
from engine.m4t.config import M4tPolicy
from engine.m4t.loading import ATTENTION, M4tModel
from engine.m4t.words import Pieces

TINY = DATA / "m4t"
RATE_HZ = 16_000
LENGTHS_S = (2, 3, 4, 5, 6, 8, 10, 12)
SYMBOLS = 8_000
TIMES = 2


@dataclass(frozen=True, slots=True)
class Size:
    """Of a model."""

    width: int
    layers: int
    feed_forward: int
    heads: int

    @property
    def title(self) -> str:
        return (
            f"{self.width} wide, {self.layers}+{self.layers} layers, {self.heads} heads, FFN "
            f"{self.feed_forward}"
        )


SMALL = Size(256, 4, 1024, 4)
PUBLISHED = Size(1024, 24, 8192, 16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=30, help="most of a sentence (30)")
    parser.add_argument("--threads", type=int, default=1, help="on the CPU (1)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    on_gpu = torch.cuda.is_available()
    size = PUBLISHED if on_gpu else SMALL
    model = _model(size, torch.device("cuda" if on_gpu else "cpu"))
    rows, ratios = [], {}
    for task in (Task.S2TT, Task.S2ST):
        alone, batched = _both_ways(model, task, arguments.tokens)
        ratios[task] = alone / batched
        rows.append((task.value, alone, batched, alone / batched))
    print_table(("task", "one by one s", "batches s", "ratio"), rows)
    if on_gpu:
        print_verdict("one by one / batches, text", ratios[Task.S2TT], 2.5, at_least=True)
    else:
        print(
            "\nno GPU here; on one this would run the published size "
            f"({PUBLISHED.title}) in bf16, target 2.5 times; on a CPU there is no target"
        )
    print_circumstances(
        f"{len(LENGTHS_S)} utterances of {LENGTHS_S[0]} to {LENGTHS_S[-1]} s; {size.title}, "
        f"{SYMBOLS} symbols, random weights, {model.dtype}, {arguments.threads} threads, at most "
        f"{arguments.tokens} tokens a sentence; the ways take turns, medians of {TIMES}",
        "torch",
        "transformers",
    )


def _model(size: Size, device: torch.device) -> M4tModel:
    torch.manual_seed(0)
    record = json.loads((TINY / "config.json").read_text(encoding="utf-8"))
    record |= {
        "hidden_size": size.width,
        "vocab_size": SYMBOLS,
        "t2u_variance_predictor_embed_dim": size.width,
        "attn_implementation": ATTENTION,
    }
    for part in ("speech_encoder", "decoder", "encoder"):
        record[f"{part}_layers"] = size.layers
        record[f"{part}_attention_heads"] = size.heads
    record["speech_encoder_intermediate_size"] = size.feed_forward // 2
    for part in ("decoder", "encoder"):
        record[f"{part}_ffn_dim"] = size.feed_forward
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    transformers_logging.set_verbosity_error()
    network = SeamlessM4Tv2Model(SeamlessM4Tv2Config(**record)).eval()
    with torch.no_grad():  # control symbols and the language are never written
        network.shared.weight[[0, 1, 2, 3, SYMBOLS - 1]] = 0.0
    network.text_encoder = None
    network.to(device, dtype).requires_grad_(False)
    network.set_modality("speech")
    generation = read_generation_config(TINY)
    for name in ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"):
        setattr(network.generation_config, name, generation[name])
    return M4tModel(
        network=network,
        pieces=Pieces(
            {token: f"▁w{token}" for token in range(4, SYMBOLS - 1)},
            {letter: 4 + place for place, letter in enumerate("▁w0123456789")},
            SYMBOLS - 1,
        ),
        languages={"spa": SYMBOLS - 1},
        voices=generation["vocoder_lang_code_to_id"],
        speakers=1,
        device=device,
        dtype=dtype,
    )


def _both_ways(model: M4tModel, task: Task, tokens: int) -> tuple[float, float]:
    """Medians of seconds: one utterance after the other, and all in one step."""
    agent = CompleteAgent(model)
    policy = M4tPolicy(beams=1, max_length=tokens, block_loops=False, gate_noise=False)
    request = StreamRequest("eng", ("spa",), task=task, policy=policy)
    sounds = [_noise(length_s, seed) for seed, length_s in enumerate(LENGTHS_S)]
    alone_s, batched_s = [], []
    for turn in range(TIMES + 1):
        begun_s = time.perf_counter()
        alone = [agent.step_many([_whole(agent, sound, request)])[0] for sound in sounds]
        between_s = time.perf_counter()
        batched = agent.step_many([_whole(agent, sound, request) for sound in sounds])
        if turn:  # the first one makes room
            alone_s.append(between_s - begun_s)
            batched_s.append(time.perf_counter() - between_s)
        assert all(len(each) > 1 for each in alone), "an utterance said nothing"
        if model.dtype is torch.float32:
            assert [_said(each) for each in alone] == [_said(each) for each in batched]
    return statistics.median(alone_s), statistics.median(batched_s)


def _whole(agent: CompleteAgent, sound: Samples, request: StreamRequest) -> tuple[Any, Any]:
    return AudioChunk(sound, RATE_HZ, boundary=Boundary.STREAM), agent.new_state(request)


def _said(events: list[Any]) -> list[Any]:
    texts = [event.text for event in events if isinstance(event, TargetText)]
    return [texts, [len(e.chunk.samples) for e in events if isinstance(e, TargetAudio)]]


def _noise(length_s: int, seed: int) -> Samples:
    chance = np.random.default_rng(seed)
    return (0.1 * chance.standard_normal(length_s * RATE_HZ)).astype(np.float32)


if __name__ == "__main__":
    main()

"""Encoder states to tokens, by transformers' own search, and how likely each token was.

Letters: N sentences, T tokens, S encoder states, D width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationMixin, LogitsProcessor, LogitsProcessorList
from transformers.modeling_outputs import BaseModelOutput

from engine.m4t.encoding import Encoded
from engine.m4t.loading import M4tModel
from engine.m4t.words import EOS

PAD = 0
SLICE = 32
"""Tokens whose probabilities over the whole vocabulary are held at once."""


@dataclass(frozen=True, slots=True)
class Search:
    """How tokens are looked for."""

    beams: int = 1
    temperature: float = 0.0
    seed: int = 0
    """Of the draws, where there are any."""


@dataclass(frozen=True, slots=True)
class Job:
    """One sentence to write: an utterance in one language."""

    heard: Encoded
    language: str
    limit: int
    """Tokens at most."""


@dataclass(frozen=True, slots=True)
class Written:
    tokens: list[int]
    """Without the language and the end."""
    probabilities: list[float]
    """Of each token, given those before it."""
    states: Tensor
    """(T + 2, D) of the decoder: at the end sign, the language, and each token."""


class _EndsInTime(LogitsProcessor):  # type: ignore[misc]
    """Nothing but the end may follow a sentence's last token."""

    def __init__(self, limits: Tensor, prompt: int) -> None:
        self._limits = limits
        self._prompt = prompt

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        due = input_ids.shape[1] - self._prompt >= self._limits
        ending = torch.full_like(scores, -torch.inf)
        ending[:, EOS] = 0.0
        return torch.where(due[:, None], ending, scores)


def search(model: M4tModel, jobs: Sequence[Job], how: Search) -> list[list[int]]:
    """The tokens of each job, without prompt and end."""
    states, frames = _stacked(model, jobs)
    prompts = torch.tensor([model.prompt(job.language) for job in jobs], device=model.device)
    limits = torch.tensor([job.limit for job in jobs], device=model.device)
    ending = _EndsInTime(limits.repeat_interleave(how.beams), prompts.shape[1])
    chances: dict[str, Any] = {"do_sample": False}
    if how.temperature > 0:
        chances = {"do_sample": True, "temperature": how.temperature, "top_k": 0}
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices, enabled=how.temperature > 0):
        if how.temperature > 0:
            torch.manual_seed(how.seed)
        found = GenerationMixin.generate(
            model.network,
            encoder_outputs=BaseModelOutput(last_hidden_state=states),
            attention_mask=frames,
            decoder_input_ids=prompts,
            num_beams=how.beams,
            max_new_tokens=int(limits.max()) + 1,
            logits_processor=LogitsProcessorList([ending]),
            **chances,
        )
    return [_text_of(row[prompts.shape[1] :]) for row in found.tolist()]


def read_back(model: M4tModel, jobs: Sequence[Job], tokens: Sequence[list[int]]) -> list[Written]:
    """One pass over sentences that are written already, for the states that speech is made of and
    the probability of each token."""
    states, frames = _stacked(model, jobs)
    rows = [
        torch.tensor([*model.prompt(job.language), *each])
        for job, each in zip(jobs, tokens, strict=True)
    ]
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
    lengths = model.network._compute_sub_sample_lengths_from_attention_mask(frames)
    seen = torch.arange(states.shape[1], device=model.device)[None] < lengths[:, None]
    decoded = model.network.text_decoder(
        input_ids=padded.to(model.device),
        encoder_hidden_states=states,
        encoder_attention_mask=seen,
        use_cache=False,
    ).last_hidden_state
    return [
        Written(
            list(each), _probabilities(model, row[1 : len(each) + 1], each), row[: len(each) + 2]
        )
        for row, each in zip(decoded, tokens, strict=True)
    ]


def _probabilities(model: M4tModel, states: Tensor, tokens: list[int]) -> list[float]:
    """Of tokens, each from the state before it (T, D). A few at a time: the vocabulary is long."""
    found: list[float] = []
    for first in range(0, len(tokens), SLICE):
        logits = model.network.lm_head(states[first : first + SLICE]).float()
        wanted = torch.tensor(tokens[first : first + SLICE], device=logits.device)
        found += logits.softmax(-1).gather(1, wanted[:, None])[:, 0].tolist()
    return found


def _stacked(model: M4tModel, jobs: Sequence[Job]) -> tuple[Tensor, Tensor]:
    """States (N, S, D), and a mask of frames from which the model tells which of them count."""
    states = torch.nn.utils.rnn.pad_sequence([job.heard.states for job in jobs], batch_first=True)
    frames = torch.tensor([job.heard.frames for job in jobs])
    mask = torch.arange(int(frames.max()))[None] < frames[:, None]
    return states, mask.long().to(model.device)


def _text_of(tokens: list[int]) -> list[int]:
    """Tokens up to the end."""
    return tokens[: tokens.index(EOS)] if EOS in tokens else [t for t in tokens if t != PAD]

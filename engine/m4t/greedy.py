"""One hypothesis for the sound kept, from the words kept on, and what it attends to.

Letters: H tokens of history, T new tokens, S encoder states, D width.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from engine.m4t.loading import M4tModel
from engine.m4t.words import EOS


@dataclass(frozen=True, slots=True)
class Hypothesis:
    tokens: list[int]
    """(T)."""
    probabilities: list[float]
    """(T)."""
    attention: Tensor
    """(H + T, S), a mean over the heads of one layer."""
    states: Tensor
    """(2 + H + T, D) of the decoder: at the end sign, the language, history and new tokens."""


@dataclass(frozen=True, slots=True)
class GreedyConfig:
    limit: int
    """New tokens at most."""
    layer: int
    """Of the decoder, whose attention is wanted."""
    no_repeat_ngram: int
    """Tokens that never follow each other twice; 0 allows it."""


def hypothesis(
    model: M4tModel, heard: Tensor, language: str, history: Sequence[int], config: GreedyConfig
) -> Hypothesis:
    """The likeliest continuation of `history`, token by token. `heard` is (S, D).

    A token's attention and state are known once it has been fed; so is the last one.
    """
    ids = [*model.prompt(language), *history]
    tokens: list[int] = []
    probabilities: list[float] = []
    states: list[Tensor] = []
    cache: Any = None
    fed = torch.tensor([ids], device=model.device)
    with _Watch(model.network.text_decoder.layers[config.layer].cross_attention) as watch:
        while True:
            out = model.network.text_decoder(
                input_ids=fed,
                encoder_hidden_states=heard[None],
                past_key_values=cache,
                use_cache=True,
            )
            cache = out.past_key_values
            states.append(out.last_hidden_state[0])
            if len(tokens) >= config.limit:
                break
            logits = model.network.lm_head(out.last_hidden_state[:, -1])[0].float()
            banned = _repeats(ids, config.no_repeat_ngram)
            logits[banned] = -torch.inf
            token = int(logits.argmax())
            if token == EOS:
                break
            tokens.append(token)
            probabilities.append(float(logits.softmax(-1)[token]))
            ids.append(token)
            fed = torch.tensor([[token]], device=model.device)
    return Hypothesis(tokens, probabilities, watch.attention()[2:], torch.cat(states))


def _repeats(ids: Sequence[int], size: int) -> list[int]:
    """The tokens that would make the last `size` tokens a repetition."""
    if size < 1 or len(ids) < size:
        return []
    last = ids[len(ids) - size + 1 :]
    return [
        ids[place + size - 1]
        for place in range(len(ids) - size + 1)
        if ids[place : place + size - 1] == last
    ]


class _Watch:
    """Notes what one layer of cross-attention looks at; the fast ways of computing do not say.

    Other threads may use the same layer meanwhile: theirs is left alone.
    """

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self._thread = threading.get_ident()
        self._queries: list[Tensor] = []
        self._keys: list[Tensor] = []
        self._hooks: list[Any] = []

    def __enter__(self) -> "_Watch":
        for projection, notes in (
            (self._layer.q_proj, self._queries),
            (self._layer.k_proj, self._keys),
        ):

            def note(_: Any, __: Any, out: Tensor, notes: list[Tensor] = notes) -> None:
                if threading.get_ident() == self._thread:
                    notes.append(out[0])

            self._hooks.append(projection.register_forward_hook(note))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for hook in self._hooks:
            hook.remove()

    def attention(self) -> Tensor:
        """Of every token that was fed, (tokens, S), a mean over heads, in float32."""
        heads = self._layer.num_heads
        queries = torch.cat(self._queries).unflatten(1, (heads, -1)).transpose(0, 1).float()
        keys = self._keys[0].unflatten(1, (heads, -1)).transpose(0, 1).float()
        scores = queries @ keys.transpose(1, 2) * self._layer.scaling
        attention: Tensor = scores.softmax(-1).mean(0)
        return attention

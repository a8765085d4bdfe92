"""The monotonic text decoder: a token, and how sure each head is that enough was heard for it.

N: rows, each one target of one stream; T: new tokens; P: positions; A: encoder states; M: width;
H: heads; D: width of a head; V: vocabulary.
Efficient monotonic multihead attention: Ma et al., https://arxiv.org/abs/2312.04515.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from engine.seamless.config import DecoderConfig

FIRST_POSITION = 2
"""Of the sinusoids: one past the index that padding had."""
ROOM = 16
"""Positions a cache has room for beyond those it was made with; it grows by half."""


@dataclass(slots=True)
class DecoderCache:
    """What one policy call keeps: it is of one state of each source, and not of the next."""

    lengths: list[int]
    """Positions seen, by row."""
    keys: list[Tensor]
    """Of self-attention, by layer, (N, P, H, D); the first `lengths` of a row are filled."""
    values: list[Tensor]
    source_keys: list[Tensor]
    """Of cross attention, by layer, (N, H, A, D)."""
    source_values: list[Tensor]
    source_energy: list[Tensor]
    """Energy projection of the newest pooled state, by layer, (N, H, D)."""
    source_mask: Tensor | None
    """True where a row's source reaches, (N, 1, 1, A); None where all are as long."""

    def crop(self, row: int, tokens: int) -> None:
        """Forget all positions of a row from this one on."""
        self.lengths[row] = tokens

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all other rows."""
        self.lengths = [self.lengths[row] for row in rows]
        chosen = torch.tensor(rows, device=self.keys[0].device)
        for kept in (
            *(self.keys, self.values),
            *(self.source_keys, self.source_values, self.source_energy),
        ):
            kept[:] = [tensor.index_select(0, chosen) for tensor in kept]
        if self.source_mask is not None:
            self.source_mask = self.source_mask.index_select(0, chosen)

    def make_room(self, positions: int) -> None:
        room = self.keys[0].shape[1]
        if positions > room:
            more = max(positions - room, room // 2)
            for kept in (self.keys, self.values):
                kept[:] = [functional.pad(tensor, (0, 0, 0, 0, 0, more)) for tensor in kept]


@dataclass(frozen=True, slots=True)
class Decoded:
    """One call of the decoder."""

    features: list[Tensor]
    """Of the new positions of each row, (T, M)."""
    last: Tensor
    """Of the last position of each row, (N, M)."""
    p_choose: Tensor
    """Of the last position and the newest source, (layers, N, H)."""


@dataclass(frozen=True, slots=True)
class _Places:
    """Where new positions stand."""

    rows: Tensor
    """(N, 1)."""
    columns: Tensor
    """(N, T)."""
    last: Tensor
    """Number of each row's last new position, (N,)."""
    used: int
    """Positions of the longest row."""
    mask: Tensor | None
    """True where a new position sees another, (N, 1, T, used); None where each sees all."""


class TextDecoder(nn.Module):
    def __init__(self, config: DecoderConfig, vocabulary: int) -> None:
        super().__init__()
        self.config = config
        self.text_decoder_frontend = nn.Module()
        self.text_decoder_frontend.embed = nn.Embedding(vocabulary, config.model_dim)
        self.text_decoder = nn.Module()
        self.text_decoder.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.text_decoder.layer_norm = nn.LayerNorm(config.model_dim)
        self.final_proj = nn.Linear(config.model_dim, vocabulary, bias=False)
        self._scale = math.sqrt(config.model_dim)

    def listen(self, sources: Sequence[Tensor], rows: Sequence[int]) -> DecoderCache:
        """All that depends on sources alone, computed once: sources (A, M), and which of them each
        row is of."""
        ratio = self.config.pre_decision_ratio
        newest = [source[(len(source) - 1) // ratio * ratio :].mean(dim=0) for source in sources]
        pooled = torch.stack(newest)
        padded = pad_sequence(list(sources), batch_first=True)
        heads = self.config.attention_heads
        chosen = None
        if list(rows) != list(range(len(sources))):
            chosen = torch.tensor(rows, device=padded.device)
        cache = DecoderCache([0] * len(rows), [], [], [], [], [], None)
        for layer in self.layers:
            keys, values = layer.encoder_decoder_attn.project(padded)
            energy = layer.p_choose_layer.k_energy_proj(pooled).unflatten(-1, (heads, -1))
            for kept, tensor in (
                (cache.source_keys, keys.transpose(1, 2)),
                (cache.source_values, values.transpose(1, 2)),
                (cache.source_energy, energy),
            ):
                kept.append(tensor if chosen is None else tensor.index_select(0, chosen))
            room = (len(rows), ROOM, heads, keys.shape[-1])
            cache.keys.append(keys.new_zeros(room))
            cache.values.append(keys.new_zeros(room))
        lengths = [len(sources[row]) for row in rows]
        if min(lengths) < padded.shape[1]:
            ends = torch.tensor(lengths, device=padded.device)[:, None, None, None]
            cache.source_mask = torch.arange(padded.shape[1], device=padded.device) < ends
        return cache

    def forward(self, tokens: Sequence[Sequence[int]], cache: DecoderCache) -> Decoded:
        """Run new tokens of each row, one or more, after those of the cache, and add them to it."""
        device = self.place
        counts = [len(each) for each in tokens]
        most = max(counts)
        padded = [[*each, *[0] * (most - len(each))] for each in tokens]
        # What is padded stands past a row's end: nothing looks at it, and it is written over.
        cache.make_room(max(cache.lengths) + most)
        places = _places(cache.lengths, counts, device)
        symbols = torch.tensor(padded, device=device)
        embedded = self.text_decoder_frontend.embed(symbols) * self._scale  # type: ignore[operator]
        table = sinusoid_table(places.used + most + FIRST_POSITION, embedded.shape[-1], device)
        positions = table[places.columns + FIRST_POSITION]
        states = (embedded.float() + positions).to(embedded.dtype)
        chosen = []
        for number, layer in enumerate(self.layers):
            states, p_choose = layer(
                states,
                (cache.keys[number], cache.values[number]),
                cache.source_keys[number],
                cache.source_values[number],
                cache.source_energy[number],
                places.rows,
                places.columns,
                places.last,
                places.used,
                places.mask,
                cache.source_mask,
            )
            chosen.append(p_choose)
        cache.lengths = [
            length + count for length, count in zip(cache.lengths, counts, strict=True)
        ]
        features: Tensor = self.text_decoder.layer_norm(states)  # type: ignore[operator]
        return Decoded(
            [features[row, :count] for row, count in enumerate(counts)],
            features[places.rows[:, 0], places.last],
            torch.stack(chosen),
        )

    def logits(self, features: Tensor) -> Tensor:
        """(N, M) to (N, V)."""
        projected: Tensor = self.final_proj(features)
        return projected

    @property
    def place(self) -> torch.device:
        """Where the decoder is."""
        weight: Tensor = self.text_decoder.layer_norm.weight  # type: ignore[union-attr, assignment]
        return weight.device

    @property
    def layers(self) -> "list[_Layer]":
        return list(self.text_decoder.layers)  # type: ignore[arg-type]


def _places(lengths: Sequence[int], counts: Sequence[int], device: torch.device) -> _Places:
    most = max(counts)
    starts = torch.tensor(lengths, device=device)[:, None]
    columns = starts + torch.arange(most, device=device)
    used = max(length + most for length in lengths)
    mask = None
    if most > 1 or min(lengths) != max(lengths):
        mask = (torch.arange(used, device=device) <= columns[:, :, None])[:, None]
    rows = torch.arange(len(lengths), device=device)[:, None]
    last = torch.tensor(counts, device=device) - 1
    return _Places(rows, columns, last, used, mask)


class _Layer(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width, heads = config.model_dim, config.attention_heads
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.self_attn = _Attention(width, heads)
        self.encoder_decoder_attn_layer_norm = nn.LayerNorm(width)
        self.encoder_decoder_attn = _Attention(width, heads)
        self.p_choose_layer = _Choose(config)
        self.ffn_layer_norm = nn.LayerNorm(width)
        self.ffn = nn.Module()
        self.ffn.inner_proj = nn.Linear(width, config.ffn_dim)
        self.ffn.output_proj = nn.Linear(config.ffn_dim, width)

    def forward(  # tensors alone, so that it can be compiled once for all layers
        self,
        states: Tensor,
        past: tuple[Tensor, Tensor],
        source_keys: Tensor,
        source_values: Tensor,
        source_energy: Tensor,
        rows: Tensor,
        columns: Tensor,
        last: Tensor,
        used: int,
        mask: Tensor | None,
        source_mask: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        past_keys, past_values = past
        normed = self.self_attn_layer_norm(states)
        keys, values = self.self_attn.project(normed)
        past_keys[rows, columns] = keys
        past_values[rows, columns] = values
        states = states + self.self_attn.attend(
            normed,
            past_keys[:, :used].transpose(1, 2),
            past_values[:, :used].transpose(1, 2),
            mask,
        )
        queries = self.encoder_decoder_attn_layer_norm(states)
        p_choose = self.p_choose_layer(queries[rows[:, 0], last], source_energy)
        states = states + self.encoder_decoder_attn.attend(
            queries, source_keys, source_values, source_mask
        )
        inner = functional.relu(self.ffn.inner_proj(self.ffn_layer_norm(states)))  # type: ignore[operator]
        return states + self.ffn.output_proj(inner), p_choose  # type: ignore[operator]


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.output_proj = nn.Linear(width, width)

    def project(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values, (N, T, H, D)."""
        return (
            self.k_proj(states).unflatten(-1, (self.heads, -1)),
            self.v_proj(states).unflatten(-1, (self.heads, -1)),
        )

    def attend(self, states: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        """States (N, T, M), keys and values (N, H, P, D) to (N, T, M)."""
        queries = self.q_proj(states).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        attended = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        out: Tensor = self.output_proj(attended.transpose(1, 2).flatten(2))
        return out


class _Choose(nn.Module):
    """p_choose of one position and the newest pooled state of its source, for each head."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.energy_bias = nn.Parameter(torch.full((1,), -0.5))
        self.q_energy_proj = _Energy(config)
        self.k_energy_proj = _Energy(config)
        self._heads, self._temperature = config.attention_heads, config.energy_temperature

    def forward(self, queries: Tensor, energy: Tensor) -> Tensor:
        """Queries (N, M), energies of the keys (N, H, D), to (N, H)."""
        energies = self.q_energy_proj(queries).unflatten(-1, (self._heads, -1))
        scores = (energies * energy).sum(-1) * energy.shape[-1] ** -0.5 + self.energy_bias
        return torch.sigmoid(scores / self._temperature)


class _Energy(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width = config.model_dim
        self.layers = nn.ModuleList(
            module
            for _ in range(config.energy_layers)
            for module in (nn.Linear(width, width), nn.ReLU())
        )

    def forward(self, states: Tensor) -> Tensor:
        for layer in self.layers:
            states = layer(states)
        return states


def sinusoid_table(least: int, width: int, device: torch.device) -> Tensor:
    """Of at least so many positions from 0 on, (positions, width), float32: sines, then cosines
    (tensor2tensor's order)."""
    return _sinusoids(1 << max(8, (least - 1).bit_length()), width, device)


@lru_cache(maxsize=16)
def _sinusoids(count: int, width: int, device: torch.device) -> Tensor:
    half = width // 2
    steps = torch.arange(count, device=device, dtype=torch.float32)
    rates = torch.arange(half, device=device, dtype=torch.float32)
    rates = torch.exp(rates * -math.log(10_000.0) / (half - 1))
    angles = torch.outer(steps, rates)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)

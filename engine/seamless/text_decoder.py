"""The monotonic text decoder: a token, and how sure each head is that enough was heard for it.

T: tokens; A: encoder states; M: width; H: heads; D: width of a head; V: vocabulary.
Efficient monotonic multihead attention: Ma et al., https://arxiv.org/abs/2312.04515.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.seamless.config import DecoderConfig

FIRST_POSITION = 2
"""Of the sinusoids: one past the index that padding had."""


@dataclass(slots=True)
class DecoderCache:
    """What one policy call keeps: it is of one state of the source, and not of the next."""

    keys: list[Tensor]
    """Of self-attention, by layer, (H, T, D)."""
    values: list[Tensor]
    source_keys: list[Tensor]
    """Of cross attention, by layer, (H, A, D)."""
    source_values: list[Tensor]
    source_energy: list[Tensor]
    """Energy projection of the newest pooled state, by layer, (H, D)."""
    tokens: int = 0
    """Positions seen."""

    def crop(self, tokens: int) -> None:
        """Forget all positions from this one on."""
        self.tokens = tokens
        self.keys = [keys[:, :tokens] for keys in self.keys]
        self.values = [values[:, :tokens] for values in self.values]


@dataclass(frozen=True, slots=True)
class Decoded:
    """One call of the decoder."""

    features: Tensor
    """Of the new positions, (T, M)."""
    p_choose: Tensor
    """Of the last position and the newest source, (layers, H)."""


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

    def listen(self, source: Tensor) -> DecoderCache:
        """All that depends on the source alone, computed once: source (A, M)."""
        ratio = self.config.pre_decision_ratio
        newest = (len(source) - 1) // ratio * ratio
        pooled = source[newest:].mean(dim=0)
        cache = DecoderCache([], [], [], [], [])
        for layer in self._layers():
            keys, values = layer.encoder_decoder_attn.project_source(source)
            cache.source_keys.append(keys)
            cache.source_values.append(values)
            energy = layer.p_choose_layer.k_energy_proj(pooled)
            cache.source_energy.append(energy.unflatten(-1, (self.config.attention_heads, -1)))
        return cache

    def forward(self, tokens: Tensor, cache: DecoderCache) -> Decoded:
        """Run new positions, tokens (T,), after those of the cache, and add them to it."""
        embedded = self.text_decoder_frontend.embed(tokens) * self._scale  # type: ignore[operator]
        positions = sinusoids(
            cache.tokens + FIRST_POSITION, len(tokens), self.config.model_dim, tokens.device
        )
        states = (embedded.float() + positions).to(embedded.dtype)
        chosen = []
        for number, layer in enumerate(self._layers()):
            states, p_choose = layer(states, number, cache)
            chosen.append(p_choose)
        cache.tokens += len(tokens)
        features: Tensor = self.text_decoder.layer_norm(states)  # type: ignore[operator]
        return Decoded(features, torch.stack(chosen))

    def logits(self, feature: Tensor) -> Tensor:
        """Of one position, (M,) to (V,)."""
        projected: Tensor = self.final_proj(feature)
        return projected

    def _layers(self) -> "list[_Layer]":
        return list(self.text_decoder.layers)  # type: ignore[arg-type]


class _Layer(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width, heads = config.model_dim, config.attention_heads
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.self_attn = _CachedAttention(width, heads)
        self.encoder_decoder_attn_layer_norm = nn.LayerNorm(width)
        self.encoder_decoder_attn = _CachedAttention(width, heads)
        self.p_choose_layer = _Choose(config)
        self.ffn_layer_norm = nn.LayerNorm(width)
        self.ffn = nn.Module()
        self.ffn.inner_proj = nn.Linear(width, config.ffn_dim)
        self.ffn.output_proj = nn.Linear(config.ffn_dim, width)

    def forward(self, states: Tensor, number: int, cache: DecoderCache) -> tuple[Tensor, Tensor]:
        states = states + self.self_attn.attend_past(
            self.self_attn_layer_norm(states), number, cache
        )
        queries = self.encoder_decoder_attn_layer_norm(states)
        p_choose = self.p_choose_layer(queries[-1], cache.source_energy[number])
        states = states + self.encoder_decoder_attn.attend(
            queries, cache.source_keys[number], cache.source_values[number]
        )
        inner = functional.relu(self.ffn.inner_proj(self.ffn_layer_norm(states)))  # type: ignore[operator]
        return states + self.ffn.output_proj(inner), p_choose  # type: ignore[operator]


class _CachedAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.output_proj = nn.Linear(width, width)

    def project_source(self, source: Tensor) -> tuple[Tensor, Tensor]:
        return self._split(self.k_proj(source)), self._split(self.v_proj(source))

    def attend_past(self, states: Tensor, number: int, cache: DecoderCache) -> Tensor:
        """Each position sees itself and all before it."""
        keys, values = self.project_source(states)
        if number < len(cache.keys):
            keys = cache.keys[number] = torch.cat([cache.keys[number], keys], dim=1)
            values = cache.values[number] = torch.cat([cache.values[number], values], dim=1)
        else:
            cache.keys.append(keys)
            cache.values.append(values)
        past, new = cache.tokens, len(states)
        mask = None
        if new > 1:
            seen = torch.arange(past + new, device=states.device)
            mask = seen[None, :] <= seen[past:, None]
        return self.attend(states, keys, values, mask)

    def attend(
        self, states: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        attended = functional.scaled_dot_product_attention(
            self._split(self.q_proj(states))[None], keys[None], values[None], attn_mask=mask
        )
        out: Tensor = self.output_proj(attended[0].transpose(0, 1).flatten(1))
        return out

    def _split(self, states: Tensor) -> Tensor:
        heads: Tensor = states.unflatten(-1, (self.heads, -1)).transpose(0, 1)
        return heads


class _Choose(nn.Module):
    """p_choose of one position and the newest pooled state of the source, for each head."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.energy_bias = nn.Parameter(torch.full((1,), -0.5))
        self.q_energy_proj = _Energy(config)
        self.k_energy_proj = _Energy(config)
        self._heads, self._temperature = config.attention_heads, config.energy_temperature

    def forward(self, query: Tensor, energy: Tensor) -> Tensor:
        """Query (M,), energy of the key (H, D), to (H,)."""
        queries = self.q_energy_proj(query).unflatten(-1, (self._heads, -1))
        scores = (queries * energy).sum(-1) * queries.shape[-1] ** -0.5 + self.energy_bias
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


def sinusoids(first: int, count: int, width: int, device: torch.device) -> Tensor:
    """Positions `first` to `first + count`, (count, width), float32: sines, then cosines
    (tensor2tensor's order)."""
    half = width // 2
    steps = torch.arange(first, first + count, device=device, dtype=torch.float32)
    rates = torch.arange(half, device=device, dtype=torch.float32)
    rates = torch.exp(rates * -math.log(10_000.0) / (half - 1))
    angles = torch.outer(steps, rates)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)

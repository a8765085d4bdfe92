"""Text to units: the decoder's features, spread over characters, then over units of 20 ms.

N: sentences; P: positions of the text decoder; C: characters; U: units; L: one of these; M: width.
Sentences of like length are computed together, each as it is alone but for rounding; int8, which is
scaled over all that is computed at once, rounds visibly.
FastSpeech 2's duration predictor: https://arxiv.org/abs/2006.04558.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.layers.padding import silenced, together
from engine.seamless.config import UnitConfig
from engine.seamless.text_decoder import FIRST_POSITION, sinusoid_table
from engine.seamless.tokens import SPACE, TextPieces

FIRST_UNIT = 4
"""Unit symbols come after four control symbols."""
MOST_PADDING = 0.25
"""Part of what is computed at once that may be padding."""


@dataclass(frozen=True, slots=True)
class Characters:
    """A text as the unit decoder reads it."""

    lengths: list[int]
    """Of each position of the decoder: how many characters it stands for."""
    symbols: list[int]
    """Characters, as symbols of the character model."""


class UnitDecoder(nn.Module):
    """Non-autoregressive: all units of a sentence at once."""

    def __init__(self, config: UnitConfig, units: int) -> None:
        super().__init__()
        width = config.model_dim
        model = self.t2u_model = nn.Module()
        model.encoder = nn.Module()
        model.encoder.layers = nn.ModuleList(
            _EncoderLayer(config) for _ in range(config.encoder_layers)
        )
        model.encoder.layer_norm = nn.LayerNorm(width)
        model.decoder_frontend = _Frontend(config, units)
        model.decoder = nn.Module()
        model.decoder.layers = nn.ModuleList(
            _DecoderLayer(config) for _ in range(config.decoder_layers)
        )
        model.decoder.layer_norm = nn.LayerNorm(width)
        model.final_proj = nn.Linear(width, units, bias=False)

    def durations(
        self,
        features: Sequence[Tensor],
        characters: Sequence[Characters],
        duration_factors: Sequence[float],
    ) -> list[tuple[Tensor, Tensor]]:
        """Of each sentence the states of its characters (C, M), and how many units each lasts (C,);
        features (P, M)."""
        frontend = self._frontend()
        states = together(self._encode, features, MOST_PADDING)
        states = [frontend.spread(each, own) for each, own in zip(states, characters, strict=True)]
        logarithms = together(frontend.predict, states, MOST_PADDING)
        return [
            (each, frontend.durations(lasting, factor))
            for each, lasting, factor in zip(states, logarithms, duration_factors, strict=True)
        ]

    def units(self, states: Sequence[Tensor], durations: Sequence[Tensor]) -> list[Tensor]:
        """Of each sentence the likeliest symbol of each unit, (U,), from states of characters."""
        frontend = self._frontend()
        laid_out = [frontend.lay_out(*each) for each in zip(states, durations, strict=True)]
        return together(self._decode, laid_out, MOST_PADDING)

    def _encode(self, states: Tensor, there: Tensor | None) -> Tensor:
        for layer in self.t2u_model.encoder.layers:  # type: ignore[union-attr]
            states = layer(states, there)
        return self.t2u_model.encoder.layer_norm(states)  # type: ignore[no-any-return, union-attr, operator]

    def _decode(self, states: Tensor, there: Tensor | None) -> Tensor:
        for layer in self.t2u_model.decoder.layers:  # type: ignore[union-attr]
            states = layer(states, there)
        states = self.t2u_model.decoder.layer_norm(states)  # type: ignore[union-attr, operator]
        return self.t2u_model.final_proj(states).argmax(dim=-1)  # type: ignore[no-any-return, operator]

    def _frontend(self) -> "_Frontend":
        frontend = self.t2u_model.decoder_frontend
        assert isinstance(frontend, _Frontend)
        return frontend


def spell(tokens: Sequence[int], positions: int, pieces: TextPieces) -> Characters:
    """The characters of text tokens (prefix left out), for so many positions of the decoder.

    The feature of a position belongs to the token it predicts, so the first has none; nor has the
    last. A piece's leading "▁" counts as a character; after a punctuation mark it counts as the
    mark's.
    """
    spelled = [pieces.piece(token) for token in tokens]
    lengths = []
    for place, piece in enumerate(spelled):
        if tokens[place] == pieces.unknown:
            lengths.append(1)
            continue
        length = len(piece)
        if _is_mark(piece) and _starts_word(spelled, place + 1):
            length += 1
        elif place and _is_mark(spelled[place - 1]) and _starts_word(spelled, place):
            length -= 1
        lengths.append(length)
    symbols: list[int] = []
    for token, piece in zip(tokens, spelled, strict=True):
        symbols += pieces.character_symbols(token, piece)
    return Characters([0, *lengths, 0][:positions], symbols)


def _is_mark(piece: str) -> bool:
    return len(piece) == 1 and not piece.isalpha() and not piece.isnumeric() and piece != SPACE


def _starts_word(spelled: Sequence[str], place: int) -> bool:
    return place < len(spelled) and len(spelled[place]) > 1 and spelled[place][0] == SPACE


class _Frontend(nn.Module):
    def __init__(self, config: UnitConfig, units: int) -> None:
        super().__init__()
        width = config.model_dim
        self.pos_emb_alpha = nn.Parameter(torch.ones(1))
        self.pos_emb_alpha_char = nn.Parameter(torch.ones(1))
        self.embed = nn.Embedding(units, width)
        self.embed_char = nn.Embedding(config.char_vocab_size, width)
        self.variance_adaptor = nn.Module()
        self.variance_adaptor.duration_predictor = DurationPredictor(
            width, config.duration_hidden_dim, config.duration_kernel
        )
        self._scale = math.sqrt(width)

    def spread(self, states: Tensor, characters: Characters) -> Tensor:
        """(P, M) to (C, M), with the characters and their places added."""
        lengths = torch.tensor(characters.lengths, device=states.device)
        spread = states.repeat_interleave(lengths, dim=0)
        places = _places(spread)
        symbols = torch.tensor(characters.symbols, device=states.device)
        embedded = self.embed_char(symbols) * self._scale
        placed: Tensor = spread + (self.pos_emb_alpha_char * places + embedded)
        return placed

    def predict(self, states: Tensor, there: Tensor | None) -> Tensor:
        """Logarithms of the durations of characters, (N, C), from their states (N, C, M)."""
        return self.variance_adaptor.duration_predictor(states, there)  # type: ignore[no-any-return, operator]

    def durations(self, logarithms: Tensor, duration_factor: float) -> Tensor:
        """Units of each character, (C,)."""
        durations = torch.round((torch.exp(logarithms) - 1) * duration_factor).long()
        return durations.clamp(min=1)

    def lay_out(self, states: Tensor, durations: Tensor) -> Tensor:
        """(C, M) to (U, M), with the places of the units added."""
        spread = states.repeat_interleave(durations, dim=0)
        return spread + self.pos_emb_alpha * _places(spread)


def _places(states: Tensor) -> Tensor:
    end = FIRST_POSITION + len(states)
    table = sinusoid_table(end, states.shape[1], states.device)
    return table[FIRST_POSITION:end].to(states.dtype)


class DurationPredictor(nn.Module):
    """Logarithm of a duration, and one, for each position."""

    def __init__(self, width: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv1d(width, hidden, kernel, padding="same"), nn.ReLU())
        self.ln1 = nn.LayerNorm(hidden)
        self.conv2 = nn.Sequential(nn.Conv1d(hidden, hidden, kernel, padding="same"), nn.ReLU())
        self.ln2 = nn.LayerNorm(hidden)
        self.proj = nn.Linear(hidden, 1)

    def forward(self, states: Tensor, there: Tensor | None) -> Tensor:
        """(N, C, M) to (N, C)."""
        states = self.ln1(self.conv1(states.mT).mT)
        states = self.ln2(self.conv2(silenced(states, there).mT).mT)
        logarithms: Tensor = self.proj(states)[:, :, 0]
        return logarithms


class _SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.output_proj = nn.Linear(width, width)

    def forward(self, states: Tensor, there: Tensor | None) -> Tensor:
        queries, keys, values = (
            projection(states).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        mask = None if there is None else there[:, None, None, :]
        attended = functional.scaled_dot_product_attention(queries, keys, values, mask)
        out: Tensor = self.output_proj(attended.transpose(1, 2).flatten(2))
        return out


class _EncoderLayer(nn.Module):
    """Normalises before."""

    def __init__(self, config: UnitConfig) -> None:
        super().__init__()
        width = config.model_dim
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.self_attn = _SelfAttention(width, config.attention_heads)
        self.ffn_layer_norm = nn.LayerNorm(width)
        self.ffn = nn.Module()
        self.ffn.inner_proj = nn.Linear(width, config.ffn_dim)
        self.ffn.output_proj = nn.Linear(config.ffn_dim, width)

    def forward(self, states: Tensor, there: Tensor | None) -> Tensor:
        states = states + self.self_attn(self.self_attn_layer_norm(states), there)
        inner = functional.relu(self.ffn.inner_proj(self.ffn_layer_norm(states)))  # type: ignore[operator]
        out: Tensor = states + self.ffn.output_proj(inner)  # type: ignore[operator]
        return out


class _DecoderLayer(nn.Module):
    """Normalises after."""

    def __init__(self, config: UnitConfig) -> None:
        super().__init__()
        width, kernel = config.model_dim, config.conv_kernel
        self.self_attn = _SelfAttention(width, config.attention_heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.conv1d = nn.Module()
        self.conv1d.conv1 = nn.Conv1d(width, width, kernel, padding="same")
        self.conv1d.conv2 = nn.Conv1d(width, width, kernel, padding="same")
        self.conv1d_layer_norm = nn.LayerNorm(width)

    def forward(self, states: Tensor, there: Tensor | None) -> Tensor:
        states = self.self_attn_layer_norm(states + self.self_attn(states, there))
        inner = functional.relu(self.conv1d.conv1(silenced(states, there).mT)).mT  # type: ignore[operator]
        inner = self.conv1d.conv2(silenced(inner, there).mT).mT  # type: ignore[operator]
        out: Tensor = self.conv1d_layer_norm(states + inner)
        return out

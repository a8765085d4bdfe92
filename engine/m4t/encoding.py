"""Features to encoder states, one utterance or several at once.

Letters: B utterances, F feature frames of 20 ms, S states of 160 ms, D width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.masking_utils import create_bidirectional_mask

from engine.m4t.loading import M4tModel


@dataclass(frozen=True, slots=True)
class Encoded:
    """One utterance as the decoder sees it."""

    states: Tensor
    """(S, D)."""
    frames: int
    """F, from which the model tells how many states there are."""


def encode(model: M4tModel, features: Sequence[NDArray[np.float32]]) -> list[Encoded]:
    """Features (F, 160) of each utterance to its states.

    In a batch, padding changes nothing: transformers' adaptor lets it reach into the last state of
    the shorter utterances, ours does not.
    """
    if len(features) == 1:
        states = model.network.speech_encoder(_moved(features[0], model)[None]).last_hidden_state[0]
        return [Encoded(states, len(features[0]))]
    lengths = torch.tensor([len(each) for each in features], device=model.device)
    padded = torch.nn.utils.rnn.pad_sequence(
        [_moved(each, model) for each in features], batch_first=True
    )
    mask = torch.arange(padded.shape[1], device=model.device)[None] < lengths[:, None]
    encoder = model.network.speech_encoder
    states = encoder.encoder(encoder.feature_projection(padded), attention_mask=mask)
    states = states + 0.5 * encoder.intermediate_ffn(states)
    for layer in encoder.adapter.layers:
        states, mask = _adapted(layer, states, mask)
    states = encoder.inner_layer_norm(states)
    counts = mask.sum(1).tolist()
    return [
        Encoded(states[place, :count], len(each))
        for place, (count, each) in enumerate(zip(counts, features, strict=True))
    ]


def _adapted(layer: Any, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """One layer of the adaptor, (B, F, D) to (B, S, D), and the mask of what is no padding."""
    kept = mask[..., None].to(states.dtype)
    shorter = _pooled(layer, layer.residual_conv, layer.residual_layer_norm(states) * kept)
    attending = _pooled(layer, layer.self_attn_conv, layer.self_attn_layer_norm(states) * kept)
    lengths = layer._compute_sub_sample_lengths_from_attention_mask(mask)
    places = torch.arange(shorter.shape[1], device=states.device)
    new_mask = places[None] < lengths[:, None]
    seen = create_bidirectional_mask(
        config=layer.config, inputs_embeds=attending, attention_mask=new_mask
    )
    attended, _ = layer.self_attn(attending, attention_mask=seen)
    states = attended + shorter
    return states + layer.ffn(layer.ffn_layer_norm(states)), new_mask


def _pooled(layer: Any, convolution: Any, states: Tensor) -> Tensor:
    pooled: Tensor = layer.activation(convolution(states.transpose(1, 2))).transpose(1, 2)
    return pooled


def _moved(features: NDArray[np.float32], model: M4tModel) -> Tensor:
    return torch.from_numpy(features).to(model.device, model.dtype)

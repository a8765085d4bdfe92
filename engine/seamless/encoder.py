"""The speech encoder: filter banks to states at 6.25 Hz.

N is left out: one stream at a time. T: frames of the filter bank at 100 Hz; S: stacked frames at
50 Hz; A: adapted states at 6.25 Hz; M: width; H: heads; D: width of a head.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.seamless.config import EncoderConfig


class SpeechEncoder(nn.Module):
    """Conformer layers with causal convolutions and Shaw's relative keys, then an adaptor.

    There is no chunk mask: every frame sees the whole prefix, so that a longer prefix changes what
    was encoded before. It runs over the whole utterance each time.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.speech_encoder_frontend = _Frontend(config)
        self.speech_encoder = _Adapted(config)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames (T, 80) to states (A, M). An odd last frame is paired with a zero one."""
        stride = self.config.fbank_stride
        missing = -len(frames) % stride
        if missing:
            frames = functional.pad(frames, (0, 0, 0, missing))
        stacked = frames.reshape(len(frames) // stride, -1)
        valid = len(stacked) - bool(missing)
        states: Tensor = self.speech_encoder(self.speech_encoder_frontend(stacked), valid)
        return states


class _Frontend(nn.Module):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        stacked = config.fbank_bins * config.fbank_stride
        self.post_extract_layer_norm = nn.LayerNorm(stacked)
        self.model_dim_proj = nn.Linear(stacked, config.model_dim)

    def forward(self, stacked: Tensor) -> Tensor:
        projected: Tensor = self.model_dim_proj(self.post_extract_layer_norm(stacked))
        return projected


class _Adapted(nn.Module):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.model_dim
        self.inner = nn.Module()
        self.inner.layers = nn.ModuleList(_Conformer(config) for _ in range(config.layers))
        self.inner_layer_norm = nn.LayerNorm(width)
        self.proj1 = nn.Linear(width, 4 * width)
        self.proj2 = nn.Linear(4 * width, width)
        self.adaptor_layers = nn.ModuleList(_Adaptor(config) for _ in range(config.adaptor_layers))
        self.layer_norm = nn.LayerNorm(width)
        self._left, self._right = config.max_left_position, config.max_right_position

    def forward(self, states: Tensor, valid: int) -> Tensor:
        """States (S, M), of which the first `valid` are of whole frames, to (A, M)."""
        index = self._relative_index(len(states), states.device)
        for layer in self.inner.layers:  # type: ignore[union-attr]
            states = layer(states, valid, index)
        states = self.inner_layer_norm(states)
        states = states + 0.5 * self.proj2(functional.relu(self.proj1(states)))
        for adaptor in self.adaptor_layers:
            states, valid = adaptor(states, valid)
        adapted: Tensor = self.layer_norm(states)
        return adapted

    def _relative_index(self, length: int, device: torch.device) -> Tensor:
        """Row of the table of relative keys for each pair of query and key, (S, S)."""
        places = torch.arange(length, device=device)
        distance = places[None, :] - places[:, None]
        return distance.clamp_(-self._left, self._right).add_(self._left)


class _Conformer(nn.Module):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.model_dim
        self.ffn1_layer_norm = nn.LayerNorm(width)
        self.ffn1 = _FeedForward(width, config.ffn_dim, functional.silu)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.self_attn = _RelativeAttention(config)
        self.conv_layer_norm = nn.LayerNorm(width)
        self.conv = _Convolution(config)
        self.ffn2_layer_norm = nn.LayerNorm(width)
        self.ffn2 = _FeedForward(width, config.ffn_dim, functional.silu)
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, states: Tensor, valid: int, index: Tensor) -> Tensor:
        states = states + 0.5 * self.ffn1(self.ffn1_layer_norm(states))
        states = states + self.self_attn(self.self_attn_layer_norm(states), valid, index)
        states = states + self.conv(self.conv_layer_norm(states), valid)
        states = states + 0.5 * self.ffn2(self.ffn2_layer_norm(states))
        normed: Tensor = self.layer_norm(states)
        return normed


class _FeedForward(nn.Module):
    def __init__(self, width: int, inner: int, activation: object) -> None:
        super().__init__()
        self.inner_proj = nn.Linear(width, inner)
        self.output_proj = nn.Linear(inner, width)
        self._activation = activation

    def forward(self, states: Tensor) -> Tensor:
        inner = self._activation(self.inner_proj(states))  # type: ignore[operator]
        out: Tensor = self.output_proj(inner)
        return out


class _Attention(nn.Module):
    """Projections of plain multi-head attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.output_proj = nn.Linear(width, width)

    def split(self, states: Tensor) -> Tensor:
        """(S, M) to (H, S, D)."""
        heads: Tensor = states.unflatten(-1, (self.heads, -1)).transpose(0, 1)
        return heads

    def join(self, heads: Tensor) -> Tensor:
        """(H, S, D) to (S, M), through the output projection."""
        out: Tensor = self.output_proj(heads.transpose(0, 1).flatten(1))
        return out

    def project(self, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return (
            self.split(self.q_proj(states)),
            self.split(self.k_proj(states)),
            self.split(self.v_proj(states)),
        )

    def forward(self, states: Tensor, valid: int) -> Tensor:
        queries, keys, values = self.project(states)
        attended = functional.scaled_dot_product_attention(
            queries[None], keys[None, :, :valid], values[None, :, :valid]
        )
        return self.join(attended[0])


class _Relative(nn.Module):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        places = config.max_left_position + config.max_right_position + 1
        self.rel_k_embed = nn.Embedding(places, config.model_dim // config.attention_heads)


class _RelativeAttention(_Attention):
    """Attention with relative keys (Shaw et al., https://arxiv.org/abs/1803.02155, equation 5).

    The scores of the relative keys are those of all 73 distances, (H, S, 73), looked up for each
    pair; the keys themselves are never laid out pair by pair.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config.model_dim, config.attention_heads)
        self.sdpa = _Relative(config)

    def forward(self, states: Tensor, valid: int, index: Tensor) -> Tensor:  # type: ignore[override]
        queries, keys, values = self.project(states)
        table = queries @ self.sdpa.rel_k_embed.weight.mT * queries.shape[-1] ** -0.5
        index = index[:, :valid]
        bias = table.gather(-1, index.expand(self.heads, -1, -1))
        attended = functional.scaled_dot_product_attention(
            queries[None], keys[None, :, :valid], values[None, :, :valid], attn_mask=bias[None]
        )
        return self.join(attended[0])


class _Convolution(nn.Module):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.model_dim
        self.pointwise_conv1 = nn.Conv1d(width, 2 * width, 1, bias=False)
        self.depthwise_conv = nn.Conv1d(
            width, width, config.depthwise_kernel, groups=width, bias=False
        )
        self.layer_norm = nn.LayerNorm(width)
        self.pointwise_conv2 = nn.Conv1d(width, width, 1, bias=False)

    def forward(self, states: Tensor, valid: int) -> Tensor:
        if valid < len(states):
            states = functional.pad(states[:valid], (0, 0, 0, len(states) - valid))
        mixed = functional.linear(states, self.pointwise_conv1.weight[:, :, 0])
        mixed = functional.glu(mixed, dim=-1).T[None]
        mixed = functional.pad(mixed, (self.depthwise_conv.kernel_size[0] - 1, 0))
        mixed = self.layer_norm(self.depthwise_conv(mixed)[0].T)
        return functional.linear(functional.silu(mixed), self.pointwise_conv2.weight[:, :, 0])


class _Adaptor(nn.Module):
    """Pools by strided convolutions (M-Adaptor, https://arxiv.org/abs/2207.00952), then attends."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width, kernel, stride = config.model_dim, config.adaptor_kernel, config.adaptor_stride
        self.residual_layer_norm = nn.LayerNorm(width)
        self.residual_conv = nn.Conv1d(width, 2 * width, kernel, stride, padding=kernel // 2)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.self_attn_conv = nn.Conv1d(width, 2 * width, kernel, stride, padding=kernel // 2)
        self.self_attn = _Attention(width, config.attention_heads)
        self.ffn_layer_norm = nn.LayerNorm(width)
        self.ffn = _FeedForward(width, config.adaptor_ffn_dim, functional.relu)
        self._kernel, self._stride = kernel, stride

    def forward(self, states: Tensor, valid: int) -> tuple[Tensor, int]:
        residual = _pooled(self.residual_conv, self.residual_layer_norm(states))
        pooled = _pooled(self.self_attn_conv, self.self_attn_layer_norm(states))
        if valid < len(states):
            valid = (valid + 2 * (self._kernel // 2) - self._kernel) // self._stride + 1
        else:
            valid = len(pooled)
        states = residual + self.self_attn(pooled, valid)
        return states + self.ffn(self.ffn_layer_norm(states)), valid


def _pooled(convolution: nn.Conv1d, states: Tensor) -> Tensor:
    return functional.glu(convolution(states.T[None])[0], dim=0).T

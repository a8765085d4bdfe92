"""The speech encoder: filter banks to states at 6.25 Hz.

N: streams; T: frames of the filter bank at 100 Hz; S: stacked frames at 50 Hz; A: adapted states at
6.25 Hz; M: width; H: heads; D: width of a head.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.layers.like_lengths import of_like_length
from engine.seamless.config import EncoderConfig

MOST_PADDING = 0.2
"""Part of what is encoded at once that may be padding."""


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

    @property
    def layers(self) -> list[nn.Module]:
        """The Conformer layers."""
        return list(self.speech_encoder.inner.layers)  # type: ignore[arg-type]

    def forward(self, frames: Tensor) -> Tensor:
        """Frames (T, 80) of one stream to states (A, M)."""
        return self.encode([frames])[0]

    def encode(self, streams: Sequence[Tensor]) -> list[Tensor]:
        """Frames (T, 80) of each stream to its states (A, M). Streams of like length are computed
        together: the same states but for rounding. An odd last frame is paired with a zero one."""
        states: list[Tensor] = [torch.empty(0)] * len(streams)
        for group in of_like_length([len(frames) for frames in streams], MOST_PADDING):
            encoded = self._encode_together([streams[number] for number in group])
            for number, each in zip(group, encoded, strict=True):
                states[number] = each
        return states

    def _encode_together(self, streams: Sequence[Tensor]) -> list[Tensor]:
        stride = self.config.fbank_stride
        lengths = [-(-len(frames) // stride) for frames in streams]
        whole = [len(frames) // stride for frames in streams]
        longest = max(lengths)
        padded = [
            functional.pad(frames, (0, 0, 0, longest * stride - len(frames)))
            if len(frames) < longest * stride
            else frames
            for frames in streams
        ]
        batch = torch.stack(padded) if len(padded) > 1 else padded[0][None]
        stacked = batch.reshape(len(streams), longest, -1)
        projected = self.speech_encoder_frontend(stacked)
        adapted, counts = self.speech_encoder(projected, Extent(lengths, whole, batch.device))
        return [adapted[number, :count] for number, count in enumerate(counts)]


class Extent:
    """How far each stream of a batch reaches."""

    def __init__(self, lengths: Sequence[int], whole: Sequence[int], device: torch.device) -> None:
        self.lengths = list(lengths)
        self.whole = list(whole)
        """Frames that are no padding; an odd last one is, in part, and counts only in `lengths`."""
        self.beyond = self._past(self.lengths, device)
        """True past the end of a stream, (N, S, 1); None where no stream has such frames."""
        self.padding = self._past(self.whole, device)
        """True where a frame is not whole, (N, S, 1); None where all are."""

    def _past(self, ends: list[int], device: torch.device) -> Tensor | None:
        size = max(self.lengths)
        if min(ends) == size:
            return None
        places = torch.arange(size, device=device)
        return (places >= torch.tensor(ends, device=device)[:, None])[:, :, None]


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

    def forward(self, states: Tensor, extent: Extent) -> tuple[Tensor, list[int]]:
        """States (N, S, M) to (N, A, M), and how many of them each stream has."""
        index = self._relative_index(states.shape[1], states.device)
        for layer in self.inner.layers:  # type: ignore[union-attr]
            states = layer(states, extent.padding, index)
        states = self.inner_layer_norm(states)
        states = states + 0.5 * self.proj2(functional.relu(self.proj1(states)))
        for adaptor in self.adaptor_layers:
            states, extent = adaptor(states, extent)
        adapted: Tensor = self.layer_norm(states)
        return adapted, extent.lengths

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

    def forward(self, states: Tensor, padding: Tensor | None, index: Tensor) -> Tensor:
        states = states + 0.5 * self.ffn1(self.ffn1_layer_norm(states))
        states = states + self.self_attn(self.self_attn_layer_norm(states), padding, index)
        states = states + self.conv(self.conv_layer_norm(states), padding)
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
        """(N, S, M) to (N, H, S, D)."""
        heads: Tensor = states.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return heads

    def join(self, heads: Tensor) -> Tensor:
        """(N, H, S, D) to (N, S, M), through the output projection."""
        out: Tensor = self.output_proj(heads.transpose(1, 2).flatten(2))
        return out

    def project(self, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return (
            self.split(self.q_proj(states)),
            self.split(self.k_proj(states)),
            self.split(self.v_proj(states)),
        )

    def forward(self, states: Tensor, padding: Tensor | None) -> Tensor:
        """`padding` (N, S, 1) is True for states that are not to be attended to."""
        queries, keys, values = self.project(states)
        mask = None if padding is None else ~padding[:, None, None, :, 0]
        return self.join(
            functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        )


class _Relative(nn.Module):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        places = config.max_left_position + config.max_right_position + 1
        self.rel_k_embed = nn.Embedding(places, config.model_dim // config.attention_heads)


class _RelativeAttention(_Attention):
    """Attention with relative keys (Shaw et al., https://arxiv.org/abs/1803.02155, equation 5).

    The scores of the relative keys are those of all 73 distances, (N, H, S, 73), looked up for each
    pair; the keys themselves are never laid out pair by pair.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config.model_dim, config.attention_heads)
        self.sdpa = _Relative(config)

    def forward(  # type: ignore[override]
        self, states: Tensor, padding: Tensor | None, index: Tensor
    ) -> Tensor:
        queries, keys, values = self.project(states)
        table = queries @ self.sdpa.rel_k_embed.weight.mT * queries.shape[-1] ** -0.5
        bias = table.gather(-1, index.expand(len(states), self.heads, -1, -1))
        if padding is not None:
            bias.masked_fill_(padding[:, None, None, :, 0], -torch.inf)
        return self.join(
            functional.scaled_dot_product_attention(queries, keys, values, attn_mask=bias)
        )


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

    def forward(self, states: Tensor, padding: Tensor | None) -> Tensor:
        if padding is not None:
            states = states.masked_fill(padding, 0.0)
        mixed = functional.linear(states, self.pointwise_conv1.weight[:, :, 0])
        mixed = functional.glu(mixed, dim=-1).mT
        mixed = functional.pad(mixed, (self.depthwise_conv.kernel_size[0] - 1, 0))
        mixed = self.layer_norm(self.depthwise_conv(mixed).mT)
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

    def forward(self, states: Tensor, extent: Extent) -> tuple[Tensor, Extent]:
        residual = _pooled(self.residual_conv, self.residual_layer_norm(states), extent)
        pooled = _pooled(self.self_attn_conv, self.self_attn_layer_norm(states), extent)
        lengths = [self._count(length) for length in extent.lengths]
        # A last state that saw a frame which is not whole is padding, as in the reference.
        whole = [
            self._count(whole) if whole < length else self._count(length)
            for whole, length in zip(extent.whole, extent.lengths, strict=True)
        ]
        after = Extent(lengths, whole, states.device)
        states = residual + self.self_attn(pooled, after.padding)
        return states + self.ffn(self.ffn_layer_norm(states)), after

    def _count(self, length: int) -> int:
        """States made of so many."""
        return (length + 2 * (self._kernel // 2) - self._kernel) // self._stride + 1


def _pooled(convolution: nn.Conv1d, states: Tensor, extent: Extent) -> Tensor:
    """(N, S, M) to (N, A, M). Past the end of a stream the convolution sees zeros."""
    if extent.beyond is not None:
        states = states.masked_fill(extent.beyond, 0.0)
    return functional.glu(convolution(states.mT), dim=1).mT

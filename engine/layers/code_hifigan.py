"""`CodeHifiGan`: units to sound. HiFi-GAN (https://arxiv.org/abs/2010.05646) over units, as in
"Speech Resynthesis from Discrete Disentangled Self-Supervised Representations"
(https://arxiv.org/abs/2104.00355).
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from engine.layers.like_lengths import of_like_length
from engine.layers.padding import present

SLOPE = 0.1
MOST_PADDING = 0.2
"""Part of what is computed at once that may be padding."""
MOST_AT_ONCE = 8
"""Utterances; 16 of 5 s were seen to take 0.8 GB."""


class CodeHifiGan(nn.Module):
    """Each unit with the embeddings of a language and a speaker, upsampled to samples."""

    def __init__(
        self,
        *,
        unit_vocabulary: int,
        languages: int,
        speakers: int,
        embedding_dim: int,
        language_dim: int,
        speaker_dim: int,
        initial_channels: int,
        upsample_rates: Sequence[int],
        upsample_kernels: Sequence[int],
        resblock_kernels: Sequence[int],
        resblock_dilations: Sequence[Sequence[int]],
    ) -> None:
        super().__init__()
        self.dict = nn.Embedding(unit_vocabulary, embedding_dim)
        self.spkr = nn.Embedding(speakers, speaker_dim)
        self.lang = nn.Embedding(languages, language_dim)
        width = embedding_dim + language_dim + speaker_dim
        self.conv_pre = nn.Conv1d(width, initial_channels, 7, padding=3)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        channels = initial_channels
        for rate, kernel in zip(upsample_rates, upsample_kernels, strict=True):
            padding = (kernel - rate) // 2
            self.ups.append(
                nn.ConvTranspose1d(channels, channels // 2, kernel, rate, padding=padding)
            )
            channels //= 2
            for size, dilations in zip(resblock_kernels, resblock_dilations, strict=True):
                self.resblocks.append(_Residual(channels, size, dilations))
        self.conv_post = nn.Conv1d(channels, 1, 7, padding=3)
        self._blocks = len(resblock_kernels)
        self._rates = list(upsample_rates)

    def forward(
        self, units: Sequence[Tensor], languages: Sequence[int], speakers: Sequence[int]
    ) -> list[Tensor]:
        """Units (U,) of each utterance, its language and its speaker, to its samples
        (U * upsampling,), in [-1, 1]. Those of like length are computed together, each as it is
        alone but for rounding."""
        made: list[Tensor] = [torch.empty(0)] * len(units)
        for group in of_like_length([len(each) for each in units], MOST_PADDING, MOST_AT_ONCE):
            parts = [self._embed(units[n], languages[n], speakers[n]) for n in group]
            for place, sound in zip(group, self._synthesise(parts), strict=True):
                made[place] = sound
        return made

    def _embed(self, units: Tensor, language: int, speaker: int) -> Tensor:
        """(U, E)."""
        parts = [
            self.lang(torch.tensor([language], device=units.device)).expand(len(units), -1),
            self.dict(units),
            self.spkr(torch.tensor([speaker], device=units.device)).expand(len(units), -1),
        ]
        return torch.cat(parts, dim=-1)

    def _synthesise(self, embedded: Sequence[Tensor]) -> list[Tensor]:
        ends = _Ends([len(each) for each in embedded], embedded[0].device)
        sound = ends.silence(self.conv_pre(pad_sequence(list(embedded), batch_first=True).mT))
        for step, (upsample, rate) in enumerate(zip(self.ups, self._rates, strict=True)):
            sound = upsample(functional.leaky_relu(sound, SLOPE))
            ends.upsample(rate)
            sound = ends.silence(sound)
            blocks = self.resblocks[step * self._blocks : (step + 1) * self._blocks]
            sound = sum(block(sound, ends) for block in blocks) / self._blocks
        samples = torch.tanh(self.conv_post(functional.leaky_relu(sound)))[:, 0]
        return [each[:length] for each, length in zip(samples, ends.lengths, strict=True)]


class _Ends:
    """Where the utterances of a batch end; convolutions must see nothing past that."""

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        self.lengths = list(lengths)
        self._device = device
        self._there = present(self.lengths, device)

    def upsample(self, rate: int) -> None:
        self.lengths = [rate * length for length in self.lengths]
        self._there = present(self.lengths, self._device)

    def silence(self, sound: Tensor) -> Tensor:
        """(N, channels, L), zero past the ends."""
        return sound if self._there is None else sound * self._there[:, None, :]


class _Residual(nn.Module):
    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=dilation, padding="same")
            for dilation in dilations
        )
        self.convs2 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, padding="same") for _ in dilations
        )

    def forward(self, sound: Tensor, ends: _Ends) -> Tensor:
        for first, second in zip(self.convs1, self.convs2, strict=True):
            inner = ends.silence(first(functional.leaky_relu(sound, SLOPE)))
            sound = sound + ends.silence(second(functional.leaky_relu(inner, SLOPE)))
        return sound


def fold_weight_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A checkpoint whose weights are split into direction and length (`weight_v`, `weight_g`), as
    plain weights (https://arxiv.org/abs/1602.07868)."""
    folded = {}
    for name, tensor in tensors.items():
        stem, _, kind = name.rpartition(".")
        if kind == "weight_g":
            continue
        if kind != "weight_v":
            folded[name] = tensor
            continue
        length = tensor.flatten(1).norm(dim=1).reshape(-1, *[1] * (tensor.ndim - 1))
        folded[f"{stem}.weight"] = tensor * (tensors[f"{stem}.weight_g"] / length)
    return folded

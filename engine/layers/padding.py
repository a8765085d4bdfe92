"""Sequences of unlike length as one batch."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from engine.layers.like_lengths import of_like_length


def stacked(sequences: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    """Sequences (L, M) as one batch (N, L, M), zero past their ends; and where each of them is,
    (N, L), or None where none is padded."""
    batch = pad_sequence(list(sequences), batch_first=True)
    return batch, present([len(each) for each in sequences], batch.device)


def together(
    compute: Callable[[Tensor, Tensor | None], Tensor],
    sequences: Sequence[Tensor],
    most_padding: float,
) -> list[Tensor]:
    """What a module makes of each sequence (L, M), place by place: those of like length are one
    batch, as in `of_like_length`."""
    made: list[Tensor] = [torch.empty(0)] * len(sequences)
    for group in of_like_length([len(each) for each in sequences], most_padding):
        own = [sequences[place] for place in group]
        for place, out, sequence in zip(group, compute(*stacked(own)), own, strict=True):
            made[place] = out[: len(sequence)]
    return made


def present(lengths: Sequence[int], device: torch.device) -> Tensor | None:
    """Where sequences of these lengths are in their batch, (N, L); None where all are as long."""
    if min(lengths) == max(lengths):
        return None
    places = torch.arange(max(lengths), device=device)
    return places < torch.tensor(lengths, device=device)[:, None]


def silenced(batch: Tensor, there: Tensor | None) -> Tensor:
    """A batch (N, L, M), zero past the ends again: so a convolution sees what it sees past the end
    of a sequence that stands alone."""
    return batch if there is None else batch * there[:, :, None]

"""What the decoder's attention allows to commit, and what of the past it still needs.

AlignAtt (https://arxiv.org/abs/2305.11408): a token whose attention rests on the last states heard
may change once more is heard, so it waits, and all after it. StreamAtt
(https://aclanthology.org/2024.acl-long.202/): a fixed number of words stays as context, and the
sound from the first state on that any of them attends to.

Letters: T tokens, S encoder states.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def attended(attention: Tensor) -> list[int]:
    """The state that each token attends to most. `attention` is (T, S), a mean over heads.

    Each state is compared with itself over all tokens, so that one which draws some attention
    from every token, whatever they say, does not count. A single token has nothing to be compared
    with: it counts as it is.
    """
    if len(attention) > 1:
        spread = attention.std(0)
        attention = (attention - attention.mean(0)) / torch.where(spread == 0, 1.0, spread)
    return [int(place) for place in attention.argmax(1)]


def committed(
    places: Sequence[int], begins: Sequence[bool], states: int, frames: int, *, whole_words: bool
) -> int:
    """How many of the new tokens may be written.

    `places` are the states they attend to, `begins` says which of them begin a word, `frames` is
    how many of the last states are too fresh. With `whole_words` the last word waits: the token
    that comes next may belong to it.
    """
    fresh = states - frames
    count = next((k for k, place in enumerate(places) if place >= fresh), len(places))
    if not whole_words:
        return count
    return next((k for k in range(count - 1, -1, -1) if begins[k]), 0)


def forgotten(begins: Sequence[bool], words: int) -> int:
    """How many of the oldest tokens go when this many words are kept."""
    left = words
    for place in range(len(begins) - 1, -1, -1):
        left -= begins[place]
        if not left:
            return place
    return 0


def first_needed(places: Sequence[int]) -> int:
    """The first state that the kept tokens attend to; 0 without tokens."""
    return min(places, default=0)

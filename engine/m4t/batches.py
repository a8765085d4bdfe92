"""Which utterances are computed together, and what happens when they do not fit."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

from engine.errors import EngineError
from engine.layers.like_lengths import of_like_length

logger = logging.getLogger(__name__)

MOST_PADDING = 0.25
"""Part of a batch that may be padding."""
MOST_ITEMS = 16
NO_MEMORY = "The device has too little memory for one utterance."
NO_MEMORY_HINT = "Take ⟦dtype⟧ bf16, ⟦beams⟧ 1, or ⟦device⟧ cpu."

Item = TypeVar("Item")
Result = TypeVar("Result")


def buckets(lengths: Sequence[int]) -> list[list[int]]:
    """The places of items that are computed together, longest first."""
    return of_like_length(lengths, MOST_PADDING, MOST_ITEMS)


@contextmanager
def told_of_memory() -> Iterator[None]:
    """Memory that does not suffice is an `EngineError` that says what helps."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise EngineError(NO_MEMORY, hint=NO_MEMORY_HINT) from error


def in_memory(
    work: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item]
) -> Sequence[Result | EngineError]:
    """`work` on all items at once; on halves of them where memory does not suffice for all. An
    error stands for an item that does not fit by itself."""
    try:
        return work(items)
    except torch.OutOfMemoryError:
        if len(items) == 1:
            return [EngineError(NO_MEMORY, hint=NO_MEMORY_HINT)]
    # Outside of `except`, whose traceback would keep what is to be freed.
    torch.cuda.empty_cache()
    half = len(items) // 2
    logger.warning("%d utterances do not fit into memory; going on with %d", len(items), half)
    return [*in_memory(work, items[:half]), *in_memory(work, items[half:])]

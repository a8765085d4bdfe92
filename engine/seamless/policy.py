"""When the decoder writes: one policy call for each state of the source.

Targets and streams are decoded together, a row each; what a row decides is its own affair.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

from engine.seamless.config import DecisionMethod, WritePolicy
from engine.seamless.text_decoder import Decoded, TextDecoder
from engine.seamless.tokens import EOS

MOST_BLOCKS = 4
"""So many READs in a row may be forced by repeated n-grams, and one more."""


@dataclass(slots=True)
class TextState:
    """What was written of the open utterance."""

    tokens: list[int] = field(default_factory=list)
    blocks: int = 0
    """READs in a row that a repeated n-gram forced."""


@dataclass(slots=True)
class Turn:
    """What one policy call came to."""

    written: list[int]
    finished: bool
    """Whether the sentence is over."""
    decisions: list[tuple[int, float]]
    """Token and p_choose of every call of the decoder."""
    probabilities: list[float]
    """Of each written token."""
    features: Tensor | None = None
    """Of all positions, from the prefix to the last written token and the comma: (T, M)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One target of one stream, to be decoded."""

    source: int
    """Number of its source among those decoded together."""
    prefix: tuple[int, int]
    state: TextState
    policy: WritePolicy
    source_finished: bool
    comma: int | None = None
    """Where speech is wanted: features are kept, and this token is run once more after what was
    written, so that the speech flows."""


@dataclass(frozen=True, slots=True)
class _Ask:
    """What a row wants of the decoder next."""

    tokens: list[int]
    recent: list[int]
    """Tokens that may not come next."""
    keep: int | None = None
    """Positions to keep of those before; None keeps all."""


@dataclass(frozen=True, slots=True)
class _Answer:
    token: int
    """The likeliest."""
    probability: float
    p_choose: float
    features: Tensor
    """Of the new positions, (T, M)."""


_Deciding: TypeAlias = Generator[_Ask, _Answer, Turn]


def decode(decoder: TextDecoder, sources: Sequence[Tensor], rows: Sequence[Row]) -> list[Turn]:
    """For each row, tokens until its source must be read on; shape of a source (A, M).

    Rows are computed together, and come to what each comes to alone but for rounding. Unlike the
    reference, written tokens count once against the longest sentence.
    """
    cache = decoder.listen(sources, [row.source for row in rows])
    deciding = [_decide(row, len(sources[row.source])) for row in rows]
    asks = [next(each) for each in deciding]
    turns: dict[int, Turn] = {}
    active = list(range(len(rows)))
    while active:
        for place, number in enumerate(active):
            keep = asks[number].keep
            if keep is not None:
                cache.crop(place, keep)
        decoded = decoder([asks[number].tokens for number in active], cache)
        answers = _answers(
            decoder,
            decoded,
            [rows[number].policy for number in active],
            [asks[number].recent for number in active],
        )
        lasting = []
        for place, (number, answer) in enumerate(zip(active, answers, strict=True)):
            try:
                asks[number] = deciding[number].send(answer)
                lasting.append(place)
            except StopIteration as ended:
                turns[number] = ended.value
        if lasting and len(lasting) < len(active):
            cache.keep(lasting)
        active = [active[place] for place in lasting]
    return [turns[number] for number in range(len(rows))]


def _decide(row: Row, states: int) -> _Deciding:
    """The decisions of one row, whose source has so many states."""
    state, policy, finished = row.state, row.policy, row.source_finished
    turn = Turn([], False, [], [])
    longest = int(policy.max_len_a * states) + policy.max_len_b
    blocked = blocked_ngrams(state.tokens) if policy.block_ngrams else set()
    features: list[Tensor] = []
    new = [*row.prefix, *state.tokens]
    positions = 0
    keep: int | None = None
    while True:
        blocks_last = policy.block_ngrams and finished
        recent = (state.tokens + turn.written)[-4:] if blocks_last else []
        answer = yield _Ask(new, recent)
        positions += len(new)
        features.append(answer.features)
        token = answer.token
        turn.decisions.append((token, answer.p_choose))
        unsure = answer.p_choose < policy.decision_threshold and not finished
        if not policy.early_stop and not finished and (unsure or token == EOS):
            if answer.p_choose == 1.0:  # every head would end it: what led to that is not written
                turn.written.clear()
            break
        if policy.block_ngrams and not finished:
            repeated = find_repetition(state, turn.written, token, blocked)
            if repeated is not None:
                # What was to be written of the repetition is not.
                turn.written = turn.written[: len(turn.written) - repeated]
                keep = positions - repeated
                features = [torch.cat(features)[:keep]]
                break
        if token == EOS or len(state.tokens) + len(turn.written) > longest:
            turn.finished = True
            break
        if (
            unsure
            or len(state.tokens) + len(turn.written) >= longest
            or len(turn.written) >= policy.max_consecutive_write
        ):
            break
        turn.written.append(token)
        turn.probabilities.append(answer.probability)
        new = [token]
    del turn.probabilities[len(turn.written) :]
    state.tokens += turn.written
    if not (turn.written or turn.finished):
        return turn
    state.blocks = 0
    if row.comma is not None:
        if turn.written:
            recent = [*state.tokens, row.comma][-4:] if blocks_last else []
            answer = yield _Ask([row.comma], recent, keep)
            features.append(answer.features)
            turn.decisions.append((answer.token, answer.p_choose))
        turn.features = torch.cat(features)
    return turn


def _answers(
    decoder: TextDecoder,
    decoded: Decoded,
    policies: Sequence[WritePolicy],
    recent: Sequence[Sequence[int]],
) -> list[_Answer]:
    """Of each row the likeliest token, its probability, and p_choose."""
    logits = decoder.logits(decoded.last).float()
    for row, tokens in enumerate(recent):
        if tokens:
            logits[row, list(tokens)] = -torch.inf
    best, tokens_ = logits.max(dim=-1)
    probabilities = torch.exp(best - logits.logsumexp(-1))
    chosen = torch.stack(
        [_one_of_all_heads(decoded.p_choose[:, row], each) for row, each in enumerate(policies)]
    )
    # One transfer from the device; a float holds any symbol's number.
    numbers = torch.stack([tokens_.float(), probabilities, chosen.float()], dim=1).tolist()
    return [
        _Answer(int(token), probability, p_choose, features)
        for (token, probability, p_choose), features in zip(numbers, decoded.features, strict=True)
    ]


def _one_of_all_heads(p_choose: Tensor, policy: WritePolicy) -> Tensor:
    """(layers, H) to one."""
    heads = p_choose[policy.p_choose_start_layer :]
    if policy.decision_method is DecisionMethod.MIN:
        return heads.min()
    if policy.decision_method is DecisionMethod.MEAN:
        return heads.mean()
    return heads.median()


def blocked_ngrams(tokens: list[int]) -> set[tuple[int, ...]]:
    """The pieces of the last four tokens that may not come again at once."""
    last = tuple(tokens[-4:])
    found: set[tuple[int, ...]] = set()
    if len(last) == 4:
        found |= {last, last[:2], last[:3]}
    if len(last) >= 3:
        found |= {last[-3:], last[-3:-1]}
    if len(last) >= 2:
        found.add(last[-2:])
    return found


def find_repetition(
    state: TextState, written: list[int], token: int, blocked: set[tuple[int, ...]]
) -> int | None:
    """How many of the tokens to be written belong to a repetition that this token would complete;
    None where there is none, or too many READs were forced already."""
    whole = (*state.tokens, *written, token)
    for size in (3, 2):
        if len(whole) >= size and state.blocks <= MOST_BLOCKS:
            if whole[-size:] in blocked:
                state.blocks += 1
                return min(size - 1, len(written))
            blocked.add(whole[-size:])
    return None

"""When the decoder writes: one policy call for each state of the source."""

from dataclasses import dataclass, field

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


def decode(
    decoder: TextDecoder,
    source: Tensor,
    prefix: tuple[int, int],
    state: TextState,
    policy: WritePolicy,
    *,
    source_finished: bool,
    comma: int | None = None,
) -> Turn:
    """Tokens until the source must be read on, shape of the source (A, M).

    With `comma`, features for speech are kept, and that token is run once more after what was
    written, so that the speech flows. Unlike the reference, written tokens count once against the
    longest sentence.
    """
    cache = decoder.listen(source)
    turn = Turn([], False, [], [])
    longest = int(policy.max_len_a * len(source)) + policy.max_len_b
    blocked = blocked_ngrams(state.tokens) if policy.block_ngrams else set()
    features: list[Tensor] = []
    new = [*prefix, *state.tokens]
    while True:
        decoded = decoder(torch.tensor(new, device=source.device), cache)
        features.append(decoded.features)
        recent = (state.tokens + turn.written)[-4:] if source_finished else []
        token, probability, p_choose = _decide(decoder, decoded, policy, recent)
        turn.decisions.append((token, p_choose))
        unsure = p_choose < policy.decision_threshold and not source_finished
        if not policy.early_stop and not source_finished and (unsure or token == EOS):
            if p_choose == 1.0:  # every head would end it here: what led to that is not written
                turn.written.clear()
            break
        if policy.block_ngrams and not source_finished:
            repeated = find_repetition(state, turn.written, token, blocked)
            if repeated is not None:
                # What was to be written of the repetition is not.
                turn.written = turn.written[: len(turn.written) - repeated]
                features = [torch.cat(features)[: cache.tokens - repeated]]
                cache.crop(cache.tokens - repeated)
                break
        if token == EOS or len(state.tokens) + len(turn.written) > longest:
            turn.finished = True
            break
        if unsure:
            break
        if (
            len(state.tokens) + len(turn.written) >= longest
            or len(turn.written) >= policy.max_consecutive_write
        ):
            break
        turn.written.append(token)
        turn.probabilities.append(probability)
        new = [token]
    del turn.probabilities[len(turn.written) :]
    state.tokens += turn.written
    if not (turn.written or turn.finished):
        return turn
    state.blocks = 0
    if comma is not None:
        if turn.written:
            decoded = decoder(torch.tensor([comma], device=source.device), cache)
            features.append(decoded.features)
            recent = [*state.tokens, comma][-4:] if source_finished else []
            token, _, p_choose = _decide(decoder, decoded, policy, recent)
            turn.decisions.append((token, p_choose))
        turn.features = torch.cat(features)
    return turn


def _decide(
    decoder: TextDecoder, decoded: Decoded, policy: WritePolicy, recent: list[int]
) -> tuple[int, float, float]:
    """The likeliest token, its probability, and p_choose."""
    logits = decoder.logits(decoded.features[-1]).float()
    if policy.block_ngrams and recent:
        logits[recent] = -torch.inf
    token = int(logits.argmax())
    probability = float(torch.exp(logits[token] - logits.logsumexp(0)))
    heads = decoded.p_choose[policy.p_choose_start_layer :]
    if policy.decision_method is DecisionMethod.MIN:
        chosen = heads.min()
    elif policy.decision_method is DecisionMethod.MEAN:
        chosen = heads.mean()
    else:
        chosen = heads.median()
    return token, probability, float(chosen)


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

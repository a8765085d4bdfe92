"""The same model in the plain, slow way of the reference: what the fast path is held against.

It does the work the reference does, no more: everything of the source is computed again for each
token, relative keys are laid out for each pair of frames, and units are laid out at every step. The
tests and the benchmark use it; nothing else does.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from audio_io.chunk import Samples
from engine.layers.features import FilterBank
from engine.seamless.config import DecisionMethod, StreamingPolicy, WritePolicy
from engine.seamless.encoder import Extent, SpeechEncoder
from engine.seamless.loading import SeamlessModel
from engine.seamless.policy import TextState, Turn, blocked_ngrams, find_repetition
from engine.seamless.speech import SpeechState
from engine.seamless.text_decoder import FIRST_POSITION, TextDecoder, sinusoid_table
from engine.seamless.tokens import EOS
from engine.seamless.unit_decoder import FIRST_UNIT, spell


@dataclass(slots=True)
class NaiveState:
    """One utterance, one target."""

    language: str
    bank: FilterBank = field(default_factory=FilterBank)
    frames: list[Tensor] = field(default_factory=list)
    text: TextState = field(default_factory=TextState)
    speech: SpeechState = field(default_factory=SpeechState)
    turn: Turn | None = None
    """The last that brought features."""


@dataclass(frozen=True, slots=True)
class NaiveStep:
    turn: Turn | None
    source: Tensor | None
    units: list[int] | None
    samples: Tensor | None


@torch.inference_mode()
def naive_step(
    model: SeamlessModel,
    state: NaiveState,
    samples: Samples,
    policy: StreamingPolicy,
    *,
    finished: bool,
    speaker: int | None,
) -> NaiveStep:
    """The next segment; `speaker` is None for text only."""
    heard = state.bank.hear(samples)
    state.frames += [torch.tensor(frame.tolist()) for frame in heard]
    stride = model.config.encoder.fbank_stride
    if len(state.frames) < (stride if finished else max(stride, policy.min_starting_wait)):
        return NaiveStep(None, None, None, None)
    frames = torch.stack(state.frames).to(model.device, model.dtype)
    source = naive_encode(model.encoder, frames)
    speaks = speaker is not None
    turn = naive_decode(
        model.decoder,
        source,
        model.pieces.prefix(state.language),
        state.text,
        policy.write,
        source_finished=finished,
        comma=model.pieces.comma if speaks else None,
    )
    if turn.features is not None:
        state.turn = turn
    units = _next_units(model, state, turn, policy, finished) if speaks else None
    if units is None or speaker is None:
        return NaiveStep(turn, source, None, None)
    index = model.config.vocoder_language_index[state.language]
    [sound] = model.vocoder([torch.tensor(units, device=model.device)], [index], [speaker])
    return NaiveStep(turn, source, units, sound)


def naive_encode(encoder: SpeechEncoder, frames: Tensor) -> Tensor:
    """Frames (T, 80) to states (A, M), relative keys laid out as (S, S, D)."""
    whole = len(frames) // 2
    if len(frames) % 2:
        frames = torch.cat([frames, frames.new_zeros(1, frames.shape[1])])
    extent = Extent([len(frames) // 2], [whole], frames.device)
    states: Tensor = encoder.speech_encoder_frontend(frames.reshape(1, len(frames) // 2, -1))
    adapted = encoder.speech_encoder
    for layer in adapted.inner.layers:  # type: ignore[union-attr]
        states = states + 0.5 * layer.ffn1(layer.ffn1_layer_norm(states))
        states = states + _relative_attention(
            layer.self_attn, layer.self_attn_layer_norm(states), whole, encoder
        )
        states = states + layer.conv(layer.conv_layer_norm(states), extent.padding)
        states = states + 0.5 * layer.ffn2(layer.ffn2_layer_norm(states))
        states = layer.layer_norm(states)
    states = adapted.inner_layer_norm(states)
    states = states + 0.5 * adapted.proj2(functional.relu(adapted.proj1(states)))
    for adaptor in adapted.adaptor_layers:
        states, extent = adaptor(states, extent)
    out: Tensor = adapted.layer_norm(states)
    return out[0]


def _relative_attention(
    attention: object, states: Tensor, valid: int, encoder: SpeechEncoder
) -> Tensor:
    queries, keys, values = attention.project(states)  # type: ignore[attr-defined]
    torch.matmul(queries, keys.mT)  # the reference computes it, and does not use it
    places = torch.arange(states.shape[1], device=states.device)
    config = encoder.config
    index = (places[None, :] - places[:, None]).clamp(
        -config.max_left_position, config.max_right_position
    ) + config.max_left_position
    relative = attention.sdpa.rel_k_embed(index)  # type: ignore[attr-defined]
    bias = torch.einsum("nhsd,std->nhst", queries, relative) * queries.shape[-1] ** -0.5
    bias[:, :, :, valid:] = -torch.inf
    attended = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=bias)
    out: Tensor = attention.join(attended)  # type: ignore[attr-defined]
    return out


class _PastKeys:
    """Self-attention's keys and values, by layer; all that the reference keeps."""

    def __init__(self) -> None:
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}
        self.tokens = 0


def _run(
    decoder: TextDecoder, tokens: list[int], source: Tensor, past: _PastKeys
) -> tuple[Tensor, Tensor]:
    """Features of the new positions, and p_choose of every layer, head, position and pooled state
    (layers, H, T, P)."""
    config = decoder.config
    symbols = torch.tensor([tokens], device=source.device)
    states = decoder.text_decoder_frontend.embed(symbols) * config.model_dim**0.5  # type: ignore[operator]
    first = past.tokens + FIRST_POSITION
    end = first + len(tokens)
    table = sinusoid_table(end, config.model_dim, source.device)
    states = (states.float() + table[first:end]).to(states.dtype)
    chosen = []
    for number, layer in enumerate(decoder.text_decoder.layers):  # type: ignore[arg-type]
        normed = layer.self_attn_layer_norm(states)
        keys, values = (each.transpose(1, 2) for each in layer.self_attn.project(normed))
        if number in past.keys:
            keys = torch.cat([past.keys[number], keys], dim=2)
            values = torch.cat([past.values[number], values], dim=2)
        past.keys[number], past.values[number] = keys, values
        seen = torch.arange(past.tokens + len(tokens), device=source.device)
        mask = seen[None, :] <= seen[past.tokens :, None]
        states = states + layer.self_attn.attend(normed, keys, values, mask)
        queries = layer.encoder_decoder_attn_layer_norm(states)
        chosen.append(_choose(layer.p_choose_layer, queries[0], source, config.pre_decision_ratio))
        keys, values = (
            each.transpose(1, 2) for each in layer.encoder_decoder_attn.project(source[None])
        )
        states = states + layer.encoder_decoder_attn.attend(queries, keys, values, None)
        inner = functional.relu(layer.ffn.inner_proj(layer.ffn_layer_norm(states)))
        states = states + layer.ffn.output_proj(inner)
    past.tokens += len(tokens)
    features: Tensor = decoder.text_decoder.layer_norm(states)  # type: ignore[operator]
    return features[0], torch.stack(chosen)


def _choose(choose: object, queries: Tensor, source: Tensor, ratio: int) -> Tensor:
    heads = choose._heads  # type: ignore[attr-defined]
    q = choose.q_energy_proj(queries).unflatten(-1, (heads, -1)).transpose(0, 1)  # type: ignore[attr-defined]
    pooled = functional.avg_pool1d(source.T[None], ratio, ratio, ceil_mode=True)[0].T
    k = choose.k_energy_proj(pooled).unflatten(-1, (heads, -1)).transpose(0, 1)  # type: ignore[attr-defined]
    energy = q @ k.mT * q.shape[-1] ** -0.5 + choose.energy_bias  # type: ignore[attr-defined]
    return torch.sigmoid(energy / choose._temperature)  # type: ignore[attr-defined]


def naive_decode(
    decoder: TextDecoder,
    source: Tensor,
    prefix: tuple[int, int],
    state: TextState,
    policy: WritePolicy,
    *,
    source_finished: bool,
    comma: int | None,
) -> Turn:
    """As `policy.decode`, token by token over the whole source."""
    past, turn = _PastKeys(), Turn([], False, [], [])
    longest = int(policy.max_len_a * len(source)) + policy.max_len_b
    blocked = blocked_ngrams(state.tokens) if policy.block_ngrams else set()
    features = source.new_zeros(0, decoder.config.model_dim)
    new = [*prefix, *state.tokens]
    while True:
        out, p_all = _run(decoder, new, source, past)
        features = torch.cat([features, out])
        recent = (state.tokens + turn.written)[-4:] if source_finished else []
        token, probability, p_choose = _decision(decoder, out, p_all, policy, recent)
        turn.decisions.append((token, p_choose))
        unsure = p_choose < policy.decision_threshold and not source_finished
        if not policy.early_stop and not source_finished and (unsure or token == EOS):
            if p_choose == 1.0:
                turn.written.clear()
            break
        if policy.block_ngrams and not source_finished:
            repeated = find_repetition(state, turn.written, token, blocked)
            if repeated is not None:
                turn.written = turn.written[: len(turn.written) - repeated]
                features = features[: len(features) - repeated]
                past.tokens -= repeated
                for number in past.keys:
                    past.keys[number] = past.keys[number][:, :, : past.tokens]
                    past.values[number] = past.values[number][:, :, : past.tokens]
                break
        if token == EOS or len(state.tokens) + len(turn.written) > longest:
            turn.finished = True
            break
        if unsure or (
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
            out, p_all = _run(decoder, [comma], source, past)
            features = torch.cat([features, out])
            recent = [*state.tokens, comma][-4:] if source_finished else []
            token, _, p_choose = _decision(decoder, out, p_all, policy, recent)
            turn.decisions.append((token, p_choose))
        turn.features = features
    return turn


def _decision(
    decoder: TextDecoder, features: Tensor, p_all: Tensor, policy: WritePolicy, recent: list[int]
) -> tuple[int, float, float]:
    logits = decoder.logits(features).float()  # of every position
    if policy.block_ngrams and recent:
        logits[:, recent] = -torch.inf
    token = int(logits[-1].argmax())
    probability = float(logits[-1].softmax(0)[token])
    heads = p_all[policy.p_choose_start_layer :, :, -1, -1]
    if policy.decision_method is DecisionMethod.MIN:
        return token, probability, float(heads.min())
    if policy.decision_method is DecisionMethod.MEAN:
        return token, probability, float(heads.mean())
    return token, probability, float(heads.median())


def _next_units(
    model: SeamlessModel, state: NaiveState, turn: Turn, policy: StreamingPolicy, finished: bool
) -> list[int] | None:
    """At every step over the whole text, as the reference does."""
    last = state.turn
    if last is None or last.features is None:
        return None
    tokens = state.text.tokens
    spelled = [*tokens, model.pieces.comma] if last.written else tokens
    characters = spell(spelled, len(last.features), model.pieces)
    if not characters.symbols:
        return None
    [(states, lasting)] = model.units.durations(
        [last.features], [characters], [policy.duration_factor]
    )
    [symbols] = model.units.units([states], [lasting])
    durations = lasting.tolist()
    state.speech.durations, state.speech.symbols = durations, symbols.tolist()
    if turn.features is None:
        return None
    if turn.finished and state.speech.characters > 0:
        if not sum(durations[state.speech.characters :]):
            return None
        state.speech.characters -= 1
    due = sum(durations[state.speech.characters :])
    ends = turn.finished or finished
    if not due or (not ends and (due < policy.min_unit_chunk_size or len(tokens) < 2)):
        return None
    spoken = sum(durations[: state.speech.characters])
    state.speech.characters = len(durations) - 1
    units: list[int] = (symbols[spoken:] - FIRST_UNIT).tolist()
    return units

"""Tensor names of checkpoints written by fairseq, as today's.

The checkpoints that Meta published follow either fairseq's names or those of fairseq2, which the
modules here use too. What is listed are facts about those files.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_Renames = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Region:
    """Tensors whose names begin alike."""

    old: str
    """Beginning of the old name; `#` stands for the number of a layer."""
    new: str
    """Beginning of the new name, with the same number."""
    renames: _Renames = ()
    """What may follow, old and new; the first that fits counts. What is not listed stays."""


_CONFORMER: _Renames = (
    ("conv_module.layer_norm2.", "conv.layer_norm."),
    ("conv_module.layer_norm.", "conv_layer_norm."),
    ("conv_module.", "conv."),
    ("ffn1.layer_norm.", "ffn1_layer_norm."),
    ("ffn1.w_1.", "ffn1.inner_proj."),
    ("ffn1.w_2.", "ffn1.output_proj."),
    ("ffn2.layer_norm.", "ffn2_layer_norm."),
    ("ffn2.w_1.", "ffn2.inner_proj."),
    ("ffn2.w_2.", "ffn2.output_proj."),
    ("self_attn.linear_q.", "self_attn.q_proj."),
    ("self_attn.linear_k.", "self_attn.k_proj."),
    ("self_attn.linear_v.", "self_attn.v_proj."),
    ("self_attn.linear_out.", "self_attn.output_proj."),
    ("self_attn.out_proj.", "self_attn.output_proj."),
    ("self_attn.rel_k_embedding.", "self_attn.sdpa.rel_k_embed."),
    ("final_layer_norm.", "layer_norm."),
)
_TRANSFORMER: _Renames = (
    ("self_attn.out_proj.", "self_attn.output_proj."),
    ("fc1.", "ffn.inner_proj."),
    ("fc2.", "ffn.output_proj."),
    ("final_layer_norm.", "ffn_layer_norm."),
)
_MONOTONIC: _Renames = (
    ("encoder_attn.out_proj.", "encoder_decoder_attn.output_proj."),
    ("encoder_attn.energy_bias", "p_choose_layer.energy_bias"),
    ("encoder_attn.source_energy_layer.", "p_choose_layer.k_energy_proj."),
    ("encoder_attn.target_energy_layer.", "p_choose_layer.q_energy_proj."),
    ("encoder_attn_layer_norm.", "encoder_decoder_attn_layer_norm."),
    ("encoder_attn.", "encoder_decoder_attn."),
    *_TRANSFORMER,
)
_POOLING: _Renames = (
    ("residual_pool.1.", "residual_conv."),
    ("attn_pool.1.", "self_attn_conv."),
    *_TRANSFORMER,
)
_UNITS: _Renames = (
    ("self_attn.out_proj.", "self_attn.output_proj."),
    ("ffn.ffn.0.", "conv1d.conv1."),
    ("ffn.ffn.2.", "conv1d.conv2."),
    ("ffn.layer_norm.", "conv1d_layer_norm."),
    ("layer_norm.", "self_attn_layer_norm."),
)
_W2V = "encoder.w2v_encoder.w2v_model."

UNITY = (
    _Region(f"{_W2V}layer_norm.", "speech_encoder_frontend.post_extract_layer_norm."),
    _Region(f"{_W2V}post_extract_proj.", "speech_encoder_frontend.model_dim_proj."),
    _Region(f"{_W2V}encoder.layers.#.", "speech_encoder.inner.layers.#.", _CONFORMER),
    _Region(f"{_W2V}encoder.layer_norm.", "speech_encoder.inner_layer_norm."),
    _Region("encoder.adaptor.proj.0.", "speech_encoder.proj1."),
    _Region("encoder.adaptor.proj.2.", "speech_encoder.proj2."),
    _Region("encoder.adaptor.out_ln.", "speech_encoder.layer_norm."),
    _Region("encoder.adaptor.layers.#.", "speech_encoder.adaptor_layers.#.", _POOLING),
    _Region("synthesizer_encoder.layers.#.", "t2u_model.encoder.layers.#.", _TRANSFORMER),
    _Region("synthesizer_encoder.layer_norm.", "t2u_model.encoder.layer_norm."),
    _Region("decoder.embed_tokens_text.", "t2u_model.decoder_frontend.embed_char."),
    _Region("decoder.embed_tokens_unit.", "t2u_model.decoder_frontend.embed."),
    _Region("decoder.embed_tokens.", "t2u_model.decoder_frontend.embed."),
    _Region("decoder.dec_pos_emb_alpha", "t2u_model.decoder_frontend.pos_emb_alpha"),
    _Region(
        "decoder.char_upsampler.pos_emb_alpha", "t2u_model.decoder_frontend.pos_emb_alpha_char"
    ),
    _Region(
        "decoder.var_adaptor.duration_predictor.",
        "t2u_model.decoder_frontend.variance_adaptor.duration_predictor.",
    ),
    _Region("decoder.layers.#.", "t2u_model.decoder.layers.#.", _UNITS),
    _Region("decoder.layer_norm.", "t2u_model.decoder.layer_norm."),
    _Region("decoder.output_projection.", "t2u_model.final_proj."),
)
MONOTONIC_DECODER = (
    _Region("decoder.embed_tokens.", "text_decoder_frontend.embed."),
    _Region("decoder.layers.#.", "text_decoder.layers.#.", _MONOTONIC),
    _Region("decoder.layer_norm.", "text_decoder.layer_norm."),
    _Region("decoder.output_projection.", "final_proj."),
)


def todays_name(old: str, regions: Sequence[_Region]) -> str:
    """The name a tensor has today; its old one where no region holds it."""
    for region in regions:
        found = re.match(re.escape(region.old).replace(r"\#", r"(\d+)"), old)
        if not found:
            continue
        rest = old[found.end() :]
        for before, after in region.renames:
            if rest.startswith(before):
                rest = after + rest[len(before) :]
                break
        number = found[1] if found.groups() else ""
        return region.new.replace("#", number) + rest
    return old


def character_order(pieces: Sequence[str]) -> list[int]:
    """For each piece of the character model, its row in an old table: after the four control
    symbols, old tables are sorted by character."""
    rows = {piece: row for row, piece in enumerate(sorted(pieces[4:]), start=4)}
    return [0, 1, 2, 3, *(rows[piece] for piece in pieces[4:])]


CONTROL_ORDER = (1, 3, 0, 2)
"""Rows of the old control symbols (bos, pad, eos, unk) in today's order (pad, unk, bos, eos)."""

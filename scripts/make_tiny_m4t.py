#!/usr/bin/env python3
"""Writes a tiny random SeamlessM4T v2 in the layout of `facebook/seamless-m4t-v2-large`.

Random weights say one token for ever. These are made restless: other sound makes other tokens, the
attention moves over the sound, and sentences come to an end.
"""

import argparse
import io
import json
import os
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import sentencepiece
import torch
from transformers import GenerationConfig, SeamlessM4Tv2Config, SeamlessM4Tv2Model

LANGUAGES = ("ben", "cmn", "eng", "fra", "gle", "spa")
SPOKEN = ("ben", "cmn", "eng", "fra", "spa")
SENTENCES = (
    "the morning train leaves from the second platform",
    "please write down the number of the house",
    "there was a light behind every window of the street",
    "no hay mal que por bien no venga, dice la gente",
    "el tren de la mañana sale de la segunda vía",
    "il y avait une lumière derrière chaque fenêtre",
    "bhí solas taobh thiar de gach fuinneog",
    "সকালের ট্রেন দ্বিতীয় প্ল্যাটফর্ম থেকে ছাড়ে",
    "早班火车从第二站台发车。每扇窗户后面都有灯光。",
)
PIECES = 200
UNITS = 40
SEED = 11
END = 4.0
"""How gladly a sentence ends."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write it; made if need be")
    make(parser.parse_args().folder)


def make(folder: Path) -> None:
    """Write the whole model directory."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = _write_tokenizer(folder)
    characters = sorted({letter for piece in pieces[3:] for letter in piece})
    model = SeamlessM4Tv2Model(_config(len(pieces) + 1 + len(LANGUAGES), len(characters) + 4))
    _make_restless(model, pieces)
    model.generation_config = _generation_config(pieces, characters)
    model.save_pretrained(folder)


def _config(symbols: int, characters: int) -> SeamlessM4Tv2Config:
    """The published shape, in miniature: the strides of sound are as published."""
    torch.manual_seed(SEED)
    return SeamlessM4Tv2Config(
        vocab_size=symbols,
        t2u_vocab_size=UNITS + 4,
        char_vocab_size=characters,
        hidden_size=32,
        max_position_embeddings=512,
        encoder_layers=1,
        encoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_layers=4,
        decoder_ffn_dim=48,
        decoder_attention_heads=4,
        speech_encoder_layers=2,
        speech_encoder_attention_heads=2,
        speech_encoder_intermediate_size=48,
        conv_depthwise_kernel_size=15,
        t2u_encoder_layers=1,
        t2u_encoder_ffn_dim=32,
        t2u_encoder_attention_heads=2,
        t2u_decoder_layers=1,
        t2u_decoder_ffn_dim=32,
        t2u_decoder_attention_heads=2,
        t2u_max_position_embeddings=2048,
        t2u_variance_predictor_embed_dim=32,
        t2u_variance_predictor_hidden_dim=16,
        upsample_initial_channel=32,
        unit_hifi_gan_vocab_size=UNITS,
        unit_embed_dim=16,
        lang_embed_dim=8,
        spkr_embed_dim=8,
        vocoder_num_langs=len(SPOKEN),
        vocoder_num_spkrs=3,
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1, 3]],
    )


def _make_restless(model: Any, pieces: list[str]) -> None:
    """Random numbers large enough for the sound to decide, rather than the token before."""
    chance = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                spread = parameter[0].numel() ** -0.5
                parameter.copy_(torch.randn(parameter.shape, generator=chance) * spread)
            elif "norm" not in name and "ln" not in name:
                parameter.copy_(torch.randn(parameter.shape, generator=chance) * 0.1)
        for layer in model.text_decoder.layers:
            layer.cross_attention.q_proj.weight *= 3.0
            layer.cross_attention.k_proj.weight *= 2.0
            layer.cross_attention.out_proj.weight *= 2.0
            layer.self_attn.out_proj.weight *= 2.0
            layer.ffn.fc1.weight *= 4.0
            layer.ffn.fc2.weight *= 3.0
            layer.self_attn.q_proj.weight *= 3.0
            layer.self_attn.k_proj.weight *= 3.0
        # Small embeddings leave little of the last token; large logits make up for that.
        table = model.shared.weight
        table *= 0.25
        model.text_decoder.layer_norm.weight *= 12.0
        table[model.config.eos_token_id] *= END
        table[_begin_words(pieces)] *= 1.7
        for silent in (0, 1, 2, *range(len(table) - len(LANGUAGES), len(table))):
            table[silent] *= 0.02  # padding, unknown and the languages are never written
        model.t2u_model.lm_head.weight[: model.config.vocoder_offset] *= 0.02
        for name, parameter in model.vocoder.hifi_gan.named_parameters():
            # So that each unit has a sound of its own.
            parameter.mul_(1.25 if name.endswith("weight") else 0.0)
        # Each letter lasts a few units.
        model.t2u_model.model.decoder.duration_predictor.proj.bias.fill_(0.8)


def _begin_words(pieces: list[str]) -> list[int]:
    """The symbols with which a word begins."""
    return [index + 1 for index, piece in enumerate(pieces) if piece.startswith("▁")]


def _write_tokenizer(folder: Path) -> list[str]:
    """The files of the tokenizer. Its pieces, as SentencePiece numbers them."""
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 3),
        model_writer=trained,
        model_type="bpe",
        vocab_size=PIECES,
        character_coverage=1.0,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    (folder / "sentencepiece.bpe.model").write_bytes(trained.getvalue())
    read = sentencepiece.SentencePieceProcessor(model_proto=trained.getvalue())
    pieces = [read.id_to_piece(index) for index in range(read.get_piece_size())]
    first = len(pieces) + 1
    special = ["<pad>", "<unk>", "<s>", "</s>"]
    named = dict(enumerate(special))
    named |= {first + index: f"__{code}__" for index, code in enumerate(LANGUAGES)}
    tokenizer = {
        "tokenizer_class": "SeamlessM4TTokenizer",
        "processor_class": "SeamlessM4TProcessor",
        "src_lang": "eng",
        "tgt_lang": "fra",
        "added_tokens_decoder": {
            str(index): {"content": token, "normalized": False, "special": True}
            for index, token in named.items()
        },
        "additional_special_tokens": [f"__{code}__" for code in LANGUAGES],
        **{f"{name}_token": token for name, token in _special_tokens().items()},
    }
    _write_json(folder / "tokenizer_config.json", tokenizer)
    _write_json(
        folder / "preprocessor_config.json",
        {
            "feature_extractor_type": "SeamlessM4TFeatureExtractor",
            "processor_class": "SeamlessM4TProcessor",
            "feature_size": 80,
            "num_mel_bins": 80,
            "padding_value": 0.0,
            "sampling_rate": 16_000,
            "stride": 2,
        },
    )
    return pieces


def _special_tokens() -> dict[str, str]:
    end = "</s>"
    return {"bos": "<s>", "cls": "<s>", "eos": end, "sep": end, "pad": "<pad>", "unk": "<unk>"}


def _generation_config(pieces: list[str], characters: list[str]) -> Any:
    first = len(pieces) + 1
    texts = {"0": "<pad>", "1": "<unk>", "2": "<s>", "3": "</s>"}
    texts |= {str(index + 1): piece for index, piece in enumerate(pieces) if index > 2}
    texts |= {str(first + index): f"__{code}__" for index, code in enumerate(LANGUAGES)}
    return GenerationConfig(
        bos_token_id=2,
        decoder_start_token_id=3,
        eos_token_id=3,
        pad_token_id=0,
        max_new_tokens=256,
        num_beams=5,
        char_to_id={letter: index + 4 for index, letter in enumerate(characters)},
        id_to_text=texts,
        text_decoder_lang_to_code_id={code: first + i for i, code in enumerate(LANGUAGES)},
        t2u_lang_code_to_id={code: UNITS + 4 + i for i, code in enumerate(SPOKEN)},
        vocoder_lang_code_to_id={code: i for i, code in enumerate(SPOKEN)},
    )


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

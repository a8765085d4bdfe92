"""SeamlessStreaming with random weights, of any size, for benchmarks."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from measuring import DATA

from engine.layers.code_hifigan import CodeHifiGan
from engine.seamless.config import DecoderConfig, EncoderConfig, UnitConfig, read_config
from engine.seamless.encoder import SpeechEncoder
from engine.seamless.loading import SeamlessModel
from engine.seamless.text_decoder import TextDecoder
from engine.seamless.tokens import TextPieces
from engine.seamless.unit_decoder import UnitDecoder

TINY = DATA / "seamless"
RATE_HZ = 16_000
SEGMENT = RATE_HZ * 320 // 1000
LANGUAGE = "spa"
FULL_ENCODER = EncoderConfig(1024, 24, 16, 4096, 80, 2, 31, 64, 8, 1, 8, 8, 4096)
FULL_DECODER = DecoderConfig(1024, 24, 16, 8192, 4096, 4, 0.2, 2)
FULL_UNITS = UnitConfig(1024, 6, 6, 16, 8192, 7, 256, 3, 10_943)
SMALL_ENCODER = EncoderConfig(256, 12, 4, 1024, 80, 2, 31, 64, 8, 1, 8, 8, 1024)
SMALL_DECODER = DecoderConfig(256, 12, 4, 2048, 4096, 4, 0.2, 2)
SMALL_UNITS = UnitConfig(256, 3, 3, 4, 2048, 7, 256, 3, 500)
SMALL_VOCABULARY = 809
"""That of the tokenizer these models are given."""


def random_model(
    encoder: EncoderConfig, decoder: DecoderConfig, unit: UnitConfig = SMALL_UNITS
) -> SeamlessModel:
    """On the cpu, in fp32, with the small vocabulary and vocoder."""
    torch.manual_seed(0)
    tiny = read_config(TINY)
    config = replace(tiny, encoder=encoder, decoder=decoder, unit=unit, num_units=1000)
    v = tiny.vocoder
    vocoder = CodeHifiGan(
        unit_vocabulary=1004,
        languages=5,
        speakers=5,
        embedding_dim=v.embedding_dim,
        language_dim=v.language_dim,
        speaker_dim=v.speaker_dim,
        initial_channels=v.initial_channels,
        upsample_rates=v.upsample_rates,
        upsample_kernels=v.upsample_kernels,
        resblock_kernels=v.resblock_kernels,
        resblock_dilations=v.resblock_dilations,
    )
    return SeamlessModel(
        config,
        SpeechEncoder(encoder).eval(),
        TextDecoder(decoder, SMALL_VOCABULARY).eval(),
        UnitDecoder(unit, 1004).eval(),
        vocoder.eval(),
        TextPieces(TINY / "text.model", TINY / "char.model", tiny.text_languages),
        torch.device("cpu"),
        torch.float32,
    )


def small_model() -> SeamlessModel:
    """256 wide, 12+12 layers."""
    return random_model(SMALL_ENCODER, SMALL_DECODER)


def full_model(device: torch.device, dtype: torch.dtype) -> SeamlessModel:
    """Of the published sizes, vocabulary and vocoder included, on its device from the start.

    Symbols beyond those of the small tokenizer, and those that are no text, get no weight: what is
    written can be spelled, and so is spoken.
    """
    torch.manual_seed(0)
    tiny = read_config(TINY)
    config = replace(
        tiny, encoder=FULL_ENCODER, decoder=FULL_DECODER, unit=FULL_UNITS, num_units=10_000
    )
    with torch.device("meta"):
        modules: list[Any] = [
            SpeechEncoder(FULL_ENCODER),
            TextDecoder(FULL_DECODER, 256_102),
            UnitDecoder(FULL_UNITS, 10_004),
            CodeHifiGan(
                unit_vocabulary=10_000,
                languages=36,
                speakers=75,
                embedding_dim=1280,
                language_dim=256,
                speaker_dim=256,
                initial_channels=512,
                upsample_rates=(5, 4, 4, 2, 2),
                upsample_kernels=(11, 8, 8, 4, 4),
                resblock_kernels=(3, 7, 11),
                resblock_dilations=((1, 3, 5),) * 3,
            ),
        ]
    for module in modules:
        module.to(dtype).to_empty(device=device).requires_grad_(False).eval()
        for name, parameter in module.named_parameters():
            if name.endswith("norm.weight"):
                parameter.fill_(1.0)
            else:
                parameter.normal_(0.0, 0.02)
    encoder, decoder, units, vocoder = modules
    decoder.final_proj.weight[:4] = 0
    decoder.final_proj.weight[SMALL_VOCABULARY - len(tiny.text_languages) - 3 :] = 0
    pieces = TextPieces(TINY / "text.model", TINY / "char.model", tiny.text_languages)
    return SeamlessModel(config, encoder, decoder, units, vocoder, pieces, device, dtype)


def noise(seconds: float) -> Any:
    chance = np.random.default_rng(0)
    return (0.1 * chance.standard_normal(round(seconds * RATE_HZ))).astype(np.float32)

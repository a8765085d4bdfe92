"""A Whisper model small enough for tests: random weights, made here, loaded by faster-whisper.

It says nonsense out of a few Spanish words, the same each time for the same sound.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ctranslate2.specs import WhisperSpec
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

WORDS = [
    "la",
    "casa",
    "es",
    "grande",
    "y",
    "el",
    "mar",
    "queda",
    "lejos",
    "hoy",
    "vamos",
    "en",
    "tren",
]
LANGUAGES = ["en", "es", "ca", "fr", "de", "pt", "it", "zh", "ja"]
SPECIALS = ["<|endoftext|>", "<|startoftranscript|>"]
TASKS = ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>"]
TIMESTAMPS = [f"<|{number * 0.02:.2f}|>" for number in range(1501)]
NEVER = -50.0
"""A bias no token is chosen with."""


@dataclass(frozen=True, slots=True)
class Sizes:
    width: int = 16
    heads: int = 2
    mels: int = 80
    frames: int = 1500
    """Of the encoder: thirty seconds."""
    longest: int = 448
    """Tokens of the decoder."""


def make_tiny_whisper(folder: Path, *, multilingual: bool = True, seed: int = 7) -> Path:
    """The model in a new folder, as faster-whisper wants it; without `multilingual` it is one
    that knows only English."""
    folder.mkdir(parents=True)
    plain, merges = _vocabulary()
    # What faster-whisper goes by: the vocabularies of models of many languages hold the empty word.
    special = [*SPECIALS, *(f"<|{code}|>" for code in LANGUAGES), *TASKS, "<|notimestamps|>"]
    tokens = [*plain, *([""] if multilingual else []), *special, *TIMESTAMPS]
    _write_tokenizer(folder, tokens, merges, special)
    spec = _spec(tokens, Sizes(), np.random.default_rng(seed))
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [tokens.index("<|endoftext|>")]
    spec.config.lang_ids = [tokens.index(f"<|{code}|>") for code in LANGUAGES]
    spec.config.alignment_heads = [(0, 0)]
    spec.register_vocabulary(tokens)
    spec.validate()
    spec.optimize(quantization="float32")
    spec.save(str(folder))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": Sizes().mels}))
    return folder


def _vocabulary() -> tuple[list[str], list[tuple[str, str]]]:
    """Every byte, every word with the space before it, and the steps from bytes to words."""
    tokens = sorted(ByteLevel.alphabet())
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        built = "Ġ"
        for letter in word:
            if built + letter not in tokens:
                merges.append((built, letter))
                tokens.append(built + letter)
            built += letter
    return tokens, merges


def _write_tokenizer(
    folder: Path, tokens: list[str], merges: list[tuple[str, str]], special: list[str]
) -> None:
    numbers = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(BPE(vocab=numbers, merges=merges))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer.add_tokens([AddedToken(token, special=False) for token in TIMESTAMPS])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)


def _spec(tokens: list[str], sizes: Sizes, random: np.random.Generator) -> WhisperSpec:
    """Weights large enough that what is heard changes what is said."""

    def weights(*shape: int, scale: float = 1.0) -> NDArray[np.float32]:
        made: NDArray[np.float32] = random.standard_normal(shape).astype(np.float32)
        return made * np.float32(scale / np.sqrt(shape[-1]))

    def linear(layer: object, *shape: int) -> None:
        layer.weight, layer.bias = weights(*shape), weights(shape[0])  # type: ignore[attr-defined]

    def norm(layer: object) -> None:
        layer.gamma = np.ones(width, np.float32)  # type: ignore[attr-defined]
        layer.beta = np.zeros(width, np.float32)  # type: ignore[attr-defined]

    width = sizes.width
    spec = WhisperSpec(1, sizes.heads, 1, sizes.heads)
    encoder, decoder = spec.encoder, spec.decoder
    linear(encoder.conv1, width, sizes.mels, 3)
    linear(encoder.conv2, width, width, 3)
    encoder.position_encodings.encodings = weights(sizes.frames, width)
    decoder.position_encodings.encodings = weights(sizes.longest, width, scale=4.0)
    decoder.embeddings.weight = weights(len(tokens), width)
    for side in (encoder, decoder):
        norm(side.layer_norm)
        (layer,) = side.layer
        norm(layer.self_attention.layer_norm)
        linear(layer.self_attention.linear[0], 3 * width, width)
        linear(layer.self_attention.linear[1], width, width)
        norm(layer.ffn.layer_norm)
        linear(layer.ffn.linear_0, 2 * width, width)
        linear(layer.ffn.linear_1, width, 2 * width)
    attention = decoder.layer[0].attention
    norm(attention.layer_norm)
    linear(attention.linear[0], width, width)
    linear(attention.linear[1], 2 * width, width)
    linear(attention.linear[2], width, width)
    attention.linear[1].weight *= 6.0
    decoder.projection.weight = weights(len(tokens), width, scale=4.0)
    decoder.projection.bias = _bias(tokens)
    return spec


def _bias(tokens: list[str]) -> NDArray[np.float32]:
    """Only words, the end, and now and then a moment are said."""
    bias = np.full(len(tokens), NEVER, np.float32)
    for word in WORDS:
        bias[tokens.index(f"Ġ{word}")] = 0.0
    bias[tokens.index("<|endoftext|>")] = 0.5
    bias[tokens.index(TIMESTAMPS[0]) :] = -9.0
    return bias

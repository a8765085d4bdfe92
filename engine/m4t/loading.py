"""Loads a SeamlessM4T v2 from a model directory."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import SeamlessM4Tv2Config, SeamlessM4Tv2Model
from transformers.utils import logging as transformers_logging

from engine.errors import EngineError
from engine.m4t.checkpoint import (
    check_shapes,
    read_config,
    read_generation_config,
    read_pieces,
    read_shapes,
)
from engine.m4t.words import EOS, Pieces
from engine.models.placement import (
    INT8,
    choose_device,
    choose_dtype,
    compile_layers,
    quantise,
    refuse_too_little_memory,
)

ATTENTION = "sdpa"
"""The other way, eager, adds the encoder's mask of booleans to its scores (transformers 5.23), and
so lets utterances of a batch hear each other's padding."""


@dataclass(slots=True)
class M4tModel:
    """All weights, ready to run; shared by all streams."""

    network: SeamlessM4Tv2Model
    pieces: Pieces
    languages: Mapping[str, int]
    """The token of each language that is written."""
    voices: Mapping[str, int]
    """The vocoder's number of each language that is spoken."""
    speakers: int
    """Voices the vocoder knows, in any language."""
    device: torch.device
    dtype: torch.dtype
    """Of what flows through the model; float32 where only weights are quantised."""

    def prompt(self, language: str) -> list[int]:
        """What every sentence of a language begins with."""
        return [EOS, self.languages[language]]


def load_model(
    folder: Path, *, device: str = "auto", dtype: str = "auto", compiled: bool = False
) -> M4tModel:
    """A model from its directory, as published: `config.json`, `generation_config.json` and
    safetensors. Nothing is fetched, and no code of the directory is run.

    `device`: auto is the first there is of cuda, mps, cpu. `dtype`: auto is bf16 on cuda (fp16
    where it has none), fp16 on mps and fp32 on cpu. int8 is for the cpu alone and quantises the
    weights of linear layers. `compiled` has torch compile the layers of the encoder at their first
    steps. Raises `EngineError`, one line, for whatever is missing or wrong, and
    when memory is too small.
    """
    read_config(folder)
    generation = read_generation_config(folder)
    place = choose_device(device)
    number = choose_dtype(dtype, place)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    empty = _empty(folder)
    check_shapes(folder, _shapes(empty), read_shapes(folder), empty.all_tied_weights_keys)
    refuse_too_little_memory(_needed_bytes(empty, number, int8=dtype == INT8), place)
    network = _filled(folder, number)
    if dtype == INT8:
        quantise(network)
    network.to(place)
    network.set_modality("speech")
    if compiled:
        compile_layers(network.speech_encoder.encoder.layers, place)
    return M4tModel(
        network=network,
        pieces=read_pieces(generation),
        languages=dict(generation["text_decoder_lang_to_code_id"]),
        voices=dict(generation["vocoder_lang_code_to_id"]),
        speakers=int(network.config.vocoder_num_spkrs),
        device=place,
        dtype=number,
    )


def _empty(folder: Path) -> SeamlessM4Tv2Model:
    """The model without numbers, taking no memory."""
    try:
        config = SeamlessM4Tv2Config.from_pretrained(folder, local_files_only=True)
        with torch.device("meta"):
            return SeamlessM4Tv2Model(config)
    except Exception as error:  # whatever transformers raises at values that cannot be
        what = " ".join(str(error).split())[:160]
        raise EngineError(
            f"'{folder / 'config.json'}' does not say what it should ({what})."
        ) from error


def _filled(folder: Path, dtype: torch.dtype) -> SeamlessM4Tv2Model:
    try:
        network = SeamlessM4Tv2Model.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=dtype,
            attn_implementation=ATTENTION,
        )
    except Exception as error:  # whatever transformers raises at files that are not as they should
        what = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise EngineError(f"The model in '{folder}' cannot be loaded ({what}).") from error
    network.text_encoder = None  # half a billion weights that only written text needs
    network.requires_grad_(False).eval()
    return network


def _shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def _needed_bytes(network: nn.Module, dtype: torch.dtype, *, int8: bool) -> int:
    """Memory that the weights take; one with two names counts once."""
    needed = 0
    for name, parameter in network.named_parameters():
        owner = network.get_submodule(name.rpartition(".")[0])
        linear = int8 and isinstance(owner, nn.Linear)
        needed += parameter.numel() * (1 if linear else dtype.itemsize)
    return needed

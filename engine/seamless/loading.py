"""Loads a SeamlessStreaming from a model directory."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.errors import EngineError
from engine.layers.code_hifigan import CodeHifiGan
from engine.models.placement import (
    INT8,
    choose_device,
    choose_dtype,
    compile_layers,
    quantise,
    refuse_too_little_memory,
)
from engine.seamless.checkpoint import (
    Tensors,
    first_and_more,
    load_tensors,
    vocabulary,
)
from engine.seamless.config import ModelConfig, read_config
from engine.seamless.encoder import SpeechEncoder
from engine.seamless.text_decoder import TextDecoder
from engine.seamless.tokens import TextPieces
from engine.seamless.unit_decoder import FIRST_UNIT, UnitDecoder

__all__ = ["SeamlessModel", "load_model", "load_tensors"]


@dataclass(slots=True)
class SeamlessModel:
    """All weights, ready to run; shared by all streams."""

    config: ModelConfig
    encoder: SpeechEncoder
    decoder: TextDecoder
    units: UnitDecoder
    vocoder: CodeHifiGan
    pieces: TextPieces
    device: torch.device
    dtype: torch.dtype
    """Of what flows through the model; float32 where only weights are quantised."""


def load_model(
    folder: Path, *, device: str = "auto", dtype: str = "auto", compiled: bool = False
) -> SeamlessModel:
    """A model from its directory, converted or as published with a `config.json`.

    `device`: auto is the first there is of cuda, mps, cpu. `dtype`: auto is bf16 on cuda (fp16
    where it has none), fp16 on mps and fp32 on cpu. int8 is for the cpu alone: the weights of
    linear layers are quantised by `torch.ao.quantization.quantize_dynamic`, which torch calls
    deprecated but has in 2.13; everything else stays fp32.

    `compiled` has torch compile the layers of encoder and decoder at their first steps.

    On the cpu, weights whose type does not change stay in the file and are mapped into memory.
    Raises `EngineError`, one line, for whatever is missing or wrong, and when memory is too small.
    """
    config = read_config(folder)
    place = choose_device(device)
    number = choose_dtype(dtype, place)
    tensors = load_tensors(folder, config)
    model = _fitting_model(folder, config, tensors, place, number)
    modules = (model.encoder, model.decoder, model.units, model.vocoder)
    refuse_too_little_memory(_needed_bytes(modules, number, int8=dtype == INT8), place)
    for filling in _fillings(model, folder, tensors):
        _fill(filling, place, number)
        if dtype == INT8:
            quantise(filling.module)
    if compiled:
        compile_layers([*model.encoder.layers, *model.decoder.layers], place)
    return model


def check_fit(folder: Path, config: ModelConfig, tensors: dict[str, Tensors]) -> None:
    """Raise `EngineError` where tensors are missing, foreign or not of the sizes of `config`."""
    _fitting_model(folder, config, tensors, torch.device("cpu"), torch.float32)


def _fitting_model(
    folder: Path,
    config: ModelConfig,
    tensors: dict[str, Tensors],
    device: torch.device,
    dtype: torch.dtype,
) -> SeamlessModel:
    """A model without numbers into which the tensors fit. Raises `EngineError`."""
    pieces = TextPieces(
        folder / config.files["text_tokenizer"],
        folder / config.files["char_tokenizer"],
        config.text_languages,
    )
    _check_tables(folder, config, tensors)
    model = _empty_model(config, tensors, pieces, device, dtype)
    for filling in _fillings(model, folder, tensors):
        filling.check()
    return model


def _check_tables(folder: Path, config: ModelConfig, tensors: dict[str, Tensors]) -> None:
    """Whether tables have a row for every symbol that will be looked up."""
    symbols = vocabulary(folder, config)
    rows = _rows(tensors["monotonic_decoder"], "final_proj.weight", symbols)
    if rows != symbols:
        raise EngineError(
            f"'{folder / config.files['monotonic_decoder']}' has {rows} symbols; its tokenizer "
            f"and languages make {symbols}.",
            hint="The files of a model belong together; pull or convert it again.",
        )
    speakers = [max(each, default=0) for each in config.vocoder_speaker_index.values()]
    languages = config.vocoder_language_index.values()
    for part, table, least in (
        ("unity", "t2u_model.final_proj.weight", config.num_units + FIRST_UNIT),
        ("vocoder", "spkr.weight", max(speakers, default=0) + 1),
        ("vocoder", "lang.weight", max(languages, default=0) + 1),
    ):
        rows = _rows(tensors[part], table, least)
        if rows < least:
            raise EngineError(
                f"'{folder / config.files[part]}': tensor '{table}' has {rows} rows; config.json "
                f"wants {least} or more."
            )


def _rows(tensors: Tensors, name: str, otherwise: int) -> int:
    """Of a table; what is missing is found out when the modules are filled."""
    return len(tensors[name]) if name in tensors and tensors[name].ndim else otherwise


def _empty_model(
    config: ModelConfig,
    tensors: dict[str, Tensors],
    pieces: TextPieces,
    device: torch.device,
    dtype: torch.dtype,
) -> SeamlessModel:
    """The model without numbers, taking no memory."""
    part = config.vocoder
    with torch.device("meta"):
        vocoder = CodeHifiGan(
            unit_vocabulary=part.unit_vocab_size,
            languages=_rows(tensors["vocoder"], "lang.weight", 1),
            speakers=_rows(tensors["vocoder"], "spkr.weight", 1),
            embedding_dim=part.embedding_dim,
            language_dim=part.language_dim,
            speaker_dim=part.speaker_dim,
            initial_channels=part.initial_channels,
            upsample_rates=part.upsample_rates,
            upsample_kernels=part.upsample_kernels,
            resblock_kernels=part.resblock_kernels,
            resblock_dilations=part.resblock_dilations,
        )
        symbols = _rows(tensors["monotonic_decoder"], "final_proj.weight", 1)
        units = _rows(tensors["unity"], "t2u_model.final_proj.weight", 1)
        return SeamlessModel(
            config=config,
            encoder=SpeechEncoder(config.encoder),
            decoder=TextDecoder(config.decoder, symbols),
            units=UnitDecoder(config.unit, units),
            vocoder=vocoder,
            pieces=pieces,
            device=device,
            dtype=dtype,
        )


@dataclass(frozen=True, slots=True)
class _Filling:
    """A module, and the tensors that go into it."""

    module: nn.Module
    tensors: Tensors
    path: Path
    """Where they come from."""

    def check(self) -> None:
        """Raise `EngineError` where they do not fit."""
        wanted = self.module.state_dict()
        missing = [name for name in wanted if name not in self.tensors]
        if missing:
            raise EngineError(
                f"'{self.path}' lacks the tensor {first_and_more(missing)}.",
                hint="Its config.json is of another model, or the file is not whole.",
            )
        foreign = [name for name in self.tensors if name not in wanted]
        if foreign:
            raise EngineError(
                f"'{self.path}' has the tensor {first_and_more(foreign)} that this model does "
                "not know.",
                hint="Its config.json is of another model.",
            )
        other = [name for name in wanted if wanted[name].shape != self.tensors[name].shape]
        if other:
            seen, right = (tuple(named[other[0]].shape) for named in (self.tensors, wanted))
            more = f"; {len(other) - 1} more differ" if len(other) > 1 else ""
            raise EngineError(
                f"'{self.path}': tensor '{other[0]}' is of shape {seen}, config.json wants "
                f"{right}{more}.",
                hint="Its config.json is of another model.",
            )


def _fillings(model: SeamlessModel, folder: Path, tensors: dict[str, Tensors]) -> list[_Filling]:
    path = {part: folder / model.config.files[part] for part in tensors}
    unity = tensors["unity"]
    heard = {name: unity[name] for name in unity if name.startswith("speech_encoder")}
    units = {name: unity[name] for name in unity if name not in heard}
    return [
        _Filling(model.encoder, heard, path["unity"]),
        _Filling(model.decoder, tensors["monotonic_decoder"], path["monotonic_decoder"]),
        _Filling(model.units, units, path["unity"]),
        _Filling(model.vocoder, tensors["vocoder"], path["vocoder"]),
    ]


def _fill(filling: _Filling, device: torch.device, dtype: torch.dtype) -> None:
    # A table with two names stays one.
    moved: dict[int, Tensor] = {}
    placed: Tensors = {}
    for name, tensor in filling.tensors.items():
        key = tensor.data_ptr()
        if key not in moved or moved[key].shape != tensor.shape:
            moved[key] = tensor.to(device, dtype)
        placed[name] = moved[key]
    filling.module.load_state_dict(placed, assign=True)
    filling.module.requires_grad_(False).eval()


def _needed_bytes(modules: Iterable[nn.Module], dtype: torch.dtype, *, int8: bool) -> int:
    """Memory that the weights take; tables with two names, of text and of units, count once."""
    needed = 0
    for module in modules:
        for name, parameter in module.named_parameters():
            if name.endswith("final_proj.weight"):
                needed += parameter.numel() if int8 else 0
                continue
            linear = int8 and isinstance(module.get_submodule(name.rpartition(".")[0]), nn.Linear)
            needed += parameter.numel() * (1 if linear else dtype.itemsize)
    return needed

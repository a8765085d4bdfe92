"""Loads a SeamlessStreaming from a model directory."""

import logging
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.errors import EngineError
from engine.layers.code_hifigan import CodeHifiGan
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
logger = logging.getLogger(__name__)

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
INT8 = "int8"


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


def load_model(folder: Path, *, device: str = "auto", dtype: str = "auto") -> SeamlessModel:
    """A model from its directory, converted or as published with a `config.json`.

    `device`: auto is the first there is of cuda, mps, cpu. `dtype`: auto is bf16 on cuda (fp16
    where it has none), fp16 on mps and fp32 on cpu. int8 is for the cpu alone: the weights of
    linear layers are quantised by `torch.ao.quantization.quantize_dynamic`, which torch calls
    deprecated but has in 2.13; everything else stays fp32.

    On the cpu, weights whose type does not change stay in the file and are mapped into memory.
    Raises `EngineError`, one line, for whatever is missing or wrong, and when memory is too small.
    """
    config = read_config(folder)
    place = choose_device(device)
    number = _choose_dtype(dtype, place)
    tensors = load_tensors(folder, config)
    model = _fitting_model(folder, config, tensors, place, number)
    modules = (model.encoder, model.decoder, model.units, model.vocoder)
    _check_memory(_needed_bytes(modules, number, int8=dtype == INT8), place)
    for filling in _fillings(model, folder, tensors):
        _fill(filling, place, number)
        if dtype == INT8:
            _quantise(filling.module)
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


def choose_device(name: str) -> torch.device:
    """The device of this name, or the best one for `auto`. Raises `EngineError`."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise EngineError(
            f"'{name}' is no device.", hint="There is: auto, cpu, cuda, cuda:1, mps."
        ) from error
    there = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }.get(device.type, 0)
    if (device.index or 0) >= there:
        raise EngineError(
            f"There is no device '{name}' here, or this torch ({torch.__version__}) has no "
            "support for it.",
            hint="Take --device auto or cpu.",
        )
    return device


def _choose_dtype(name: str, device: torch.device) -> torch.dtype:
    if name == INT8 and device.type != "cpu":
        raise EngineError(f"int8 runs on the cpu only, not on {device}.", hint="Take --dtype auto.")
    if name == "auto":
        name = {"cuda": "bf16", "mps": "fp16"}.get(device.type, "fp32")
        if device.type == "cuda" and not torch.cuda.is_bf16_supported():
            name = "fp16"
    if name not in {*DTYPES, INT8}:
        known = ", ".join(["auto", *DTYPES, INT8])
        raise EngineError(f"'{name}' is no number format.", hint=f"There is: {known}.")
    return DTYPES.get(name, torch.float32)


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


class _Int8Linear(nn.Module):
    """A quantised linear layer that takes a single vector too."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, states: Tensor) -> Tensor:
        out: Tensor = self.inner(states[None])[0] if states.ndim == 1 else self.inner(states)
        return out


def _quantise(module: nn.Module) -> None:
    """Quantise every linear layer below a module, one after the other."""
    try:
        from torch.ao.quantization import quantize_dynamic
    except ImportError as error:
        raise EngineError(
            f"int8 needs a part of torch that {torch.__version__} has no more.",
            hint="Take --dtype fp32 or bf16.",
        ) from error
    for name, child in list(module.named_children()):
        if type(child) is not nn.Linear:
            _quantise(child)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quantised = quantize_dynamic(nn.Sequential(child), {nn.Linear}, dtype=torch.qint8)
        setattr(module, name, _Int8Linear(quantised[0]))


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


def _check_memory(needed_bytes: int, device: torch.device) -> None:
    free_bytes = free_memory_bytes(device)
    if free_bytes is None:
        logger.debug("free memory of %s is not known; %d bytes are needed", device, needed_bytes)
    elif free_bytes < needed_bytes:
        smaller = "--dtype int8 or bf16" if device.type == "cpu" else "--device cpu"
        raise EngineError(
            f"The model needs {needed_bytes / 1e9:.1f} GB of memory on {device}; "
            f"{free_bytes / 1e9:.1f} GB are free.",
            hint=f"Close other programs, or take {smaller}.",
        )


def free_memory_bytes(device: torch.device) -> int | None:
    """Memory that is free for a model; None where that is not known."""
    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
        return free
    if device.type != "cpu":
        return None
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        of_machine = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, ValueError, StopIteration):
        return None
    of_group = _free_in_group_bytes()
    return 1024 * of_machine if of_group is None else min(1024 * of_machine, of_group)


def _free_in_group_bytes() -> int | None:
    """What a container may still take; None where nothing limits it."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        used = int((group / "memory.current").read_text(encoding="ascii"))
        counts = (group / "memory.stat").read_text(encoding="ascii").split()
        cached = int(counts[counts.index("inactive_file") + 1])
    except (OSError, ValueError, IndexError):  # "max" is no number
        return None
    return max(0, limit - used + cached)

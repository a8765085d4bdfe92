"""Where a model computes and in which numbers: devices, dtypes, the memory they take."""

import logging
import os
import shutil
import warnings
from collections.abc import Iterable
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from engine.errors import EngineError
from engine.models import memory

logger = logging.getLogger(__name__)

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
INT8 = "int8"


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
            hint="Take ⟦device⟧ auto or cpu.",
        )
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The number format of this name; for `auto` bf16 on cuda (fp16 where it has none), fp16 on mps
    and fp32 on cpu. int8 flows as fp32: only weights are quantised. Raises `EngineError`."""
    if name == INT8 and device.type != "cpu":
        raise EngineError(f"int8 runs on the cpu only, not on {device}.", hint="Take ⟦dtype⟧ auto.")
    if name == "auto":
        name = {"cuda": "bf16", "mps": "fp16"}.get(device.type, "fp32")
        if device.type == "cuda" and not torch.cuda.is_bf16_supported():
            name = "fp16"
    if name not in {*DTYPES, INT8}:
        known = ", ".join(["auto", *DTYPES, INT8])
        raise EngineError(f"'{name}' is no number format.", hint=f"There is: {known}.")
    return DTYPES.get(name, torch.float32)


def refuse_too_little_memory(needed_bytes: int, device: torch.device) -> None:
    """Raise `EngineError` where a model of this size does not fit into what is free."""
    free_bytes = free_memory_bytes(device)
    if free_bytes is None:
        logger.debug("free memory of %s is not known; %d bytes are needed", device, needed_bytes)
    elif free_bytes < needed_bytes:
        smaller = "⟦dtype⟧ int8 or bf16" if device.type == "cpu" else "⟦device⟧ cpu"
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
    return memory.free_bytes() if device.type == "cpu" else None


def compile_layers(layers: Iterable[nn.Module], device: torch.device) -> None:
    """Have torch compile each of these modules when it first runs. Layers of one kind share what is
    compiled. Raises `EngineError` where no compiler is at hand."""
    compiler = os.environ.get("CXX", "")
    if device.type == "cpu" and not any(map(shutil.which, (compiler, "g++", "clang++"))):
        raise EngineError("⟦compiled⟧ needs a C++ compiler.", hint="Type: sudo apt install g++")
    if device.type == "cuda" and find_spec("triton") is None:
        raise EngineError("⟦compiled⟧ needs the package 'triton'.", hint="Leave out ⟦compiled⟧.")
    for layer in layers:
        layer.compile(dynamic=True)


class _Int8Linear(nn.Module):
    """A quantised linear layer."""

    weight = None
    """transformers asks for its type, and leaves alone what is no tensor."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, states: Tensor) -> Tensor:
        out: Tensor = self.inner(states)
        return out


def quantise(module: nn.Module) -> None:
    """Quantise every linear layer below a module, one after the other."""
    try:
        from torch.ao.quantization import quantize_dynamic
    except ImportError as error:
        raise EngineError(
            f"int8 needs a part of torch that {torch.__version__} has no more.",
            hint="Take ⟦dtype⟧ fp32 or bf16.",
        ) from error
    for name, child in list(module.named_children()):
        if type(child) is not nn.Linear:
            quantise(child)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quantised = quantize_dynamic(nn.Sequential(child), {nn.Linear}, dtype=torch.qint8)
        setattr(module, name, _Int8Linear(quantised[0]))

"""Published checkpoints into a model directory of ours: `.safetensors` and a `config.json`."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from audio_io.whole_file import WholeFile
from engine.errors import EngineError
from engine.seamless.checkpoint import PARTS, Tensors, part_tensors, tied_names
from engine.seamless.config import read_config
from engine.seamless.loading import check_fit
from engine.seamless.published import FILES, published_record

ALIGNMENT_BYTES = 64
_NAMES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.int32: "I32",
}
"""What the file format calls each type."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a tensor stands in a file."""

    name: str
    tensor: Tensor
    end_bytes: int


def convert(source: Path, target: Path, progress: Callable[[str, int, int], None]) -> None:
    """Write the model of the directory `source` into the directory `target`, which exists.

    `source` holds checkpoints and a `config.json` that names them, or the published files under
    their published names. Tensors go one by one from file to file. `progress` hears a file's name,
    bytes written and bytes in all. Raises `EngineError` when they are no model, or not whole.
    """
    record = _record(source)
    if not (source / "config.json").is_file():
        # Read as if it had been there, beside links to the files.
        (target / "config.json").write_text(json.dumps(record), encoding="utf-8")
        config = read_config(target)
    else:
        config = read_config(source)
    files = {part: f"{part}.safetensors" for part in PARTS}
    files |= {"text_tokenizer": "text.model", "char_tokenizer": "char.model"}
    tensors = {part: part_tensors(source, config, part) for part in PARTS}
    check_fit(source, config, tensors)
    for part in PARTS:
        for name in tied_names(part, tensors[part]):
            del tensors[part][name]
        _write(target / files[part], tensors[part], progress)
        tensors[part].clear()  # lets go of the file
    for part in ("text_tokenizer", "char_tokenizer"):
        shutil.copyfile(source / config.files[part], target / files[part])
    with WholeFile(target / "config.json") as file:
        json.dump(record | {"files": files}, file.open_text(), indent=1)


def _record(source: Path) -> dict[str, Any]:
    """`config.json` of what is to be converted."""
    path = source / "config.json"
    if path.is_file():
        read_config(source)  # says what is wrong with it
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return record
    missing = [name for name in FILES.values() if not (source / name).is_file()]
    if missing:
        what = "nothing of a model" if len(missing) == len(FILES) else f"no '{missing[0]}'"
        raise EngineError(
            f"'{source}' has {what} in it.",
            hint=f"It needs a config.json, or the published files {', '.join(FILES.values())}.",
        )
    return published_record()


def _write(path: Path, tensors: Tensors, progress: Callable[[str, int, int], None]) -> None:
    """A `.safetensors` file: length of the header, header, tensors. The library's own writer would
    hold all of them in memory."""
    # Wide types come first, so that every tensor lies where its type wants it.
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    slots: list[_Slot] = []
    end_bytes = 0
    for name in names:
        tensor = tensors[name]
        start_bytes, end_bytes = end_bytes, end_bytes + tensor.nbytes
        if tensor.dtype not in _NAMES:
            raise EngineError(f"Tensor '{name}' is of {tensor.dtype}, which is not converted.")
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start_bytes, end_bytes],
        }
        slots.append(_Slot(name, tensor, end_bytes))
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-(len(head) + 8) % ALIGNMENT_BYTES)
    with WholeFile(path) as file:
        handle = file.open_binary()
        handle.write(len(head).to_bytes(8, "little") + head)
        for slot in slots:
            _write_tensor(handle, slot.tensor)
            progress(path.name, slot.end_bytes, end_bytes)


def _write_tensor(handle: BinaryIO, tensor: Tensor) -> None:
    if sys.byteorder != "little":
        raise EngineError("Models are converted on little-endian machines only.")
    # Bytes, so that types that numpy does not know go through too.
    numbers = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
    handle.write(numbers.data)

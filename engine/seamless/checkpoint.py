"""Tensors of a model directory, under the names the modules here have.

Reads converted files (`.safetensors`) and published checkpoints (`.pt`), these in fairseq2's
naming and in the older one of fairseq. Files are mapped into memory, not copied.
"""

import pickle
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from torch import Tensor

from engine.errors import EngineError
from engine.layers.code_hifigan import fold_weight_norm
from engine.seamless import old_names
from engine.seamless.config import ModelConfig

Tensors = dict[str, Tensor]
PARTS = ("unity", "monotonic_decoder", "vocoder")
DATA_SYMBOLS = 3
"""Symbols after those of the languages, which say where a training sentence came from."""
_NEEDED = {
    "unity": ("speech_encoder_frontend.", "speech_encoder.", "t2u_model."),
    "monotonic_decoder": ("text_decoder_frontend.", "text_decoder.", "final_proj."),
    "vocoder": ("",),
}
_UNNEEDED = re.compile(
    # The whole UnitY also reads and writes text, which the monotonic decoder does here.
    r"(text_encoder|text_decoder|final_proj|target_letter_decoder|decoder_target_letter_decoder"
    r"|encoder\.w2v_encoder\.w2v_model\.mask_emb|decoder\.alignment_encoder\."
    r"|decoder\.char_upsampler\.embed_tokens_char\.)"
    # What fairseq counts among the weights.
    r"|.*\.version$|.*embed_positions\._float_tensor$"
    # Units come with their durations.
    r"|dur_predictor\."
)
_TIED = {
    "unity": ("t2u_model.final_proj.weight", "t2u_model.decoder_frontend.embed.weight"),
    "monotonic_decoder": ("final_proj.weight", "text_decoder_frontend.embed.weight"),
}
"""Two names of one table; old and converted files hold it once, or twice the same."""
_CONFIGURATION = {"argparse", "omegaconf", "fairseq", "typing", "builtins.dict", "builtins.int"}
"""Where the objects come from that fairseq leaves in its checkpoints beside the weights."""


def load_tensors(folder: Path, config: ModelConfig) -> dict[str, Tensors]:
    """All tensors by part (`PARTS`) and name. Raises `EngineError` for a file that is missing,
    damaged, no checkpoint, or would run code."""
    return {part: part_tensors(folder, config, part) for part in PARTS}


def part_tensors(folder: Path, config: ModelConfig, part: str) -> Tensors:
    """The tensors of one of `PARTS`."""
    path = folder / config.files[part]
    if path.suffix == ".safetensors":
        tensors = _read_safetensors(path)
    else:
        tensors = _todays(_read_checkpoint(path), folder, config, part)
    if part in _TIED:
        kept, tied = _TIED[part]
        if kept in tensors:
            tensors.setdefault(tied, tensors[kept])
    return tensors


def tied_names(part: str, tensors: Tensors) -> list[str]:
    """Names that need not be written, because the same table is there under another."""
    if part not in _TIED:
        return []
    kept, tied = _TIED[part]
    same = kept in tensors and tied in tensors and torch.equal(tensors[kept], tensors[tied])
    return [tied] if same else []


def vocabulary(folder: Path, config: ModelConfig) -> int:
    """Symbols of the text: padding, pieces, languages, data."""
    pieces = _pieces(folder / config.files["text_tokenizer"])
    return 1 + len(pieces) + len(config.text_languages) + DATA_SYMBOLS


def _todays(tensors: Tensors, folder: Path, config: ModelConfig, part: str) -> Tensors:
    """A published checkpoint as the modules want it."""
    if part == "vocoder":
        plain = {name.removeprefix("code_generator."): tensors[name] for name in tensors}
        used = {name: plain[name].float() for name in plain if not _UNNEEDED.match(name)}
        return fold_weight_norm(used)
    regions = old_names.UNITY if part == "unity" else old_names.MONOTONIC_DECODER
    is_old = not any(name.startswith(_NEEDED[part][:2]) for name in tensors)
    if is_old:
        tensors = {old_names.todays_name(name, regions): tensors[name] for name in tensors}
    found = {
        name: tensor
        for name, tensor in tensors.items()
        if name.startswith(_NEEDED[part]) or not _UNNEEDED.match(name)
    }
    if is_old:
        _reorder(found, folder, config, part)
    return found


def _reorder(tensors: Tensors, folder: Path, config: ModelConfig, part: str) -> None:
    """Give the rows of old tables their places of today. Tables mapped from a file are changed in
    memory alone, and only there where a row moves."""
    kept, tied = _TIED[part]
    if kept in tensors:
        tensors[tied] = tensors[kept]
    if part == "unity":
        table = tensors.get("t2u_model.decoder_frontend.embed_char.weight")
        if table is not None:
            order = old_names.character_order(_pieces(folder / config.files["char_tokenizer"]))
            if len(order) <= len(table):  # else the sizes are refused later
                table[: len(order)] = table[order]
    elif kept in tensors:
        table = tensors[kept]
        if len(table) == vocabulary(folder, config) + 1:
            table = table[:-1]  # fairseq counted one symbol too many
        if len(table) >= len(old_names.CONTROL_ORDER):
            table[: len(old_names.CONTROL_ORDER)] = table[list(old_names.CONTROL_ORDER)]
        tensors[kept] = tensors[tied] = table


def _pieces(path: Path) -> list[str]:
    try:
        model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        what = " ".join(str(error).split())[:120]
        raise EngineError(f"The tokenizer '{path}' cannot be read ({what}).") from error
    return [str(model.id_to_piece(index)) for index in range(model.get_piece_size())]


def _read_safetensors(path: Path) -> Tensors:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    _refuse_missing(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        what = " ".join(str(error).split())[:120]
        raise _damaged(path, what) from error


def _read_checkpoint(path: Path) -> Tensors:
    _refuse_missing(path)
    try:
        record = _unpickled(path)
    except pickle.UnpicklingError as error:
        culprit = re.search(r"(?:GLOBAL|Unsupported class) ([\w.]+)", str(error))
        if culprit or "Trying to" in str(error):
            raise _runs_code(path, culprit[1] if culprit else "") from error
        raise _damaged(path, "no checkpoint of PyTorch") from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, AttributeError) as error:
        what = " ".join(str(error).split("\n")[0].split())[:120] or type(error).__name__
        raise _damaged(path, what) from error
    tensors = None
    if isinstance(record, dict):
        tensors = record.get("model", record.get("generator"))
    if not isinstance(tensors, dict) or not tensors:
        raise _damaged(path, "no `model` in it")
    found = {str(name): value for name, value in tensors.items() if isinstance(value, Tensor)}
    if not found:
        raise _damaged(path, "no tensors in it")
    return found


def _unpickled(path: Path) -> Any:
    """What a checkpoint holds, without running any of its code. Objects of fairseq's configuration
    become empty ones."""
    from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

    try:
        foreign = get_unsafe_globals_in_checkpoint(path)
    except ValueError:
        foreign = []  # no zip archive: an old checkpoint, or none at all
    refused = [name for name in foreign if not _is_configuration(name)]
    if refused:
        raise _runs_code(path, refused[0])
    empty: list[Any] = [(_empty_class(name), name) for name in foreign]
    with safe_globals(empty), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError as error:
            if "mmap can only be used" not in str(error):
                raise
            return torch.load(path, map_location="cpu", weights_only=True)


def _is_configuration(name: str) -> bool:
    return name in _CONFIGURATION or name.partition(".")[0] in _CONFIGURATION


def _empty_class(name: str) -> type:
    """A class that takes anything and does nothing."""
    return type(name.rpartition(".")[2], (_Empty,), {})


class _Empty:
    def __new__(cls, *_: object, **__: object) -> "_Empty":
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


def _refuse_missing(path: Path) -> None:
    if not path.is_file():
        raise EngineError(
            f"The model's file '{path}' is missing.", hint="`s2st models verify` says what else."
        )


def _damaged(path: Path, what: str) -> EngineError:
    return EngineError(
        f"'{path}' is damaged or no checkpoint ({what.rstrip('.')}).",
        hint="`s2st models verify` checks a model; `s2st models pull` fetches it again.",
    )


def _runs_code(path: Path, name: str) -> EngineError:
    what = f" ({name})" if name else ""
    return EngineError(
        f"'{path}' is refused: loading it would run code{what}.",
        hint="A model's checkpoint holds nothing but numbers; take it from its publisher.",
    )


def first_and_more(names: Iterable[str]) -> str:
    """The first of several names, and how many follow."""
    every = list(names)
    more = f" and {len(every) - 1} more" if len(every) > 1 else ""
    return f"'{every[0]}'{more}"

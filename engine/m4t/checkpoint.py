"""What the files of a SeamlessM4T v2 hold, looked at before anything is loaded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from engine.errors import EngineError
from engine.m4t.words import Pieces

MODEL_TYPE = "seamless_m4t_v2"
SETTINGS = "config.json"
GENERATION = "generation_config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TABLES = (
    "text_decoder_lang_to_code_id",
    "vocoder_lang_code_to_id",
    "id_to_text",
    "char_to_id",
)
"""What `generation_config.json` must say."""


def read_config(folder: Path) -> Mapping[str, Any]:
    """`config.json`. Raises `EngineError` where it is missing or of another model."""
    config = _read_json(folder, SETTINGS)
    kind = config.get("model_type")
    if kind != MODEL_TYPE:
        raise EngineError(
            f"'{folder}' is no SeamlessM4T v2: its config.json says model_type {kind}, not "
            f"{MODEL_TYPE}.",
            hint="Type: s2st models pull seamless-m4t-v2-large",
        )
    return config


def read_generation_config(folder: Path) -> Mapping[str, Any]:
    """`generation_config.json`, which names languages, pieces and letters."""
    config = _read_json(folder, GENERATION)
    lacking = [
        name for name in TABLES if not isinstance(config.get(name), dict) or not config[name]
    ]
    if lacking:
        raise EngineError(
            f"'{folder / GENERATION}' does not say '{lacking[0]}'.",
            hint="It must be the one that was published with the model.",
        )
    return config


def read_pieces(generation: Mapping[str, Any]) -> Pieces:
    """The text of every token and the number of every letter."""
    return Pieces(
        texts={int(token): str(text) for token, text in generation["id_to_text"].items()},
        letters={str(letter): int(number) for letter, number in generation["char_to_id"].items()},
        first_language=min(map(int, generation["text_decoder_lang_to_code_id"].values())),
    )


def read_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor in the files of weights. Reads their heads only."""
    shapes: dict[str, tuple[int, ...]] = {}
    for path in weight_files(folder):
        try:
            with safe_open(path, "pt") as opened:
                for name in opened.keys():  # noqa: SIM118  # no mapping, only looks like one
                    shapes[name] = tuple(opened.get_slice(name).get_shape())
        except (SafetensorError, OSError) as error:
            what = " ".join(str(error).split())[:120]
            raise EngineError(
                f"'{path}' cannot be read ({what}).", hint="It may not be whole; fetch it again."
            ) from error
    return shapes


def weight_files(folder: Path) -> list[Path]:
    """The files of weights, those that transformers takes: one for all, or those of the list.
    Raises `EngineError` where one is missing."""
    named = {WEIGHTS}
    if not (folder / WEIGHTS).exists() and (folder / INDEX).exists():
        parts = _read_json(folder, INDEX).get("weight_map")
        named = set(map(str, parts.values())) if isinstance(parts, dict) else set()
    paths = [folder / name for name in sorted(named)]
    missing = [path for path in paths if path.parent != folder or not path.is_file()]
    if missing or not named:
        what = missing[0].name if missing else "a list of its weights"
        raise EngineError(
            f"'{folder}' lacks {what}.", hint="Only weights as safetensors are loaded."
        )
    return paths


def check_shapes(
    folder: Path,
    wanted: Mapping[str, tuple[int, ...]],
    seen: Mapping[str, tuple[int, ...]],
    tied: Mapping[str, str],
) -> None:
    """Raise `EngineError` where a tensor is missing or of another shape. `tied` names the tensors
    that are one with another: either name will do."""
    of_group: dict[str, tuple[int, ...]] = {}
    for name, shape in seen.items():
        of_group.setdefault(tied.get(name, name), shape)
    missing = [name for name in wanted if tied.get(name, name) not in of_group]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise EngineError(
            f"The weights in '{folder}' lack the tensor '{missing[0]}'{more}.",
            hint="Its config.json is of another model, or a file is missing.",
        )
    for name, shape in wanted.items():
        other = seen.get(name, of_group[tied.get(name, name)])
        if other != shape:
            raise EngineError(
                f"The weights in '{folder}': tensor '{name}' is of shape {other}, config.json "
                f"wants {shape}.",
                hint="Its config.json is of another model.",
            )


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EngineError(
            f"'{folder}' is no model directory ({name}: {error.strerror})."
        ) from error
    except ValueError as error:
        raise EngineError(f"'{path}' is no JSON ({error}).") from error
    if not isinstance(record, dict):
        raise EngineError(f"'{path}' does not say what it should.")
    return record

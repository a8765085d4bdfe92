"""Model directories as published, in shards, and all the ways in which one can be wrong."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from transformers import SeamlessM4TTokenizer

from audio_io.chunk import Samples
from engine.agent import StreamRequest, Task
from engine.errors import EngineError
from engine.m4t.agent import M4tAgent
from engine.m4t.checkpoint import INDEX, WEIGHTS
from engine.m4t.config import COMPLETE, MODES, M4tPolicy
from engine.m4t.loading import M4tModel, load_model
from tests import agent_checks
from tests.fakes import DATA, chunks

TINY = DATA / "m4t"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("config.json", "generation_config.json", WEIGHTS):
        shutil.copy(TINY / name, tmp_path)
    return tmp_path


def change(path: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    record = json.loads(path.read_text())
    edit(record)
    path.write_text(json.dumps(record))


def change_weights(folder: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    tensors = load_file(folder / WEIGHTS)
    edit(tensors)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def list_weights(folder: Path, where: object) -> None:
    """A list of weights instead of one file for all."""
    (folder / WEIGHTS).rename(folder.parent / WEIGHTS)
    (folder / INDEX).write_text(json.dumps({"weight_map": where}))


def cut_in_half(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: (f / "config.json").unlink(), "is no model directory (config.json: No such"),
        (lambda f: (f / "config.json").write_text("{"), "is no JSON"),
        (lambda f: (f / "config.json").write_text("[]"), "does not say what it should"),
        (
            lambda f: change(f / "config.json", lambda c: c.update(model_type="seamless_m4t")),
            "no SeamlessM4T v2: its config.json says model_type seamless_m4t, not seamless_m4t_v2",
        ),
        (
            lambda f: change(f / "config.json", lambda c: c.update(hidden_size="many")),
            "config.json' does not say what it should",
        ),
        (lambda f: (f / "generation_config.json").unlink(), "generation_config.json: No such"),
        (
            lambda f: change(f / "generation_config.json", lambda c: c.pop("id_to_text")),
            "generation_config.json' does not say 'id_to_text'",
        ),
        (lambda f: (f / WEIGHTS).unlink(), "lacks model.safetensors"),
        (cut_in_half, "model.safetensors' cannot be read"),
        (lambda f: (f / WEIGHTS).write_bytes(b""), "model.safetensors' cannot be read"),
        (
            lambda f: change_weights(f, lambda t: t.pop("speech_encoder.inner_layer_norm.bias")),
            "lack the tensor 'speech_encoder.inner_layer_norm.bias'",
        ),
        (
            lambda f: change_weights(f, lambda t: t.update({"shared.weight": np.zeros((3, 32))})),
            "tensor 'shared.weight' is of shape (3, 32), config.json wants (207, 32)",
        ),
        (
            lambda f: list_weights(f, {"a": "gone.safetensors"}),
            "lacks gone.safetensors",
        ),
        (
            lambda f: list_weights(f, {"a": "../model.safetensors"}),
            "lacks model.safetensors",
        ),
        (lambda f: list_weights(f, ["a"]), "lacks a list of its weights"),
        (
            lambda f: change(
                f / "generation_config.json", lambda c: c.update(text_decoder_lang_to_code_id={})
            ),
            "does not say 'text_decoder_lang_to_code_id'",
        ),
    ],
)
def test_what_is_wrong_with_a_model_directory_is_one_line(
    spoil: Callable[[Path], Any], says: str, folder: Path
) -> None:
    spoil(folder)
    with pytest.raises(EngineError) as raised:
        load_model(folder, device="cpu")
    assert says in str(raised.value) and "\n" not in str(raised.value)


def test_pickled_weights_are_not_looked_at(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")
    with pytest.raises(EngineError, match=r"lacks model\.safetensors"):
        load_model(folder, device="cpu")


def test_weights_in_shards_are_the_same(folder: Path, model: M4tModel, sound: Samples) -> None:
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[:100]}
    parts["model-00002-of-00002.safetensors"] = names[100:]
    for part, held in parts.items():
        save_file({name: tensors[name] for name in held}, folder / part, {"format": "pt"})
    where = {name: part for part, held in parts.items() for name in held}
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": where}))
    sharded = load_model(folder, device="cpu")
    assert text_of(sharded, sound) == text_of(model, sound)


@pytest.mark.parametrize("dtype", ["int8", "bf16"])
def test_other_numbers_write_something(dtype: str, sound: Samples) -> None:
    model = load_model(TINY, device="cpu", dtype=dtype)
    for mode in MODES:
        assert text_of(model, sound, mode), mode


def text_of(model: M4tModel, sound: Samples, mode: str = COMPLETE) -> str:
    policy = M4tPolicy(mode=mode, beams=1, max_length=20)
    request = StreamRequest("eng", ("spa",), task=Task.S2TT, policy=policy)
    return str(agent_checks.run(M4tAgent(model), chunks(sound[:48_000]), request)[0].text)


def test_too_little_memory_is_said_before_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.models.placement.free_memory_bytes", lambda device: 1000)
    with pytest.raises(EngineError, match="GB are free"):
        load_model(TINY, device="cpu")


def test_words_are_what_the_published_tokenizer_says(model: M4tModel) -> None:
    tokenizer = SeamlessM4TTokenizer.from_pretrained(TINY)
    tokens = np.random.default_rng(0).integers(4, 200, 200).tolist()
    words = model.pieces.words(tokens, [0.5] * len(tokens), "spa")
    assert " ".join(word.text for word in words).split() == tokenizer.decode(tokens).split()
    assert all(word.confidence == 0.5 for word in words)
    spelled = [model.pieces.texts[t] for w in words for t in tokens[w.place : w.place + w.count]]
    assert "".join(spelled).replace("▁", "") == "".join(word.text for word in words)

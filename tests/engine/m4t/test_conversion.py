"""Weights that are taken as they were published: pulled from a hub, or from a folder."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import EngineError
from engine.m4t import spec as m4t
from engine.m4t.loading import load_model
from engine.models import store
from engine.models.downloads import Patience
from engine.models.store import Progress, PullPlan
from engine.registry import LoadOptions, ModelFile
from tests.engine.m4t.conftest import TINY
from tests.engine.m4t.test_spec import REQUEST
from tests.hub_server import HubServer, hub_server

FILES = ("config.json", "generation_config.json", "model.safetensors")


def offer(hub: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tuple(ModelFile(name, repository="somebody/tiny") for name in FILES)
    models = (replace(m4t.MODEL, licence="none: numbers at random", files=files),)
    monkeypatch.setattr(m4t, "SPEC", replace(m4t.SPEC, models=models))
    monkeypatch.setenv("S2ST_MODELS", str(folder))
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def pull(plans: list[PullPlan]) -> Path:
    patience = Patience(timeout_s=5.0, attempts=3, first_pause_s=0.001)
    return store.pull(
        m4t.MODEL.name, progress=lambda _: None, confirm=plans.append, patience=patience
    )


def test_a_pulled_model_takes_its_room_once_and_works_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[PullPlan] = []
    with hub_server(TINY, FILES) as hub:
        offer(hub, tmp_path / "models", monkeypatch)
        assert [lacking.remedy for lacking in m4t.SPEC.missing(REQUEST, LoadOptions())]
        hub.cut_after["model.safetensors"] = [300_000]
        there = pull(plans)
    assert plans[0].disk_bytes == plans[0].download_bytes
    assert sorted(path.name for path in there.iterdir()) == sorted([*FILES, "manifest.json"])
    assert (there / "model.safetensors").read_bytes() == (TINY / "model.safetensors").read_bytes()
    assert (there / "model.safetensors").stat().st_nlink == 1
    assert sorted(store.verify(m4t.MODEL.name, progress=lambda _: None)) == sorted(FILES)
    assert not m4t.SPEC.missing(REQUEST, LoadOptions())
    assert load_model(there, device="cpu").languages["spa"]


def test_what_is_no_such_model_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = json.loads((TINY / "config.json").read_text())
    for name in FILES:
        shutil.copy(TINY / name, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "seamless_m4t"}))
    with hub_server(tmp_path, FILES) as hub:
        offer(hub, tmp_path / "models", monkeypatch)
        with pytest.raises(EngineError, match="model_type seamless_m4t, not seamless_m4t_v2"):
            pull([])
    assert store.installed() == []


def test_a_folder_of_the_hub_is_taken_as_it_is(tmp_path: Path) -> None:
    steps: list[Progress] = []
    made = store.convert(TINY, tmp_path / "made", progress=steps.append)
    assert {step.file for step in steps} == set(FILES)
    assert load_model(made, device="cpu").voices["spa"] >= 0


def test_a_snapshot_of_the_hubs_cache_is_taken_with_what_its_links_name(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "main"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for name in FILES:
        shutil.copy(TINY / name, blobs / f"blob-of-{name}")
        (snapshot / name).symlink_to(Path("../../blobs") / f"blob-of-{name}")
    made = store.convert(snapshot, tmp_path / "made", progress=lambda _: None)
    assert not any(path.is_symlink() for path in made.iterdir())
    assert load_model(made, device="cpu").languages


def test_weights_in_several_files_come_with_their_list(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    source = tmp_path / "source"
    source.mkdir()
    for name in FILES[:2]:
        shutil.copy(TINY / name, source)
    tensors = load_file(TINY / "model.safetensors")
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[::2], "b.safetensors": names[1::2]}
    for part, held in parts.items():
        save_file({name: tensors[name] for name in held}, source / part, {"format": "pt"})
    record = {
        "metadata": {},
        "weight_map": {name: part for part, held in parts.items() for name in held},
    }
    (source / "model.safetensors.index.json").write_text(json.dumps(record))

    made = store.convert(source, tmp_path / "made", progress=lambda _: None)

    assert {path.name for path in made.iterdir()} >= {*parts, "model.safetensors.index.json"}
    assert load_model(made, device="cpu").languages
    (source / "b.safetensors").unlink()
    with pytest.raises(EngineError, match=r"lacks b\.safetensors"):
        store.convert(source, tmp_path / "other", progress=lambda _: None)

import gc
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from audio_io.errors import S2stError, UsageError
from engine.errors import EngineError
from engine.models import downloads, store
from engine.models.downloads import Patience
from engine.models.store import Progress, PullPlan
from engine.registry import models
from engine.seamless import spec as seamless
from engine.seamless.config import read_config
from engine.seamless.loading import load_model, load_tensors
from tests.cli.running import small_disk
from tests.hub_server import (
    COMMIT,
    NAME,
    ON_HUB,
    PLAIN,
    TINY,
    HubServer,
    hub_server,
    offer_tiny,
)

HASTE = Patience(timeout_s=5.0, attempts=3, first_pause_s=0.001)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with hub_server() as server:
        offer_tiny(server, folder, monkeypatch)
        yield server


def unheard(_: Progress) -> None:
    pass


def agree(_: PullPlan) -> None:
    pass


def pull() -> Path:
    return store.pull(NAME, progress=unheard, confirm=agree, patience=HASTE)


def refusal() -> str:
    """What a failing pull says: one line, with what to do; nothing counts as whole after it."""
    with pytest.raises(EngineError) as caught:
        pull()
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert store.installed() == []
    with pytest.raises(EngineError, match="is not here"):
        store.path(NAME)
    return str(caught.value)


def test_a_pulled_model_is_converted_whole_and_works_offline(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[PullPlan] = []
    steps: list[Progress] = []
    with hub_server() as hub:
        offer_tiny(hub, folder, monkeypatch)
        there = store.pull(NAME, progress=steps.append, confirm=plans.append, patience=HASTE)
    assert there == store.path(NAME) == folder / NAME
    size_bytes = sum(len(content) for content in hub.files.values())
    assert [plan.download_bytes for plan in plans] == [size_bytes]
    fetched = {step.file: step.done_bytes for step in steps if step.doing == "fetching"}
    assert fetched == {name: len(content) for name, content in hub.files.items()}
    assert {step.file for step in steps if step.doing == "converting"} == {
        "unity.safetensors",
        "monotonic_decoder.safetensors",
        "vocoder.safetensors",
    }
    # The server is gone.
    assert len(store.verify(NAME, progress=unheard)) == 6
    assert load_model(there, device="cpu").config.name == NAME
    assert pull() == there
    assert [model.name for model in store.installed()] == [NAME]
    assert sorted(path.name for path in folder.rglob("*.pt")) == []


def test_the_manifest_says_where_each_file_came_from_and_who_vouches_for_it(
    hub: HubServer,
) -> None:
    manifest = json.loads((pull() / "manifest.json").read_text())
    sources = {source["name"]: source for source in manifest["sources"]}
    assert set(sources) == {*ON_HUB, PLAIN}
    for name, source in sources.items():
        assert source["sha256"] == hashlib.sha256((TINY / name).read_bytes()).hexdigest()
        assert source["sha256_from"] == ("this pull" if name == PLAIN else "its publisher")
    assert f"/resolve/{COMMIT}/unity.pt" in sources["unity.pt"]["url"]
    assert manifest["licence"] == "none: numbers at random"


def test_conversion_keeps_every_number(hub: HubServer) -> None:
    there = pull()
    published = load_tensors(TINY, read_config(TINY))
    converted = load_tensors(there, read_config(there))
    for part, tensors in published.items():
        assert set(tensors) == set(converted[part])
        for name, tensor in tensors.items():
            assert torch.equal(tensor, converted[part][name]), name


def test_a_broken_connection_goes_on_where_it_stopped(hub: HubServer) -> None:
    hub.cut_after["unity.pt"] = [1_000_000, 1_500_000]
    hub.cut_after[PLAIN] = [500_000]
    pull()
    gets = {
        name: [asked[2] for asked in hub.asked if asked[:2] == ("GET", name)] for name in ON_HUB
    }
    assert gets["unity.pt"] == ["", "bytes=1000000-", "bytes=2500000-"]
    assert ("GET", PLAIN, "bytes=500000-") in hub.asked


def test_a_pull_that_was_given_up_goes_on_where_it_stopped(hub: HubServer) -> None:
    hub.cut_after["unity.pt"] = [1_000_000, 0, 0, 0]
    assert "'unity.pt' could not be fetched" in refusal()
    hub.cut_after.clear()
    hub.asked.clear()
    pull()
    assert ("GET", "unity.pt", "bytes=1000000-") in hub.asked
    assert not any(asked[:2] == ("GET", "config.json") for asked in hub.asked)


def test_a_server_that_ignores_ranges_sends_the_file_anew(hub: HubServer) -> None:
    hub.ignore_ranges = True
    hub.cut_after["unity.pt"] = [1_000_000]
    assert store.verify(pull().name, progress=unheard)


def test_what_was_begun_of_another_version_is_thrown_away(hub: HubServer, folder: Path) -> None:
    begun = folder / ".downloads" / NAME
    begun.mkdir(parents=True)
    (begun / "unity.pt.part").write_bytes(b"x" * 1000)
    (begun / "unity.pt.from").write_text("another version")
    pull()
    assert ("GET", "unity.pt", "") in hub.asked


def test_a_wrong_checksum_is_refused_and_thrown_away(hub: HubServer, folder: Path) -> None:
    content = bytearray(hub.files["monotonic_decoder.pt"])
    content[70_000] ^= 1
    hub.files["monotonic_decoder.pt"] = bytes(content)
    assert "'monotonic_decoder.pt' came with a wrong checksum" in refusal()
    assert not list(folder.rglob("monotonic_decoder.pt*part"))
    hub.files["monotonic_decoder.pt"] = (TINY / "monotonic_decoder.pt").read_bytes()
    pull()


def test_a_checksum_that_the_engine_names_counts_for_a_plain_address(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = models()[NAME]
    plain = replace(spec.files[-1], sha256="0" * 64)
    changed = replace(spec, files=(*spec.files[:-1], plain))
    monkeypatch.setattr(seamless, "SPEC", replace(seamless.SPEC, models=(changed,)))
    assert f"'{PLAIN}' came with a wrong checksum" in refusal()


@pytest.mark.parametrize("name", ["unity.pt", PLAIN])
@pytest.mark.parametrize(
    ("code", "words"),
    [(404, "has no"), (403, "does not give out"), (401, "does not give out"), (500, "could not")],
)
def test_a_refusal_names_the_file_and_what_to_do(
    hub: HubServer, name: str, code: int, words: str
) -> None:
    hub.refuse[name] = code
    said = refusal()
    assert f"'{name}'" in said
    assert words in said


def test_no_network_is_said_in_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_server() as hub:
        offer_tiny(hub, folder, monkeypatch)
    said = refusal()
    assert "'config.json' could not be fetched" in said
    assert "HF_ENDPOINT" in said


def test_the_token_is_shown_to_the_hub_alone(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    pull()
    shown = {asked[1]: token for asked, token in zip(hub.asked, hub.tokens, strict=True)}
    assert shown["unity.pt"] == "Bearer hf_secret"
    assert shown[PLAIN] == ""


def test_too_little_room_is_said_before_anything_is_fetched(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "free_disk_bytes", lambda _: 1_000_000)
    assert "has too little room: 12 MB are needed, 1.0 MB are free" in refusal()
    assert not any(asked[0] == "GET" for asked in hub.asked)


def test_a_disk_that_fills_up_leaves_nothing_that_counts(
    hub: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "free_disk_bytes", lambda _: 10**9)
    for room in ("size=2m", "size=9m"):  # full while fetching, full while converting
        try:
            with small_disk(folder, room):
                assert "the disk is full" in refusal()
                gc.collect()  # the error holds on to files that were mapped
        except PermissionError as error:
            pytest.skip(str(error))


def test_nothing_is_fetched_by_two_at_once(hub: HubServer, folder: Path) -> None:
    with downloads.only_one(folder / ".downloads" / NAME):
        assert "Another s2st is working" in refusal()


def test_who_does_not_agree_gets_nothing(hub: HubServer) -> None:
    def refuse(_: PullPlan) -> None:
        raise UsageError("no")

    with pytest.raises(UsageError):
        store.pull(NAME, progress=unheard, confirm=refuse, patience=HASTE)
    assert not any(asked[0] == "GET" for asked in hub.asked)


def test_verify_finds_a_flipped_byte_and_a_missing_file(hub: HubServer) -> None:
    there = pull()
    damaged = there / "unity.safetensors"
    content = bytearray(damaged.read_bytes())
    content[-5] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(EngineError, match=r"'unity.safetensors' has changed \(its checksum"):
        store.verify(NAME, progress=unheard)
    (there / "char.model").unlink()
    with pytest.raises(EngineError, match=r"'char.model' is missing, and 1 more"):
        store.verify(NAME, progress=unheard)


def test_convert_makes_a_new_folder_or_nothing(tmp_path: Path) -> None:
    out = tmp_path / "converted"
    store.convert(TINY, out, progress=unheard)
    assert read_config(out).files["unity"] == "unity.safetensors"
    with pytest.raises(UsageError, match="exists already"):
        store.convert(TINY, out, progress=unheard)
    source = tmp_path / "source"
    source.mkdir()
    with pytest.raises(EngineError, match="has nothing of a model in it"):
        store.convert(source, tmp_path / "other", progress=unheard)
    for name in ON_HUB:
        (source / name).symlink_to(TINY / name)
    (source / PLAIN).write_bytes((TINY / PLAIN).read_bytes()[:100_000])
    with pytest.raises(EngineError, match=r"vocoder.pt' is damaged or no checkpoint"):
        store.convert(source, tmp_path / "other", progress=unheard)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["converted", "source"]


def test_remove_deletes_the_model_and_nothing_else(hub: HubServer, folder: Path) -> None:
    beside = folder / "notes"
    beside.mkdir(parents=True)
    there = pull()
    assert store.remove(NAME) == there
    assert [path.name for path in folder.iterdir() if path.name != ".downloads"] == ["notes"]
    with pytest.raises(UsageError, match="No model is called 'notes'"):
        store.remove("notes")
    assert beside.is_dir()


def test_remove_deletes_what_was_fetched_of_a_model(hub: HubServer, folder: Path) -> None:
    hub.cut_after["unity.pt"] = [1000, 0, 0, 0]
    refusal()
    assert list(folder.rglob("unity.pt.part"))
    store.remove(NAME)
    assert not list(folder.rglob("*.part"))


def test_remove_follows_no_link(hub: HubServer, folder: Path, tmp_path: Path) -> None:
    there = pull()
    elsewhere = tmp_path / "elsewhere"
    there.rename(elsewhere)
    (folder / NAME).symlink_to(elsewhere)
    with pytest.raises(EngineError, match="is not here"):
        store.remove(NAME)
    assert (elsewhere / "unity.safetensors").is_file()


@pytest.mark.parametrize("name", ["..", "../x", "/etc", "", ".downloads", "a/b", "A", "a\n"])
def test_a_name_is_no_path(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2ST_MODELS", str(folder))
    for act in (store.path, store.remove):
        with pytest.raises(UsageError, match="is no name of a model"):
            act(name)


def test_unknown_names_list_the_known_ones(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2ST_MODELS", str(folder))
    with pytest.raises(UsageError, match="There is: seamless-m4t-v2-large, seamless-streaming"):
        store.path("what")
    with pytest.raises(UsageError, match="There is: seamless-streaming, seamless-m4t-v2-large"):
        store.pull("what", progress=unheard, confirm=agree)


def test_a_folder_of_somebody_else_is_not_overwritten(hub: HubServer, folder: Path) -> None:
    (folder / NAME).mkdir(parents=True)
    with pytest.raises(S2stError, match="exists already"):
        pull()


def test_what_a_killed_process_left_is_removed(hub: HubServer, folder: Path) -> None:
    for pid in (4_194_304, os.getpid()):  # no process; a living one
        (folder / f".{NAME}.{pid}.part").mkdir(parents=True)
    with pytest.raises(EngineError):  # our own is in the way: it cannot be there twice
        pull()
    assert not (folder / f".{NAME}.4194304.part").exists()

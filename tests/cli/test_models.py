import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import inside
from tests.hub_server import NAME, TINY, HubServer, hub_server, offer_tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with hub_server() as server:
        offer_tiny(server, folder, monkeypatch)
        yield server


def test_pull_shows_licence_size_and_folder_and_the_model_is_listed(
    hub: HubServer, folder: Path
) -> None:
    ran = inside("models", "pull", NAME, "--yes")
    assert (ran.code, ran.out) == (0, "")
    assert "Licence: none: numbers at random" in ran.err
    assert "To fetch: 6.2 MB in 6 files" in ran.err
    assert f"Folder: {folder / NAME}" in ran.err
    assert "fetching unity.pt\n" in ran.err
    assert inside("models", "path", NAME).out == f"{folder / NAME}\n"
    rows = [json.loads(line) for line in inside("models", "list", "--json").out.splitlines()]
    assert [row["name"] for row in rows if row["installed"]] == [NAME]
    listed = inside("models", "list").out
    assert "CC-BY-NC 4.0: not for commercial use" in listed
    assert f"here, 5.9 MB: {folder / NAME}" in listed or str(folder / NAME) in listed
    again = inside("models", "pull", NAME)
    assert again.code == 0
    assert "was here already" in again.err
    assert "is whole" in inside("models", "verify", NAME).err
    assert inside("models", "rm", NAME, "--yes").code == 0
    assert inside("models", "path", NAME).code == 1


def test_without_a_terminal_nobody_is_asked_and_nothing_is_done(hub: HubServer) -> None:
    ran = inside("models", "pull", NAME)
    assert ran.code == 2
    assert ran.complaints == ["s2st: There is no terminal to ask on. Give --yes to agree."]
    assert not any(asked[0] == "GET" for asked in hub.asked)
    assert inside("models", "pull", NAME, "--yes").code == 0
    assert inside("models", "rm", NAME).code == 2
    assert inside("models", "path", NAME).code == 0


@pytest.mark.usefixtures("hub")
def test_a_model_must_be_known_and_here_before_anybody_is_asked_to_delete_it() -> None:
    for name, said in (("banjo", "No model is called 'banjo'"), (NAME, "is not here")):
        ran = inside("models", "rm", name)
        assert ran.code in (1, 2)
        assert said in ran.err
        assert "terminal" not in ran.err


def test_a_failure_is_one_line(hub: HubServer) -> None:
    hub.refuse["unity.pt"] = 404
    ran = inside("models", "pull", NAME, "--yes")
    assert ran.code == 1
    assert len(ran.complaints) == 1
    assert "has no 'unity.pt' (404)" in ran.complaints[0]


def test_convert_writes_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert inside("models", "convert", TINY, "--output", out).code == 0
    assert (out / "unity.safetensors").is_file()
    assert inside("models", "convert", TINY, "--output", out).code == 2


def test_the_models_of_nobody_are_an_empty_list_of_what_is_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S2ST_MODELS", str(folder))
    ran = inside("models", "list")
    assert ran.out.startswith("seamless-streaming  to pull, at least 7.9 GB\n")


def test_help_and_list_load_nothing_heavy(folder: Path) -> None:
    code = (
        "import sys\n"
        "sys.argv = ['s2st', 'models', 'list']\n"
        "from cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as left:\n    assert not left.code\n"
        "heavy = ('numpy', 'torch', 'huggingface_hub', 'rich.progress', 'safetensors')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.splitlines()[-1:] == ["[]"]

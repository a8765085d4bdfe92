import os
from pathlib import Path

import pytest

from tests.cli.running import LONG, TWO, Ran, s2st

ALL_FORMATS = "wav,srt,vtt,txt,jsonl,tsv"


@pytest.fixture(scope="session", autouse=True)
def nobodys_configuration(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The tests, and the programs they start, see no configuration but their own."""
    for name in [name for name in os.environ if name.startswith("S2ST_")]:
        del os.environ[name]
    os.environ["S2ST_CONFIG"] = str(tmp_path_factory.mktemp("config") / "none.toml")


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """Two recordings to two languages in every format: the run, and the folder of its outputs."""
    out = tmp_path_factory.mktemp("whole")
    words = ("--tgt", "spa,cat", "--format", ALL_FORMATS, "-o", out)
    return s2st("file", TWO, LONG, *words), out


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run at once (pytest-xdist), those of live sound go one after the other: two of
    them would want more of the processor than there is, and lose sound."""
    for item in items:
        if item.path.name.startswith(("test_live", "test_output_check", "test_device")):
            item.add_marker(pytest.mark.xdist_group("sound"))

import os
import signal
from pathlib import Path

import pytest

from engine.batch.job import FORMATS
from tests.cli.running import LONG, TWO, Ran, inside

ALL_FORMATS = ",".join(FORMATS)


@pytest.fixture(scope="session", autouse=True)
def signals_as_from_a_terminal() -> None:
    """nohup, and a shell in the background, have signals ignored in what they start, and what that
    starts. One that is caught, and passed over, is not ignored in what the tests start."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(scope="session", autouse=True)
def nobodys_configuration(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The tests, and the programs they start, see no configuration but their own."""
    for name in [name for name in os.environ if name.startswith("S2ST_")]:
        del os.environ[name]
    path = tmp_path_factory.mktemp("config") / "empty.toml"
    path.touch()
    os.environ["S2ST_CONFIG"] = str(path)


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """Two recordings to two languages in every format: the run, and the folder of its outputs."""
    out = tmp_path_factory.mktemp("whole")
    words = ("--tgt", "spa,cat", "--format", ALL_FORMATS, "-o", out)
    return inside("file", TWO, LONG, *words), out

"""A SimulEval agent in a process of its own: what it says, and every way in which it fails."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from audio_io.chunk import Samples
from audio_io.errors import UsageError
from engine.errors import EngineError
from engine.simuleval.process import AgentProcess, ForeignAgentConfig, Written
from tests.fakes import DATA, RATE_HZ
from tests.live_fakes import until
from tests.processes import is_gone, started

AGENTS = DATA / "agents"
COUNTER = ForeignAgentConfig(str(AGENTS / "counter.py"), threads=1)
NEEDED = (
    *("numpy", "numpy.libs", "simuleval", "simuleval-*.dist-info", "yaml", "pandas", "pandas.libs"),
    *("dateutil", "six.py", "tqdm", "textgrid", "sacrebleu", "portalocker", "regex", "tabulate*"),
    *("colorama", "lxml", "requests", "urllib3", "idna", "certifi", "charset_normalizer"),
    "tornado",
)
"""What simuleval imports for an agent."""


def moody(step_timeout_s: float = 300.0, log: Path | None = None) -> ForeignAgentConfig:
    return ForeignAgentConfig(
        str(AGENTS / "several.py"),
        ("--dtype", "int8"),
        agent_class="Moody",
        threads=1,
        step_timeout_s=step_timeout_s,
        log=log,
    )


def step(process: AgentProcess, mood: float = 0.0, finished: bool = False) -> list[Written]:
    samples: Samples = np.full(RATE_HZ // 2, mood, np.float32)
    return process.step(samples, RATE_HZ, sent_ms=500.0, finished=finished, target_language="spa")


def texts(parts: list[Written]) -> list[str | None]:
    return [part.text for part in parts]


def one_line(error: BaseException) -> str:
    told = str(error)
    assert "\n" not in told
    return told


@pytest.fixture(scope="module")
def shared() -> Iterator[AgentProcess]:
    """A moody agent for the tests that leave it alive."""
    process = AgentProcess(moody())
    process.wait_until_loaded()
    yield process
    process.close()
    process.log.unlink(missing_ok=True)


@pytest.fixture
def own() -> Iterator[AgentProcess]:
    """A moody agent for a test that ends it, one way or the other."""
    process = AgentProcess(moody(step_timeout_s=1.0))
    process.wait_until_loaded()
    yield process
    process.close()
    if process.log.exists():
        process.log.unlink()


def check_counts(process: AgentProcess) -> None:
    for _ in range(2):
        process.reset()
        said = [texts(step(process, finished=last)) for last in (False, False, True)]
        assert said == [[None], ["1 second"], ["2 second"]]


def test_an_agent_hears_and_writes_and_forgets_when_it_is_reset() -> None:
    process = AgentProcess(COUNTER)
    try:
        about = process.wait_until_loaded()
        assert (about.name, about.source_type, about.target_type) == ("Counter", "speech", "text")
        assert about.simuleval_version == "1.1.4"
        assert sys.version.startswith(about.python_version)
        check_counts(process)
        assert not process.step(
            np.zeros(0, np.float32), RATE_HZ, sent_ms=1500.0, finished=True, target_language=None
        )[0].samples
        assert process.is_alive
        assert os.getsid(process._program.pid) == process._program.pid
        told = Path(f"/proc/{process._program.pid}/environ").read_bytes()
        told += Path(f"/proc/{process._program.pid}/cmdline").read_bytes()
        assert process._port.token.encode() not in told
    finally:
        process.close()
    process.close()
    assert not process.is_alive
    assert is_gone(process._program.pid)
    assert process._program.exit_code == 0, "it left by itself"
    assert not process.log.exists()
    with pytest.raises(EngineError, match="closed"):
        process.reset()


def test_it_has_options_of_its_own_and_those_of_simuleval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a class by its path, found in a folder that the agent's Python is told of.
    shutil.copy(AGENTS / "counter.py", tmp_path / "counting.py")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    options = ("--unit", "s", "--source-segment-size", "500", "--quality-metrics", "BLEU")
    process = AgentProcess(ForeignAgentConfig("counting.Counter", options))
    try:
        process.reset()
        assert texts(step(process, finished=True)) == ["0 s"]
    finally:
        process.close()


def test_a_step_that_was_broken_off_spoils_it(
    own: AgentProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(count: int, deadline_s: float) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(own, "_read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        step(own)
    assert not own.is_alive, "the next stream would hear this one's answer"


def test_options_of_simuleval_have_their_defaults(shared: AgentProcess) -> None:
    shared.reset()
    assert texts(step(shared)) == ["0 1 ['LAAL', 'AL', 'AP', 'DAL', 'ATD']"]


def test_branches_of_a_tree_are_parts(shared: AgentProcess) -> None:
    parts = step(shared, mood=7)
    assert [(part.text, part.finished) for part in parts] == [("left", True), (None, False)]


@pytest.mark.parametrize(
    ("mood", "told"), [(1, "ValueError: too many notes"), (6, "SystemExit: no more")]
)
def test_an_error_of_the_agent_is_told_in_one_line_and_it_goes_on(
    shared: AgentProcess, mood: int, told: str
) -> None:
    with pytest.raises(EngineError) as error:
        step(shared, mood)
    assert told in one_line(error.value)
    assert str(shared.log) in error.value.hint
    assert "Traceback" in shared.log.read_text(encoding="utf-8")
    shared.reset()
    assert texts(step(shared)) != []


def test_what_it_prints_goes_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    log.write_text("before\n", encoding="utf-8")
    process = AgentProcess(moody(log=log))
    try:
        assert len(step(process, mood=5)) == 1
        kept = log.read_text(encoding="utf-8")
        # In between there may be what its packages warn of, such as a missing ffmpeg.
        assert kept.startswith("before\n") and kept.endswith("\na printed line\n")
    finally:
        process.close()
    assert log.exists()


@pytest.mark.parametrize(
    ("mood", "told"),
    [(3, "exit code 7); it last said: I am leaving."), (4, "signal 9")],
)
def test_an_agent_that_dies_is_told_with_how(own: AgentProcess, mood: int, told: str) -> None:
    with pytest.raises(EngineError) as error:
        step(own, mood)
    assert told in one_line(error.value)
    assert not own.is_alive
    own.close()
    assert own.log.exists(), "its log is kept when it failed"


def test_an_agent_that_hangs_is_killed(own: AgentProcess) -> None:
    with pytest.raises(EngineError, match="did not answer within 1 s") as error:
        step(own, mood=2)
    one_line(error.value)
    assert not own.is_alive
    assert is_gone(own._program.pid)


def test_closing_while_another_thread_waits_gives_it_an_error_for_people() -> None:
    # Started by a process that ignores what ends programs, as that of a live engine does.
    old = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        own = AgentProcess(moody())
        own.wait_until_loaded()
    finally:
        signal.signal(signal.SIGTERM, old)
    raised: list[BaseException] = []

    def hang() -> None:
        try:
            step(own, mood=2)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=hang, daemon=True)
    thread.start()
    assert until(lambda: own._asked)
    until(lambda: False, 0.1)  # it sleeps now
    own.close()
    thread.join(10.0)
    assert [str(error) for error in raised] == [f"The agent '{moody().agent}' was closed."]
    assert own._program.exit_code == -signal.SIGTERM
    assert is_gone(own._program.pid)


ASKED = """
import os, sys, threading, time
from tests.engine.simuleval.test_process import AgentProcess, moody, step
process = AgentProcess(moody())
process.wait_until_loaded()
process.log.unlink()
child = step(process, 8)[0].text
mood = float(sys.argv[1])
if mood:
    threading.Thread(target=step, args=(process, mood)).start()
    while not process._asked:
        time.sleep(0.01)
heir = os.fork() if len(sys.argv) > 2 else 0
if not heir and len(sys.argv) > 2:
    time.sleep(60)
print(process._program.pid, child, heir, flush=True)
time.sleep(60)
"""
"""Has an agent start a process, then be in a mood; a third word has the connection inherited."""


@pytest.mark.parametrize(
    "words",
    [("0",), ("2",), ("10",), ("2", "inherited")],
    ids=["idle", "hanging", "in native code", "hanging, and its connection stays open"],
)
def test_it_ends_with_all_it_started_when_the_process_that_started_it_is_killed(
    words: tuple[str, ...],
) -> None:
    command = [sys.executable, "-W", "ignore", "-c", ASKED, *words]
    with started(command) as asking:
        assert asking.stdout is not None
        agent, child, heir = map(int, asking.stdout.readline().split())
        assert not is_gone(agent) and not is_gone(child)
        asking.kill()
        try:
            assert until(lambda: is_gone(agent) and is_gone(child))
        finally:
            if heir:
                os.kill(heir, signal.SIGKILL)


def test_it_ends_when_its_connection_does(own: AgentProcess) -> None:
    assert own._connection is not None
    child = int(texts(step(own, mood=8))[0] or "")
    own._config = moody()  # with time enough

    def hang() -> None:
        with pytest.raises(EngineError):
            step(own, mood=2)

    thread = threading.Thread(target=hang, daemon=True)
    thread.start()
    assert until(lambda: own._asked)
    until(lambda: False, 0.1)  # it sleeps now
    own._connection.shutdown(socket.SHUT_WR)
    assert until(lambda: is_gone(own._program.pid) and is_gone(child))
    thread.join(10.0)
    assert not thread.is_alive()


def test_what_the_agent_started_ends_when_it_is_closed() -> None:
    process = AgentProcess(moody())
    try:
        child = int(texts(step(process, mood=8))[0] or "")
        assert not is_gone(child)
    finally:
        process.close()
    assert process._program.exit_code == 0, "it left by itself"
    assert until(lambda: is_gone(child))


def test_what_the_agent_started_ends_when_it_dies(own: AgentProcess) -> None:
    with pytest.raises(EngineError, match="exit code 7") as error:
        step(own, mood=9)
    child = int(re.findall(r"I started (\d+)", str(error.value))[0])
    assert until(lambda: is_gone(child))


def test_what_the_agent_started_ends_when_nobody_was_asking() -> None:
    process = AgentProcess(moody())
    try:
        child = int(texts(step(process, mood=8))[0] or "")
        os.kill(process._program.pid, signal.SIGKILL)
        assert until(lambda: not process.is_alive)
        assert not is_gone(child)
    finally:
        process.close()
    assert until(lambda: is_gone(child))


@pytest.mark.parametrize(
    ("mood", "told"),
    [
        (20, "the agent wrote speech with NaN in it"),
        (21, "the agent wrote speech with inf in it"),
        (22, "the agent's speech has a sample rate of 8589934592 Hz; 1000 to 384000 are possible"),
        (23, "the agent's speech has a sample rate of 1 Hz; 1000 to 384000 are possible"),
        (24, "the agent's speech has a sample rate of 8000.5 Hz, not a whole number"),
        (25, "the agent wrote speech without a sample rate"),
        (26, "the agent's speech has a sample rate of inf Hz; 1000 to 384000 are possible"),
        (27, "the agent wrote text as speech: 'hola'"),
        (28, "the agent wrote text that is no str but int"),
        (29, "the agent wrote text that is no str but list"),
    ],
)
def test_what_an_agent_cannot_mean_is_told_and_it_goes_on(
    shared: AgentProcess, mood: int, told: str
) -> None:
    with pytest.raises(EngineError) as error:
        step(shared, mood)
    assert f"{told}. Its log: {shared.log}" in one_line(error.value)
    shared.reset()
    assert shared.is_alive
    assert texts(step(shared)) != []


def test_strangers_on_its_port_are_dropped() -> None:
    process = AgentProcess(COUNTER)
    try:
        address = ("127.0.0.1", process._port.number)
        strangers = [socket.create_connection(address) for _ in range(3)]
        strangers[0].sendall(b"0" * 64)
        strangers[1].sendall(b"abc")
        strangers[1].close()
        process.wait_until_loaded()
        for stranger in (strangers[0], strangers[2]):
            stranger.settimeout(5.0)
            assert stranger.recv(1) == b""
            stranger.close()
        check_counts(process)
    finally:
        process.close()


def refused(config: ForeignAgentConfig) -> str:
    """The one line that says why an agent is not loaded."""
    process: AgentProcess | None = None
    with pytest.raises(EngineError) as error:
        process = AgentProcess(config)
        process.wait_until_loaded()
    if process is not None:
        process.close()
        assert is_gone(process._program.pid)
        process.log.unlink(missing_ok=True)
    return one_line(error.value)


def test_what_keeps_an_agent_from_loading_is_told(tmp_path: Path) -> None:
    several = str(AGENTS / "several.py")
    told = refused(ForeignAgentConfig(COUNTER.agent, ("--uni", "3")))
    assert "does not take its options: unrecognized arguments: --uni 3. Its log: " in told
    assert "Both, Moody, Reader, Tone" in refused(ForeignAgentConfig(several))
    assert "no agent called 'Nobody'" in refused(ForeignAgentConfig(several, agent_class="Nobody"))
    assert "it takes text" in refused(ForeignAgentConfig(several, agent_class="Reader"))
    assert "No module named 'no_such'" in refused(ForeignAgentConfig("no_such.Agent"))
    assert "There is no agent file" in refused(ForeignAgentConfig(str(tmp_path / "none.py")))
    with pytest.raises(UsageError, match="one class already"):
        ForeignAgentConfig("module.Class", agent_class="Other")


def test_what_kept_it_from_loading_is_told_also_to_who_asks_later() -> None:
    process = AgentProcess(ForeignAgentConfig(COUNTER.agent, ("--uni", "3")))
    assert until(lambda: not process.is_alive)
    with pytest.raises(EngineError, match="does not take its options"):
        process.wait_until_loaded()
    process.close()
    process.log.unlink()


def test_a_start_that_takes_too_long_is_ended() -> None:
    config = ForeignAgentConfig(
        str(AGENTS / "several.py"), ("--hang",), agent_class="Moody", start_timeout_s=2.0
    )
    assert "was not loaded within 2 s" in refused(config)


def test_a_death_before_it_is_loaded_is_noticed_at_once(tmp_path: Path) -> None:
    (tmp_path / "leaves.py").write_text("import os\nprint('bye')\nos._exit(3)\n", encoding="utf-8")
    began_s = time.monotonic()
    told = refused(ForeignAgentConfig(str(tmp_path / "leaves.py")))
    assert "ended (exit code 3); it last said: bye." in told
    assert time.monotonic() - began_s < 10.0


def test_a_python_that_cannot_run_agents_is_told_with_what_to_type(tmp_path: Path) -> None:
    def with_python(python: Path) -> str:
        return refused(ForeignAgentConfig(COUNTER.agent, python=str(python)))

    told = with_python(tmp_path / "none")
    assert "none' cannot be run as the agent's Python: No such file or directory." in told
    assert "-m pip install simuleval==1.1.4 numpy" in told
    old = tmp_path / "python3.7"
    old.write_text('#!/bin/sh\n[ "$1" = -c ] && printf "Python 3.7" || exit 1\n', encoding="utf-8")
    old.chmod(0o755)
    assert "is 3.7; it must be 3.8 or newer." in with_python(old)
    assert "is not a Python." in with_python(Path("/bin/true"))
    bare = make_python(tmp_path / "bare", packages=())
    told = with_python(bare)
    assert "No module named 'numpy'" in told
    assert f"Type: {bare} -m pip install simuleval==1.1.4 numpy" in told


def make_python(folder: Path, packages: tuple[str, ...]) -> Path:
    """A virtual environment with only these packages, linked to from this one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    ours = Path(np.__file__).parents[1]
    (theirs,) = folder.glob("lib/python3*/site-packages")
    for pattern in packages:
        for path in ours.glob(pattern):
            (theirs / path.name).symlink_to(path)
    return folder / "bin" / "python"


def check_another_python(python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent runs in it, where there is nothing of ours."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    probe = (
        "import importlib.util\n"
        "assert importlib.util.find_spec('simuleval')\n"
        "for name in ('s2st', 'cli', 'engine', 'audio_io', 'soxr'):\n"
        "    assert importlib.util.find_spec(name) is None, name\n"
    )
    subprocess.run([python, "-c", probe], check=True, cwd=tmp_path)
    imports = "import importlib.util as u, sys\n"
    imports += "found = [n for n in ('cli', 'engine', 'audio_io', 'events') if u.find_spec(n)]\n"
    source = (AGENTS / "counter.py").read_text(encoding="utf-8")
    agent = tmp_path / "counter.py"
    agent.write_text(
        f"{source}\n\n{imports}assert not found, found\nprint(sys.prefix)\n", encoding="utf-8"
    )
    log = tmp_path / "agent.log"
    process = AgentProcess(ForeignAgentConfig(str(agent), python=str(python), log=log))
    try:
        process.wait_until_loaded()
        check_counts(process)
        # Packages may warn before it.
        assert log.read_text(encoding="utf-8").splitlines()[-1] == str(python.parent.parent)
    finally:
        process.close()


def test_an_agent_runs_in_a_python_without_s2st(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = make_python(tmp_path / "venv", NEEDED)
    check_another_python(python, tmp_path, monkeypatch)


@pytest.mark.agent_python
@pytest.mark.skipif(
    "S2ST_TEST_AGENT_PYTHON" not in os.environ, reason="scripts/check_agent_python runs it"
)
def test_an_agent_runs_in_a_python_made_with_pip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_another_python(Path(os.environ["S2ST_TEST_AGENT_PYTHON"]), tmp_path, monkeypatch)

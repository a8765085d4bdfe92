"""A SimulEval agent instead of an engine, in `s2st file` and `s2st live`."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.cli.running import inside, names, s2st
from tests.fakes import DATA

AGENTS = DATA / "agents"
COUNTER, SEVERAL = AGENTS / "counter.py", AGENTS / "several.py"


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Two seconds at a rate that no engine of ours has."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * 11_025)
    soundfile.write(tmp_path / "sound.wav", noise, 11_025)
    return tmp_path / "sound.wav"


def test_an_agent_writes_subtitles_of_a_recording(sound: Path, tmp_path: Path) -> None:
    ran = inside(
        *("file", sound, "--agent", COUNTER, "--agent-args", "--unit minute", "--tgt", "deu"),
        *("--format", "txt,srt", "-o", tmp_path / "out"),
    )

    assert ran.code == 0, ran.err
    assert "no speech was found" not in ran.err
    # What was said the agent does not tell: there is no transcript.
    assert names(tmp_path / "out") == ["sound.deu.srt", "sound.deu.txt"]
    assert "2 minute" in (tmp_path / "out" / "sound.deu.txt").read_text()


def test_an_agent_speaks_a_recording(sound: Path, tmp_path: Path) -> None:
    ran = inside(
        *("file", sound, "--agent", SEVERAL, "--agent-class", "Tone", "--format", "wav"),
        *("-o", tmp_path / "out"),
    )

    assert ran.code == 0, ran.err
    samples, rate_hz = soundfile.read(tmp_path / "out" / "sound.spa.wav")
    assert rate_hz == 24_000
    assert len(samples) / rate_hz == pytest.approx(2.0, abs=0.05)


def test_an_agent_that_writes_is_not_asked_to_speak(sound: Path, tmp_path: Path) -> None:
    ran = inside("file", sound, "--agent", COUNTER, "-o", tmp_path / "out")

    assert ran.code == 1
    assert "does not speak. Ask for text only: --format srt,txt" in ran.err
    assert names(tmp_path / "out") == []


def test_an_agent_runs_live(sound: Path) -> None:
    ran = s2st("live", "--input", sound, "--agent", COUNTER, "--speak", "none", "--plain")

    assert ran.code == 0, ran.err
    assert "2 second" in ran.out


def test_two_recordings_at_once_have_two_agents(sound: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(sound.read_bytes())

    ran = inside(
        *("file", sound, other, "--agent", COUNTER, "--format", "txt", "--jobs", 2),
        *("-o", tmp_path / "out"),
    )

    assert ran.code == 0, ran.err
    texts = {path.read_text() for path in (tmp_path / "out").glob("*.txt")}
    assert len(texts) == 1 and "1 second" in texts.pop()


@pytest.mark.parametrize("command", ["file", "live", "evaluate"])
def test_options_of_an_agent_want_one(command: str, sound: Path, tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("audio\ttgt_text\nsound.wav\tx\n")
    words: dict[str, list[object]] = {
        "file": [sound],
        "live": ["--input", sound],
        "evaluate": ["--data-file", tmp_path / "t.tsv"],
    }

    ran = inside(command, *words[command], "--agent-args", "--unit minute")

    assert ran.code == 2
    assert "--agent-args is about an agent. Name it with --agent." in ran.err


@pytest.mark.parametrize("command", ["file", "live --input"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--engine", "cascade"), "--engine and --agent each name what to run."),
        (("--vad", "silero"), "--vad means nothing to a SimulEval agent."),
        (("--min-confidence", 0.5), "--min-confidence means nothing to a SimulEval agent."),
    ],
)
def test_what_is_an_engines_is_refused_beside_an_agent(
    command: str, words: tuple[object, ...], said: str, sound: Path
) -> None:
    ran = inside(*command.split(), sound, "--agent", COUNTER, *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


@pytest.mark.parametrize("command", ["file", "evaluate"])
@pytest.mark.parametrize("options", [("--agent-python", "/bin/false"), ("--agent-args", "--uni 3")])
def test_a_log_is_left_where_the_message_names_it_and_nowhere_else(
    command: str,
    options: tuple[str, str],
    sound: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "t.tsv").write_text("audio\ttgt_text\nsound.wav\tx\n")
    (tmp_path / "logs").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "logs"))
    words = {"file": ("--format", "txt", sound), "evaluate": ("--data-file", tmp_path / "t.tsv")}
    ran = inside(command, *words[command], "--agent", COUNTER, *options)
    assert ran.code == 1
    logs = [str(path) for path in (tmp_path / "logs").iterdir()]
    assert len(logs) == ran.err.count("Its log: ")
    assert all(log in ran.err for log in logs)


def test_quotes_that_do_not_end_are_named(sound: Path) -> None:
    ran = inside("file", sound, "--agent", COUNTER, "--agent-args", "--unit 'minute")

    assert ran.code == 2
    assert "--agent-args cannot be understood" in ran.err

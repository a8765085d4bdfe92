"""`s2st config`, and which setting wins."""

import pwd
from pathlib import Path

import pytest

from tests.cli.running import SHORT, Ran, inside


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration of this test; it is not there yet."""
    monkeypatch.delenv("S2ST_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "s2st" / "config.toml"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def plan(*words: object) -> str:
    ran = inside("file", SHORT, "--dry-run", "--quiet", *words)
    assert ran.code == 0, ran.err
    return " ".join(Path(word).name for word in ran.out.split(" -> ")[1].split())


def test_the_command_line_wins_over_variables_and_those_over_the_file(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plan() == "short.spa.wav short.spa.srt short.eng.srt"
    write(settings, 'tgt = "cat"\n[file]\nformat = ["txt"]\n')
    assert plan() == "short.cat.txt short.eng.txt"
    monkeypatch.setenv("S2ST_TGT", "glg,fra")
    monkeypatch.setenv("S2ST_FORMAT", "vtt")
    assert plan() == "short.glg.vtt short.fra.vtt short.eng.vtt"
    assert plan("--tgt", "ita", "--format", "tsv") == "short.ita.tsv short.eng.tsv"


def test_every_key_of_the_template_is_taken(settings: Path) -> None:
    assert inside("config", "--init").out == f"Wrote {settings}\n"
    text = settings.read_text(encoding="utf-8")
    assert plan() == "short.spa.wav short.spa.srt short.eng.srt"
    lines = [line.removeprefix("# ") if " = " in line else line for line in text.splitlines()]
    write(settings, "\n".join(lines))
    assert text.count(" = ") == 25
    assert "(from the file)" in inside("config").out
    assert "not set" not in inside("config").out
    assert inside("file", SHORT, "--dry-run").out.endswith("translations/short.eng.srt\n")


def test_a_template_never_replaces_a_configuration(settings: Path) -> None:
    write(settings, 'tgt = "cat"\n')
    ran = inside("config", "--init")
    assert ran.code == 2
    assert "exists already" in ran.err
    assert settings.read_text() == 'tgt = "cat"\n'


def test_config_shows_each_setting_and_where_it_comes_from(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "not there; `s2st config --init` writes one" in inside("config").out
    write(settings, 'tgt = "cat"\n[file]\njobs = 2\n')
    monkeypatch.setenv("S2ST_JOBS", "3")
    lines = inside("config").out.splitlines()
    assert lines[0] == f"file: {settings}"
    assert "tgt = ['cat']  (from the file)" in lines
    assert "jobs = '3'  (from S2ST_JOBS)" in lines
    assert "engine: not set" in lines


BROKEN = {
    "tgt = spa": "is not TOML",
    "\xff": "cannot be read",
    "target = 'spa'": "has an unknown key 'target'. There is: src, tgt, engine, vad, channel.",
    "[file]\nresume = true": "unknown key 'resume' in [file]. There is: min_confidence, unclear,",
    "jobs = 2": "has an unknown key 'jobs'",
    "[file]\njobs = 'two'": "jobs in [file] is 'two', but should be a int.",
    "[file]\njobs = true": "jobs in [file] is True",
    "src = 3": "src is 3, but should be a str.",
    "file = 1": "`file` must be a table",
}


@pytest.fixture(params=BROKEN)
def broken(request: pytest.FixtureRequest, settings: Path) -> str:
    """A configuration with a mistake, and what is said of it."""
    settings.parent.mkdir()
    settings.write_bytes(str(request.param).encode("latin-1"))
    return BROKEN[request.param]


def assert_refused(ran: Ran, said: str) -> None:
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert line.startswith("s2st: ")
    assert said in line


def test_a_mistake_in_the_file_is_one_line_and_exit_code_2(broken: str, settings: Path) -> None:
    ran = inside("file", SHORT, "--dry-run")
    assert_refused(ran, broken)
    assert str(settings) in ran.err
    assert_refused(inside("config"), broken)


@pytest.mark.usefixtures("broken")
def test_a_broken_file_can_still_be_found_and_the_program_asked(settings: Path) -> None:
    assert inside("config", "--path") == Ran(0, f"{settings}\n", "")
    assert inside("--version").code == 0
    assert inside("--help").code == 0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("S2ST_JOBS", "many", "'S2ST_JOBS'"),
        ("S2ST_MIN_CONFIDENCE", "2", "'S2ST_MIN_CONFIDENCE'"),
        ("S2ST_FORMAT", "mp9", "No format is called 'mp9'"),
        ("S2ST_TGT", "klingon", "No language is called 'klingon'"),
        ("S2ST_ENGINE", "nope", "No engine is called 'nope'"),
    ],
)
@pytest.mark.usefixtures("settings")
def test_a_mistake_in_a_variable_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    assert_refused(inside("file", SHORT, "--dry-run"), said)


def test_a_value_out_of_range_in_the_file_is_refused_too(settings: Path) -> None:
    write(settings, "[file]\njobs = 0\n")
    assert_refused(inside("file", SHORT, "--dry-run"), "--jobs")


NO_HOME = {
    "a home that is no folder": {"HOME": "/dev/null"},
    "a file for the folder": {"XDG_CONFIG_HOME": str(SHORT), "XDG_DATA_HOME": str(SHORT)},
    "a loop of links": {"XDG_CONFIG_HOME": "{tmp}/loop", "XDG_DATA_HOME": "{tmp}/loop"},
    "a name too long": {"XDG_CONFIG_HOME": f"/{'x' * 300}", "XDG_DATA_HOME": f"/{'x' * 300}"},
}
"""Variables with which there is no usable home."""


@pytest.mark.parametrize("kind", NO_HOME)
def test_without_a_usable_home_there_are_no_defaults_and_no_models(
    kind: str, tmp_path: Path
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    env = {"S2ST_CONFIG": "", "S2ST_MODELS": "", "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": ""}
    env |= {name: value.format(tmp=tmp_path) for name, value in NO_HOME[kind].items()}
    words = ("--tgt", "eng", "--format", "txt", "-o", tmp_path)
    done = inside("file", SHORT, *words, env=env)
    assert (done.code, done.complaints) == (0, [])
    for command in ("languages", "models list", "config"):
        assert inside(*command.split(), env=env).code == 0, command
    ran = inside("config", "--init", env=env)
    assert ran.code == 2
    (line,) = ran.complaints
    assert "cannot be written" in line and "S2ST_CONFIG names another place" in line
    assert not Path("~").exists()


def test_somebody_whom_the_system_does_not_know_has_no_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in a container that runs under any number."""

    def getpwuid(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", getpwuid)
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "S2ST_CONFIG", "S2ST_MODELS", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for command in ("languages", "models list", "config"):
        assert inside(*command.split()).code == 0, command
    for words in (("config", "--init"), ("file", SHORT, "--output", "~/out")):
        ran = inside(*words)
        assert (ran.code, ran.out) == (2, "")
        assert "There is no home folder" in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("named", ["{tmp}/none.toml", "~/none.toml", f"{SHORT}/none.toml"])
def test_a_configuration_that_was_named_must_be_there(named: str, tmp_path: Path) -> None:
    env = {"S2ST_CONFIG": named.format(tmp=tmp_path), "HOME": str(tmp_path)}
    for command in (("file", SHORT, "--dry-run"), ("languages",), ("models", "list")):
        ran = inside(*command, env=env)
        assert (ran.code, ran.out) == (2, "")
        (line,) = ran.err.splitlines()
        why = "cannot be read: Not a directory" if str(SHORT) in named else "is not there"
        assert f"none.toml' that S2ST_CONFIG names {why}." in line
        assert "~" not in line
    assert "not there; `s2st config --init` writes one" in inside("config", env=env).out


def test_what_the_system_says_of_a_configuration_is_told() -> None:
    ran = inside("config", env={"S2ST_CONFIG": "/proc/self/mem"})
    assert ran.err.endswith("'/proc/self/mem' cannot be read: Input/output error.\n")


def test_a_models_folder_that_was_named_must_be_a_folder(tmp_path: Path) -> None:
    ran = inside("models", "list", env={"S2ST_MODELS": str(SHORT)})
    assert (ran.code, ran.out) == (1, "")
    assert "short.wav' cannot be read: Not a directory. S2ST_MODELS names it" in ran.err
    assert inside("models", "list", env={"S2ST_MODELS": str(tmp_path / "new")}).code == 0

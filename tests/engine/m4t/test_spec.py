"""The engine as a command meets it."""

from pathlib import Path

from engine.agent import Chain, StreamRequest
from engine.m4t.agent import M4tAgent
from engine.m4t.spec import SPEC
from engine.registry import LoadOptions
from tests.cli.running import inside
from tests.fakes import DATA

TINY = str(DATA / "m4t")
REQUEST = StreamRequest("eng", ("spa",))


def test_weights_that_are_not_here_can_be_fetched() -> None:
    (lacking,) = SPEC.missing(REQUEST, LoadOptions())
    assert lacking.remedy == "s2st models pull seamless-m4t-v2-large"
    assert not SPEC.missing(REQUEST, LoadOptions(model_dir=TINY))


def test_a_voice_detector_stands_in_front_unless_there_is_none() -> None:
    assert isinstance(SPEC.load(LoadOptions(model_dir=TINY, device="cpu")), Chain)
    options = LoadOptions(model_dir=TINY, device="cpu", voice_detector="none")
    assert isinstance(SPEC.load(options), M4tAgent)


def test_a_file_is_translated_from_the_command_line(tmp_path: Path) -> None:
    ran = inside(
        *("file", DATA / "two_sentences.wav", "--engine", "m4t", "--model-dir", TINY),
        *("--tgt", "spa", "--device", "cpu", "-o", tmp_path, "--format", "txt,wav"),
    )
    assert ran.code == 0, ran.err
    assert {".txt", ".wav"} <= {path.suffix for path in tmp_path.iterdir()}
    assert (tmp_path / "two_sentences.spa.txt").read_text().strip()


def test_the_language_that_is_spoken_may_be_left_to_the_model(tmp_path: Path) -> None:
    words = ("file", DATA / "short.wav", "--src", "auto", "--dry-run", "-o", tmp_path)
    ran = inside(*words, "--engine", "m4t", "--model-dir", TINY, "--tgt", "spa")
    assert ran.code == 0
    assert "not given" not in ran.err
    assert "short.spa.srt" in ran.out
    ran = inside(*words, "--engine", "cascade", "--tgt", "spa")
    assert ran.code == 2
    assert "must be told the language; it hears English" in ran.err


def test_options_of_another_mode_are_refused(tmp_path: Path) -> None:
    words = ("file", DATA / "short.wav", "--dry-run", "-o", tmp_path, "--tgt", "spa")
    m4t = ("--engine", "m4t", "--model-dir", TINY)
    ran = inside(*words, *m4t, "--frames", 3)
    assert ran.code == 2
    assert "--frames means nothing here: it is of mode streamatt, and this is mode comp" in ran.err
    assert inside(*words, *m4t, "--frames", 3, "--mode", "streamatt").code == 0
    ran = inside(*words, *m4t, "--window", "nan", "--mode", "chunked")
    assert (ran.code, "Traceback" in ran.err) == (2, False)

"""Settings are named by their fields below `cli`, and by their options at the doors."""

import pytest

import cli.main  # noqa: F401  it makes the commands
from cli.evaluate.command import EvaluateOptions
from cli.file.command import FileOptions
from cli.live.command import LiveOptions
from cli.options.declared import declared, offered
from cli.options.wording import worded
from engine.registry import engines
from tests.cli.running import inside
from tests.fakes import DATA


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Take ⟦dtype⟧ fp32, or leave out ⟦compiled⟧.",
            "Take --dtype fp32, or leave out --compile.",
        ),
        (
            "Choose one of `s2st devices` with ⟦input⟧.",
            "Choose one of `s2st devices` with --input.",
        ),
        ("Not installed: ⟦voice_detector⟧ silero.", "Not installed: --vad silero."),
        ("⟦timeline⟧ will not work", "--timeline will not work"),
        ("Take ⟦beams⟧ 1.", "Take --beams 1."),  # of an engine
        ("⟦encoder_window_ms⟧ means nothing.", "--encoder-window means nothing."),
        ("as `⟦audio_root⟧`", "as `--audio-root`"),
        ("no `model` in it", "no `model` in it"),
        ("Name ⟦inputs⟧.", "Name inputs."),  # an argument has no option
        ("an agent's `device` or `source`", "an agent's `device` or `source`"),  # not our words
        ("`espeak-ng --voices=variant` lists `it`", "`espeak-ng --voices=variant` lists `it`"),
    ],
)
def test_a_setting_becomes_its_option_and_all_else_stays(text: str, said: str) -> None:
    assert worded(text) == said


def test_a_field_means_one_option_whoever_has_it() -> None:
    assert {*offered} == {FileOptions, LiveOptions, EvaluateOptions}
    found = [(each.field, each.long_name) for options in offered for each in declared(options)]
    found += [(each.field, f"--{each.called}") for spec in engines() for each in spec.settings]
    assert len(dict(found)) == len(set(found))


def test_a_setting_of_another_engine_is_called_as_that_engine_calls_it() -> None:
    words = ("file", DATA / "short.wav", "--dry-run", "--engine", "cascade", "--tgt", "spa")
    ran = inside(*words, "--encoder-window", 3000)
    assert ran.code == 2
    assert ran.err == "s2st: --encoder-window means nothing to the engine 'cascade'.\n"

"""What becomes of a wish, whoever has it: a command, a server, a test."""

from dataclasses import replace

import pytest

from audio_io.errors import UsageError
from engine.agent import Task
from engine.errors import LanguageError
from engine.registry.ask import (
    ANY_SOURCE,
    Called,
    Speak,
    Wish,
    ask,
    check_voices,
    read_voices,
    swapped,
    without_speech,
)

CALLED = Called("`source`", "`targets`", "`speak`", "Set `speak` to none.")
PLAIN = Wish(CALLED, engine="cascade")


def test_notes_and_errors_call_things_as_the_door_does() -> None:
    assert ask(PLAIN).notes[:2] == (
        "`source` not given: taking English (eng)",
        "`targets` not given: taking Spanish (spa)",
    )
    with pytest.raises(UsageError, match="`speak` cat is none of the targets: spa") as raised:
        ask(replace(PLAIN, speak="cat"))
    assert raised.value.hint == "Add it to `targets`, or give `speak` none."


def test_what_is_taken_by_default_gives_way_to_what_was_said() -> None:
    by_default = replace(PLAIN, default_targets=("cat", "Italian"))
    assert ask(by_default).request.targets == ("cat", "ita")
    assert "`targets` not given: taking Catalan (cat) and Italian (ita)" in ask(by_default).notes
    said = ask(replace(by_default, source="en", targets=("fra",)))
    assert said.request.targets == ("fra",)
    assert not any("not given" in note for note in said.notes)


@pytest.mark.parametrize(
    ("speak", "spoken", "task"),
    [
        (Speak.FIRST, ("spa",), Task.S2ST),
        (Speak.NONE, (), Task.S2TT),
        ("Catalan", ("cat",), Task.S2ST),
    ],
)
def test_what_is_spoken(speak: Speak | str, spoken: tuple[str, ...], task: Task) -> None:
    request = ask(replace(PLAIN, targets=("spa", "cat"), speak=speak)).request
    assert (request.spoken, request.task) == (spoken, task)


def test_a_language_to_itself_is_text_and_a_source_may_be_left_to_an_engine_that_can_tell() -> None:
    assert ask(replace(PLAIN, source="eng", targets=("eng",))).request.task is Task.ASR
    with pytest.raises(LanguageError, match="must be told the language"):
        ask(replace(PLAIN, source=ANY_SOURCE, targets=("spa",)))


def test_a_voice_of_no_target_and_a_voice_for_nobody_in_particular_are_refused() -> None:
    voices = read_voices(["cat=f2"], "`voices`")
    assert ask(replace(PLAIN, targets=("spa", "cat"), voices=voices)).request.speakers == voices
    with pytest.raises(UsageError, match="`voices` cat=f2: Catalan is none of the targets"):
        check_voices(voices, [("spa",)], "`voices`")
    with pytest.raises(UsageError, match="`voices` f2 does not say of which target"):
        check_voices(read_voices(["f2"], "`voices`"), [("spa", "cat")], "`voices`")


def test_the_languages_are_exchanged_where_the_engine_covers_that_too() -> None:
    asked = ask(replace(PLAIN, targets=("spa",), speak=Speak.FIRST))
    assert swapped(asked, PLAIN.load_options) is None  # it hears only English
    both = frozenset({"eng", "spa"})
    spec = replace(
        asked.spec, sources=both, text_targets=both, speech_targets=both, missing=lambda *_: []
    )
    around = swapped(replace(asked, spec=spec), PLAIN.load_options)
    assert around is not None
    assert (around.source, around.targets, around.spoken) == ("spa", ("eng",), ("eng",))
    assert without_speech(around).task is Task.S2TT

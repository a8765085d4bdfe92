"""What `s2st live` makes of its options, before it opens anything."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from audio_io.chunk import AudioChunk, Boundary
from audio_io.cut import CutSource
from audio_io.errors import UsageError
from cli.live.command import LiveOptions
from cli.live.ends import SpeakerLoudness
from cli.live.plan import LivePlan, as_text_only, plan_live
from engine.agent import Task, Unclear
from engine.errors import EngineError, LanguageError, UnknownEngineError
from engine.events import Event
from engine.live.conversation import Conversation, Ends
from engine.live.happenings import HappeningQueue
from engine.stepper import DirectStepper
from tests.fakes import RATE_HZ, ListSource, ParrotAgent, ParrotState, chunks
from tests.live_fakes import noise


def planned(*targets: str, **options: object) -> LivePlan:
    return plan_live(replace(LiveOptions(targets=targets), **options))  # type: ignore[arg-type]


def test_nothing_asked_is_english_to_spanish_and_that_is_said() -> None:
    plan = planned()
    assert (plan.request.source, plan.request.targets) == ("eng", ("spa",))
    assert plan.spoken == "spa"
    assert plan.notes[:2] == (
        "--src not given: taking English (eng)",
        "--tgt not given: taking Spanish (spa)",
    )
    assert plan.notes[2].startswith("engine: cascade (the first that covers English to Spanish")


def test_what_was_asked_is_not_explained() -> None:
    plan = planned("cat", source="en", engine="cascade")
    assert plan.notes == ("engine: cascade (as asked)",)


@pytest.mark.parametrize(
    ("targets", "speak", "kept", "spoken", "task"),
    [
        (("spa",), None, ("spa",), "spa", Task.S2ST),
        (("spa", "cat"), None, ("spa", "cat"), "spa", Task.S2ST),
        (("spa", "cat"), "cat", ("spa", "cat"), "cat", Task.S2ST),
        (("spa", "cat"), "Catalan", ("spa", "cat"), "cat", Task.S2ST),
        (("spa", "cat"), "none", ("spa", "cat"), None, Task.S2TT),
        (("spa", "Spanish", "es"), None, ("spa",), "spa", Task.S2ST),
        (("eng", "spa"), None, ("spa",), "spa", Task.S2ST),  # what is heard is shown anyway
        (("eng",), None, ("eng",), None, Task.ASR),
        (("eng",), "none", ("eng",), None, Task.ASR),
    ],
)
def test_targets_and_what_is_spoken(
    targets: tuple[str, ...],
    speak: str | None,
    kept: tuple[str, ...],
    spoken: str | None,
    task: Task,
) -> None:
    plan = planned(*targets, speak=speak)
    assert plan.request.targets == kept
    assert plan.spoken == spoken
    assert plan.request.spoken == ((spoken,) if spoken else ())
    assert plan.request.task is task
    assert plan.request.live


def test_the_source_named_twice_among_the_targets_is_text_of_it() -> None:
    assert planned("eng", "en").request.task is Task.ASR


def test_every_language_is_written_once() -> None:
    assert planned("spa", "cat").languages == ("eng", "spa", "cat")
    assert planned("eng").languages == ("eng",)


@pytest.mark.parametrize(
    ("targets", "speak", "told"),
    [
        (("spa",), "cat", "--speak cat is none of the targets: spa"),
        (("spa",), "banjo", "banjo"),
        (("eng",), "eng", "English to itself is text only"),
        (("eng",), "spa", "English to itself is text only"),
    ],
)
def test_speaking_what_cannot_be_spoken_is_refused(
    targets: tuple[str, ...], speak: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        planned(*targets, speak=speak)


def test_languages_and_engines_nobody_knows_are_refused() -> None:
    with pytest.raises(LanguageError, match="No engine here covers English to Breton"):
        planned("bre")
    with pytest.raises(EngineError, match="s2st models pull seamless-streaming"):
        planned("deu")
    with pytest.raises(LanguageError):
        planned("no such language")
    with pytest.raises(UnknownEngineError, match="No engine is called 'banjo'"):
        planned(engine="banjo")


def test_a_language_with_something_special_about_it_is_remarked_on() -> None:
    notes = planned("glg", "spa").notes
    assert "Galician (glg): spoken with a Portuguese voice: espeak-ng has no Galician one" in notes
    assert not any("Spanish" in note and "voice" in note for note in notes)


def test_an_engine_that_hears_only_english_cannot_be_turned_around() -> None:
    assert planned("spa").swapped is None


def test_partial_words_are_asked_for_where_they_are_shown() -> None:
    assert planned().request.partials
    assert not planned(plain=True).request.partials


@pytest.mark.parametrize(("targets", "task"), [(("spa", "cat"), Task.S2TT), (("eng",), Task.ASR)])
def test_without_speech_the_same_is_written(targets: tuple[str, ...], task: Task) -> None:
    plan = planned(*targets)
    silent = as_text_only(plan)
    assert silent.spoken is None
    assert silent.request == replace(plan.request, spoken=(), task=task)
    assert (silent.spec, silent.options, silent.swapped) == (plan.spec, plan.options, None)


def test_without_speech_the_other_direction_is_silent_too() -> None:
    plan = planned("spa")
    around = replace(plan.request, source="spa", targets=("eng",), spoken=("eng",))
    silent = as_text_only(replace(plan, swapped=around))
    assert silent.swapped == replace(around, spoken=(), task=Task.S2TT)


class PressedAgent(ParrotAgent):
    """A parrot during whose steps somebody presses a key."""

    def __init__(self, press: Callable[[int, AudioChunk], None]) -> None:
        self._press = press
        self.steps = 0

    def step(self, chunk: AudioChunk, state: ParrotState) -> Iterator[Event]:
        self.steps += 1
        self._press(self.steps, chunk)
        yield from super().step(chunk, state)


def turned_around(press: Callable[[Conversation, int, AudioChunk], None]) -> Conversation:
    """A session over 3 s of sound with somebody at its keys, when it is over."""
    plan = planned("spa", speak="none")
    around = replace(plan.request, source="spa", targets=("eng",))
    source = CutSource(ListSource(chunks(noise(3 * RATE_HZ))))
    ends = Ends(source, lambda: None, None, SpeakerLoudness(None))
    agent = PressedAgent(lambda step, chunk: press(session, step, chunk))
    session = Conversation(
        plan.request, ends, DirectStepper(agent), HappeningQueue(), swapped=around
    )
    session.start()
    assert session.over.wait(10.0)
    assert session.error is None
    return session


def test_turned_around_all_of_the_sound_is_heard_all_the_same() -> None:
    def press(session: Conversation, step: int, chunk: AudioChunk) -> None:
        if step == 10:
            session.swap()

    session = turned_around(press)
    assert session.request.source == "spa"
    assert session.heard_s == 3.0


def test_pressing_again_while_it_turns_around_does_not_end_the_session() -> None:
    pressed_again = False

    def press(session: Conversation, step: int, chunk: AudioChunk) -> None:
        nonlocal pressed_again
        if step == 10:
            session.swap()
        elif chunk.boundary is Boundary.STREAM and not pressed_again:
            pressed_again = True  # while the last words before the turn are translated
            session.swap()

    assert turned_around(press).heard_s == 3.0


def test_unclear_words_are_written_as_asked() -> None:
    assert plan_live(LiveOptions(targets=("spa",))).request.unclear is Unclear.MARK
    assert plan_live(LiveOptions(targets=("spa",), unclear="drop")).request.unclear is Unclear.DROP
    with pytest.raises(UsageError, match="--unclear is one of keep, mark, drop, not 'hide'"):
        plan_live(LiveOptions(targets=("spa",), unclear="hide"))

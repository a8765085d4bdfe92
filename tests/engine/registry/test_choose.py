"""Which engine is taken, and what is said when none is."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from audio_io.errors import S2stError, UsageError
from engine.agent import StreamRequest, Task
from engine.cascade.mt.apertium import ROUTES
from engine.cascade.spec import SPEC
from engine.cascade.tts.espeak import VOICES
from engine.errors import EngineError
from engine.registry import EngineSpec, LoadOptions, Missing, choose_engine, engines

Probe = Callable[[StreamRequest, LoadOptions], list[Missing]]
BUILT_IN = [*engines()]


def lacks_weights(request: StreamRequest, options: LoadOptions) -> list[Missing]:
    return [Missing("its weights", "s2st models pull big")]


def lacks_nothing(request: StreamRequest, options: LoadOptions) -> list[Missing]:
    return []


def spec(name: str, missing: Probe = lacks_nothing, **fields: object) -> EngineSpec:
    given: dict[str, object] = {
        "name": name,
        "summary": "made for tests",
        "sources": frozenset({"eng", "deu"}),
        "text_targets": frozenset({"spa", "fra"}),
        "speech_targets": frozenset({"spa"}),
        "input_rate_hz": 16000,
        "output_rate_hz": 16000,
        "load": lambda options: None,
        "missing": missing,
    }
    return EngineSpec(**(given | fields))  # type: ignore[arg-type]


TO_SPANISH = StreamRequest("eng", ("spa",))


def test_auto_takes_the_first_that_covers_the_pair_and_says_why() -> None:
    table = [spec("french", text_targets=frozenset({"fra"})), spec("good"), spec("later")]
    choice = choose_engine("auto", TO_SPANISH, table)
    assert (choice.spec.name, choice.why) == ("good", "the first that covers English to Spanish")


def test_auto_passes_over_an_engine_without_its_weights_and_says_so() -> None:
    choice = choose_engine("auto", TO_SPANISH, [spec("big", lacks_weights), spec("good")])
    assert choice.spec.name == "good"
    assert choice.why.endswith("big is not complete")


def test_speech_counts_only_where_speech_is_asked_for() -> None:
    text = StreamRequest("eng", ("fra",), Task.S2TT)
    assert choose_engine("auto", text, [spec("good")]).spec.name == "good"
    speech = StreamRequest("eng", ("fra",), Task.S2ST)
    choice = choose_engine("auto", speech, [spec("good")])
    assert (choice.spec.name, choice.unspoken) == ("good", ("fra",))


def test_an_engine_that_speaks_is_taken_before_one_that_only_writes() -> None:
    speech = StreamRequest("eng", ("fra", "spa"), Task.S2ST)
    speaker = spec("speaker", speech_targets=frozenset({"spa", "fra"}))
    assert choose_engine("auto", speech, [spec("good"), speaker]).spec.name == "speaker"
    choice = choose_engine("auto", speech, [spec("good")])
    assert choice.unspoken == ("fra",)
    with pytest.raises(UsageError, match=r"speaks only Spanish, not Japanese \(jpn\)"):
        choose_engine("auto", replace(speech, targets=("jpn",)), [spec("good")])


def test_what_else_could_do_the_job_is_named() -> None:
    with pytest.raises(EngineError, match="or take the engine 'good': ⟦engine⟧ good"):
        choose_engine("big", TO_SPANISH, [spec("big", lacks_weights), spec("good")])


def test_a_dead_end_says_what_each_engine_would_take_and_how_fast_that_is() -> None:
    small = spec("small", sources=frozenset({"eng"}))
    slow = spec("slow", lacks_weights, has_weights=True, pace="slower than real time")
    untried = spec("untried", lacks_weights)

    with pytest.raises(EngineError) as said:
        choose_engine("auto", StreamRequest("deu", ("spa",)), [small, slow, untried])

    assert str(said.value) == (
        "No engine is ready here for German to Spanish: the engine 'small' hears only English, not "
        "German (deu); the engine 'slow' lacks its weights, and is slower than real time; the "
        "engine 'untried' lacks its weights. Type: s2st models pull big "
        "(`s2st languages ⟦source⟧ deu ⟦targets⟧ spa` compares the engines)"
    )


@pytest.mark.parametrize(
    ("name", "request_", "table", "kind", "said"),
    [
        ("nope", TO_SPANISH, [spec("good")], UsageError, "There is: auto, good."),
        ("auto", TO_SPANISH, [spec("big", lacks_weights)], EngineError, "s2st models pull big"),
        (
            "big",
            TO_SPANISH,
            [spec("big", lacks_weights)],
            EngineError,
            "The engine 'big' lacks its weights.",
        ),
        (
            "good",
            StreamRequest("jpn", ("spa",)),
            [spec("good")],
            UsageError,
            "The engine 'good' hears only English and German, not Japanese (jpn)",
        ),
        (
            "auto",
            StreamRequest("bre", ("spa",)),
            BUILT_IN,
            UsageError,
            "the draft engine 'cascade' hears only English",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_help(
    name: str, request_: StreamRequest, table: list[EngineSpec], kind: type[S2stError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        choose_engine(name, request_, table)
    assert said in str(caught.value)


def test_the_cascade_says_what_its_members_can() -> None:
    assert SPEC.text_targets == frozenset(ROUTES)
    assert SPEC.speech_targets == frozenset(VOICES)


def test_engines_of_other_packages_come_after_ours_and_broken_ones_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "foreign_engine.py").write_text(
        "from tests.engine.registry.test_choose import spec\nSPEC = spec('foreign')\nNOT = 3\n"
    )
    info = tmp_path / "foreign-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[s2st.engines]\nforeign = foreign_engine:SPEC\n"
        "broken = no_such_module:SPEC\nwrong = foreign_engine:NOT\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert [found.name for found in engines()] == [*(s.name for s in BUILT_IN), "foreign"]

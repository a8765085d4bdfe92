"""Apertium kept alive: quick, complete, and back after a fall."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from engine.cascade.mt.apertium import ROUTES, ApertiumTranslator, Pipeline, mode_file
from engine.errors import EngineError, LanguageError

pytestmark = pytest.mark.skipif(which("lt-proc") is None, reason="Apertium is not installed")


@pytest.fixture(scope="module")
def translator() -> Iterator[ApertiumTranslator]:
    made = ApertiumTranslator()
    yield made
    made.close()


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    made = Pipeline("eng-spa", mode_file("eng-spa"))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("spa", "Esta casa es muy grande."),
        ("cat", "Aquesta casa és molt gran."),
        ("glg", "Esta casa é moi grande."),
        ("epo", "Ĉi tiu domo estas tre granda."),
        ("por", "Esta casa é muito grande."),
        ("ita", "Questa casa è molto grande."),
        ("fra", "Cette maison est très grande."),
    ],
)
def test_every_target_is_translated(
    translator: ApertiumTranslator, target: str, expected: str
) -> None:
    assert translator.translate("This house is very big.", target) == expected


def test_every_route_is_tested_above() -> None:
    assert set(ROUTES) == {"spa", "cat", "glg", "epo", "por", "ita", "fra"}


@pytest.mark.parametrize(
    "text",
    ["a/b", "5 < 6 > 4", "^x$ {y} [z]", "back\\slash", "me@here", "NUL\0inside", "line\nbreak"],
)
def test_signs_of_the_stream_format_are_only_text(
    translator: ApertiumTranslator, text: str
) -> None:
    # Were one taken for a command, the answer would be cut short or the next one would be off.
    answer = translator.translate(f"{text} house", "spa")
    assert "casa" in answer.lower()
    assert translator.translate("The dog.", "spa") == "El perro."
    for sign in set(text) & set("/<>^${}[]\\@"):
        assert sign in answer


@pytest.mark.parametrize("target", sorted(ROUTES))
@pytest.mark.parametrize("text", ["No.", "I said no.", "I said no", "Mr", "number no", "vs"])
def test_a_last_word_that_could_be_an_abbreviation_is_a_word(
    translator: ApertiumTranslator, text: str, target: str
) -> None:
    answer = translator.translate(text, target)
    assert "[" not in answer
    assert "]" not in answer
    assert answer.endswith(".") == text.endswith(".")


def test_the_stop_of_an_abbreviation_stays_in_it(translator: ApertiumTranslator) -> None:
    assert translator.translate("U.S.", "cat") == "EUA"


def test_no_means_no(translator: ApertiumTranslator) -> None:
    assert translator.translate("No.", "spa") == "No."
    assert translator.translate("I said no.", "spa") == "Dije no."


def test_an_answer_is_never_read_by_the_next_question(pipeline: Pipeline) -> None:
    assert pipeline.translate("The house.") == "La casa."

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        # The second program stands still, so that Ctrl-C comes while the answer is waited for.
        os.kill(pipeline._processes[1].pid, signal.SIGSTOP)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            pipeline.translate("The cat.")
    finally:
        signal.signal(signal.SIGALRM, old)
    assert pipeline.translate("The dog.") == "El perro."


def test_a_text_longer_than_the_pipes_is_refused_and_a_long_one_is_not(pipeline: Pipeline) -> None:
    assert pipeline.translate("the dog " * 1000).count("perro") == 1000
    with pytest.raises(EngineError, match="too long"):
        pipeline.translate("the dog " * 10_000)


@pytest.mark.parametrize("text", ["", " ", "."])
def test_next_to_nothing_is_translated_to_next_to_nothing(
    translator: ApertiumTranslator, text: str
) -> None:
    assert translator.translate(text, "spa") in ("", ".")


@pytest.mark.parametrize("target", sorted(ROUTES))
def test_an_unclear_stretch_comes_through_as_it_is(
    translator: ApertiumTranslator, target: str
) -> None:
    answer = translator.translate("We have [unclear] dogs and [unclear] cats.", target)
    assert answer.count("[unclear]") == 2


def test_the_programs_stay_alive_between_sentences(pipeline: Pipeline) -> None:
    pipeline.translate("One.")
    pids = [process.pid for process in pipeline._processes]
    pipeline.translate("Two.")
    assert [process.pid for process in pipeline._processes] == pids


def test_a_pipeline_that_was_killed_is_started_again(pipeline: Pipeline) -> None:
    assert pipeline.translate("The dog.") == "El perro."
    os.kill(pipeline._processes[3].pid, signal.SIGKILL)
    assert pipeline.translate("The dog.") == "El perro."


def test_a_pipeline_that_always_dies_is_one_clear_error(tmp_path: Path) -> None:
    mode = tmp_path / "eng-spa.mode"
    mode.write_text("cat | false $1\n")
    pipeline = Pipeline("eng-spa", mode)
    with pytest.raises(EngineError, match=r"died twice .* apertium-eng-spa"):
        pipeline.translate("The dog.")
    assert pipeline._processes == []


def test_programs_end_with_the_translator() -> None:
    translator = ApertiumTranslator()
    translator.translate("One.", "fra")
    processes = [p for pipe in translator._pipelines.values() for p in pipe._processes]
    assert len(processes) > 10
    translator.close()
    translator.close()
    assert all(process.poll() is not None for process in processes)


def test_threads_that_share_a_translator_get_their_own_answers(
    translator: ApertiumTranslator,
) -> None:
    numbers = {"one": "Un", "two": "Dos", "three": "Tres", "four": "Cuatro"}
    wrong: list[str] = []

    def ask(number: str) -> None:
        for _ in range(20):
            answer = translator.translate(f"{number} dogs.", "spa")
            if not answer.lower().startswith(numbers[number].lower()):
                wrong.append(answer)

    threads = [threading.Thread(target=ask, args=[number]) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_mode_that_is_not_installed_names_its_package(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="apt install apertium-en-gl"):
        ApertiumTranslator((tmp_path,)).translate("One.", "glg")


def test_a_language_without_a_route_is_refused(translator: ApertiumTranslator) -> None:
    with pytest.raises(LanguageError, match="deu"):
        translator.translate("One.", "deu")

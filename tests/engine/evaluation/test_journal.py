"""Results that survive whatever ends a run."""

from pathlib import Path

import pytest

from engine.evaluation.journal import NAME, ResultJournal
from engine.metrics.result import ItemResult, SpeechOutput, TextOutput


def result(index: int, text: str = "hola", error: str = "") -> ItemResult:
    units = tuple(text.split())
    return ItemResult(
        index=index,
        id=f"item{index}",
        audio="a.wav",
        target="spa",
        reference='"quoted"\tand so on',
        source_text=None,
        source_ms=1000.0,
        source_rate_hz=16_000,
        text=TextOutput(text, units, (0.1,) * len(units), (0.2,) * len(units), 3),
        speech=SpeechOutput("wavs/0.wav", 22_050, (1.0,), (2.0,), (3.0,)),
        error=error,
    )


def test_results_are_read_back_as_they_were(tmp_path: Path) -> None:
    journal = ResultJournal(tmp_path)
    journal.begin({"system": "x"})
    journal.add(result(1))
    journal.add(result(0, "dos palabras"))

    assert ResultJournal(tmp_path).header() == {"system": "x"}
    assert list(ResultJournal(tmp_path).results().values()) == [
        result(0, "dos palabras"),
        result(1),
    ]


@pytest.mark.parametrize("cut", [1, 7, 40, 300])
def test_a_line_that_was_cut_off_counts_as_not_there_and_spoils_no_other(
    tmp_path: Path, cut: int
) -> None:
    journal = ResultJournal(tmp_path)
    journal.begin({})
    journal.add(result(0))
    whole = (tmp_path / NAME).stat().st_size
    journal.add(result(1))
    data = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(data[: whole + cut])

    assert list(journal.results()) == [0]

    journal.add(result(2))
    assert list(journal.results()) == [0, 2]


def test_the_newest_note_of_an_item_counts(tmp_path: Path) -> None:
    journal = ResultJournal(tmp_path)
    journal.begin({})
    journal.add(result(0, error="it died"))
    journal.add(result(0))

    assert journal.results()[0].error == ""


@pytest.mark.parametrize("line", ["[]", "{}", '{"text": null, "speech": null}', "null", "ÿ"])
def test_lines_of_something_else_are_passed_over(tmp_path: Path, line: str) -> None:
    journal = ResultJournal(tmp_path)
    journal.begin({})
    with (tmp_path / NAME).open("a") as file:
        file.write(line + "\n")
    journal.add(result(4))

    assert list(journal.results()) == [4]


def test_a_file_that_is_no_journal_has_no_header(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("something\n")

    assert ResultJournal(tmp_path).header() is None

"""What the journal remembers."""

from pathlib import Path

import pytest

from audio_io.errors import OutputError
from engine.batch.journal import NAME, Journal, Record, digest


def written(folder: Path, **files: str) -> dict[str, int]:
    for name, text in files.items():
        (folder / name).write_text(text)
    return {name: len(text) for name, text in files.items()}


def asked(*names: str, digest: str = "d", options: str = "o") -> Record:
    return Record(digest, options, dict.fromkeys(names, 0))


def test_what_was_added_is_finished_while_its_outputs_are_there(tmp_path: Path) -> None:
    Journal(tmp_path).add(Record("d", "o", written(tmp_path, a="text", b="")))
    assert Journal(tmp_path).finished(asked("a", "b"))
    assert Journal(tmp_path).outputs() == {"a", "b"}
    (tmp_path / "b").unlink()
    assert not Journal(tmp_path).finished(asked("a", "b"))


@pytest.mark.parametrize(
    "other",
    [
        asked("a", "b", digest="other"),
        asked("a", "b", options="other"),
        asked("a"),
        asked("a", "b", "c"),
        asked("c"),
        asked(),
    ],
)
def test_another_input_other_options_or_other_outputs_are_not_finished(
    tmp_path: Path, other: Record
) -> None:
    Journal(tmp_path).add(Record("d", "o", written(tmp_path, a="text", b="")))
    assert not Journal(tmp_path).finished(other)


def test_a_truncated_output_is_not_finished(tmp_path: Path) -> None:
    Journal(tmp_path).add(Record("d", "o", written(tmp_path, a="text")))
    (tmp_path / "a").write_text("tex")
    assert not Journal(tmp_path).finished(asked("a"))


def test_the_last_record_of_an_output_counts(tmp_path: Path) -> None:
    Journal(tmp_path).add(Record("d", "o", written(tmp_path, a="1", b="1")))
    Journal(tmp_path).add(Record("d", "other", written(tmp_path, b="2")))
    assert not Journal(tmp_path).finished(asked("a", "b"))
    assert Journal(tmp_path).finished(asked("b", options="other"))


def test_what_was_added_between_leaves_other_outputs_finished(tmp_path: Path) -> None:
    Journal(tmp_path).add(Record("d", "o", written(tmp_path, a="1")))
    Journal(tmp_path).add(Record("e", "p", written(tmp_path, b="22")))
    assert Journal(tmp_path).finished(asked("a"))


@pytest.mark.parametrize(
    "damage", ['{"digest": "d", "opt', "nonsense", "[]", '{"digest": 1}', "\udcff\udcfe"]
)
def test_a_line_that_cannot_be_read_costs_no_other(tmp_path: Path, damage: str) -> None:
    Journal(tmp_path).add(Record("d", "o", written(tmp_path, a="1")))
    with (tmp_path / NAME).open("ab") as file:
        file.write(damage.encode(errors="surrogateescape"))
    Journal(tmp_path).add(Record("e", "o", written(tmp_path, b="1")))
    assert Journal(tmp_path).finished(asked("a"))
    assert Journal(tmp_path).finished(asked("b", digest="e"))


def test_without_a_journal_nothing_is_finished(tmp_path: Path) -> None:
    assert Journal(tmp_path / "none").outputs() == set()
    assert not Journal(tmp_path).finished(asked("a"))


def test_a_journal_that_cannot_be_written_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        Journal(tmp_path).add(asked("a"))


def test_the_digest_is_of_the_bytes_alone(tmp_path: Path) -> None:
    written(tmp_path, a="x", b="x", c="y")
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")

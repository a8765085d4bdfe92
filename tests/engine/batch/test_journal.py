"""What the journal remembers."""

from pathlib import Path

import pytest

from audio_io.errors import OutputError
from engine.batch.journal import NAME, Journal, Record, digest


def written(folder: Path, **files: str) -> dict[str, str]:
    for name, text in files.items():
        (folder / name).write_text(text)
    return {name: digest(folder / name) for name in files}


def finished(folder: Path, *names: str, digest: str = "d", options: str = "o") -> bool:
    return Journal(folder).finished(digest, options, names)


def test_what_was_added_is_finished_while_its_outputs_are_there(tmp_path: Path) -> None:
    Journal(tmp_path).add(Record("d", "o", written(tmp_path, a="text", b="")))
    assert finished(tmp_path, "a", "b")
    assert Journal(tmp_path).outputs() == {"a", "b"}
    (tmp_path / "b").unlink()
    assert not finished(tmp_path, "a", "b")


def test_another_input_other_options_or_other_outputs_are_not_finished(tmp_path: Path) -> None:
    Journal(tmp_path).add(Record("d", "o", written(tmp_path, a="text", b="")))
    assert not finished(tmp_path, "a", "b", digest="other")
    assert not finished(tmp_path, "a", "b", options="other")
    for names in (("a",), ("a", "b", "c"), ("c",), ()):
        assert not finished(tmp_path, *names)


@pytest.mark.parametrize("text", ["tex", "TEXT", "text, corrected by hand"])
def test_what_a_person_changed_is_theirs_and_stays_finished(tmp_path: Path, text: str) -> None:
    Journal(tmp_path).add(Record("d", "o", written(tmp_path, a="text", b="1")))
    assert not Journal(tmp_path).is_changed("a")
    (tmp_path / "a").write_text(text)
    assert Journal(tmp_path).is_changed("a")
    assert not Journal(tmp_path).is_changed("b")
    assert finished(tmp_path, "a", "b")


@pytest.mark.parametrize("harm", ["emptied", "deleted", "not ours"])
def test_what_is_empty_gone_or_not_ours_is_nobodys_change(tmp_path: Path, harm: str) -> None:
    Journal(tmp_path).add(Record("d", "o", written(tmp_path, a="text")))
    if harm == "emptied":
        (tmp_path / "a").write_text("")
    elif harm == "deleted":
        (tmp_path / "a").unlink()
    else:
        (tmp_path / "b").write_text("theirs")
    assert not Journal(tmp_path).is_changed("b" if harm == "not ours" else "a")
    assert finished(tmp_path, "a") == (harm == "not ours")


def test_outputs_that_two_runs_share_leave_both_finished_while_they_are_the_same(
    tmp_path: Path,
) -> None:
    Journal(tmp_path).add(Record("d", "spa", written(tmp_path, spa="1", eng="heard")))
    Journal(tmp_path).add(Record("d", "cat", written(tmp_path, cat="2", eng="heard")))
    assert finished(tmp_path, "spa", "eng", options="spa")
    assert finished(tmp_path, "cat", "eng", options="cat")
    Journal(tmp_path).add(Record("d", "other", written(tmp_path, fra="3", eng="misheard")))
    assert finished(tmp_path, "fra", "eng", options="other")
    assert not finished(tmp_path, "spa", "eng", options="spa")


def test_a_journal_of_sizes_is_still_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    line = '{"digest": "d", "options": "o", "outputs": {"a": 4}}\n'
    (tmp_path / NAME).write_text(line)
    assert finished(tmp_path, "a")
    assert not Journal(tmp_path).is_changed("a")
    (tmp_path / "a").write_text("longer")
    assert Journal(tmp_path).is_changed("a")


@pytest.mark.parametrize(
    "damage", ['{"digest": "d", "opt', "nonsense", "[]", '{"digest": 1}', "\udcff\udcfe"]
)
def test_a_line_that_cannot_be_read_costs_no_other(tmp_path: Path, damage: str) -> None:
    Journal(tmp_path).add(Record("d", "o", written(tmp_path, a="1")))
    with (tmp_path / NAME).open("ab") as file:
        file.write(damage.encode(errors="surrogateescape"))
    Journal(tmp_path).add(Record("e", "o", written(tmp_path, b="1")))
    assert finished(tmp_path, "a")
    assert finished(tmp_path, "b", digest="e")


def test_without_a_journal_nothing_is_finished(tmp_path: Path) -> None:
    assert Journal(tmp_path / "none").outputs() == set()
    assert not finished(tmp_path, "a")


def test_a_journal_that_cannot_be_written_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        Journal(tmp_path).add(Record("d", "o", {}))


def test_the_digest_is_of_the_bytes_alone(tmp_path: Path) -> None:
    written(tmp_path, a="x", b="x", c="y")
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")

"""Which recordings the words of a command line mean."""

from pathlib import Path

import pytest

from audio_io.errors import UsageError
from cli.file.inputs import InputOptions, find_inputs
from engine.batch.job import Input
from engine.batch.journal import NEVER_FINISHED, Journal, Record
from tests.cli.running import SHORT, columns


def touched(folder: Path, *files: str) -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return folder


def found(*words: object, output: Path | None = None) -> list[Input]:
    return find_inputs([str(word) for word in words], InputOptions(output), [])


def stems(*words: object) -> list[str]:
    return [item.stem for item in found(*words)]


def paths(*words: object) -> list[str]:
    return [item.path.name for item in found(*words) if item.path is not None]


def test_files_are_taken_in_the_order_named_and_none_twice(tmp_path: Path) -> None:
    touched(tmp_path, "b.wav", "a.mp3", "c.xyz")
    words = [tmp_path / name for name in ("b.wav", "a.mp3", "c.xyz", "b.wav")]
    assert paths(*words, tmp_path / "sub" / ".." / "a.mp3") == ["b.wav", "a.mp3", "c.xyz"]


def test_a_folder_gives_its_sound_files_at_any_depth_in_order(tmp_path: Path) -> None:
    touched(tmp_path, "b.wav", "a.MP3", "notes.txt", ".hidden.wav", "sub/c.mkv", ".git/d.wav")
    assert paths(tmp_path) == ["a.MP3", "b.wav", "c.mkv"]


def test_outputs_of_a_folder_keep_its_shape_in_the_output_folder(tmp_path: Path) -> None:
    touched(tmp_path / "in", "a.wav", "x/a.wav")
    out = tmp_path / "out"
    assert [item.folder for item in found(tmp_path / "in", output=out)] == [out, out / "x"]
    beside = [item.folder for item in found(tmp_path / "in")]
    assert beside == [tmp_path / "in", tmp_path / "in" / "x"]


@pytest.mark.parametrize("word", ["", "*.wav", "**/*.wav"])
def test_what_s2st_wrote_is_no_input_of_a_folder_or_a_glob(tmp_path: Path, word: str) -> None:
    touched(tmp_path, "a.wav", "a.spa.wav", "mine.spa.wav")
    Journal(tmp_path).add(Record("", "", {"a.spa.wav": ""}))
    assert sorted(paths(tmp_path / word)) == ["a.wav", "mine.spa.wav"]


def test_what_s2st_wrote_is_taken_where_nothing_else_is_named(tmp_path: Path) -> None:
    """`*.wav` of a shell names it beside what it was made of."""
    touched(tmp_path, "a.wav", "a.spa.wav", "a.cat.wav")
    Journal(tmp_path).add(Record("", "", {"a.spa.wav": "", "a.cat.wav": ""}, "a.wav"))
    notes: list[str] = []
    every = [str(tmp_path / name) for name in ("a.cat.wav", "a.spa.wav", "a.wav")]
    assert [item.stem for item in find_inputs(every, InputOptions(), notes)] == ["a"]
    (note,) = notes
    assert f"since s2st wrote it: {every[0]} and 1 more" in note
    assert paths(tmp_path / "a.spa.wav") == ["a.spa.wav"]


def test_a_folder_without_recordings_is_passed_over_beside_others(tmp_path: Path) -> None:
    """A shell's `*` names folders, results and recordings."""
    touched(tmp_path, "a.wav", "a.spa.srt", "out/a.cat.wav")
    Journal(tmp_path).add(Record("", "", {"a.spa.srt": ""}, "a.wav"))
    Journal(tmp_path / "out").add(Record("", "", {"a.cat.wav": ""}, "a.wav"))
    notes: list[str] = []
    every = sorted(map(str, tmp_path.glob("[!.]*")))
    assert [item.stem for item in find_inputs(every, InputOptions(), notes)] == ["a"]
    assert len(notes) == 2
    assert notes[1] == (
        f"The folder '{tmp_path}/out' holds no audio or video files to translate "
        "(passed over 1 written by s2st)."
    )


def test_what_results_are_called_stays_whatever_recordings_come_and_go(tmp_path: Path) -> None:
    touched(tmp_path, "a.wav", "a.mp3", "b.wav", "long.wav")
    Journal(tmp_path).add(Record("", "", {"a.spa.srt": "", "a.eng.srt": ""}, "a.wav"))
    Journal(tmp_path).add(Record("", "", {"b.wav.spa.srt": ""}, "b.wav"))
    Journal(tmp_path).add(Record("", "", {"row.spa.srt": ""}, "a.wav"))  # of a manifest
    assert stems(tmp_path) == ["a.mp3", "a", "b.wav", "long"]
    touched(tmp_path, "b.mp3")
    (tmp_path / "a.mp3").unlink()
    assert stems(tmp_path) == ["a", "b", "b.wav", "long"]


def test_a_glob_gives_files_folders_and_manifests(tmp_path: Path) -> None:
    touched(tmp_path, "x1/a.wav", "x2.wav", "y.wav")
    (tmp_path / "x3.tsv").write_bytes(columns(("audio",), ("y.wav",)))
    assert paths(tmp_path / "x*") == ["a.wav", "x2.wav", "y.wav"]


def test_a_name_with_brackets_is_itself_before_it_is_a_glob(tmp_path: Path) -> None:
    touched(tmp_path, "talk [1].wav", "talk 1.wav")
    assert paths(tmp_path / "talk [1].wav") == ["talk [1].wav"]
    (tmp_path / "talk [1].wav").unlink()
    assert paths(tmp_path / "talk [1].wav") == ["talk 1.wav"]


def test_inputs_of_one_stem_keep_their_extension_but_only_in_one_folder(tmp_path: Path) -> None:
    touched(tmp_path, "a.mp3", "a.wav", "b.wav", "sub/a.wav")
    assert stems(tmp_path) == ["a.mp3", "a.wav", "b", "a"]


def test_a_missing_file_is_left_to_fail_by_itself(tmp_path: Path) -> None:
    assert paths(tmp_path / "none.wav") == ["none.wav"]


def test_a_manifest_gives_its_rows_with_their_languages(tmp_path: Path) -> None:
    touched(tmp_path, "a.wav")
    rows = [
        ("id", "audio", "src_lang", "tgt_lang"),
        ("x", "a.wav", "eng", ""),
        ("y", "b.wav", "", "fra"),
    ]
    (tmp_path / "m.tsv").write_bytes(columns(*rows))
    first, second = found(tmp_path / "m.tsv")
    assert (first.label, first.stem, first.source, first.target) == ("x", "x", "eng", None)
    assert (second.stem, second.source, second.target) == ("y", None, "fra")
    assert second.path == (tmp_path / "b.wav").resolve()


def test_rows_of_one_recording_are_all_taken(tmp_path: Path) -> None:
    rows = [("id", "audio", "tgt_lang"), ("x", "a.wav", "spa"), ("y", "a.wav", "cat")]
    (tmp_path / "m.tsv").write_bytes(columns(*rows))
    assert stems(tmp_path / "m.tsv") == ["x", "y"]


def test_standard_input_is_taken_once(tmp_path: Path) -> None:
    (item,) = found("-", "-", output=tmp_path)
    assert (item.path, item.stem, item.folder) == (None, "stdin", tmp_path)


@pytest.mark.parametrize(
    ("files", "words", "said"),
    [
        ((), ["*.wav"], "No file matches"),
        (("notes.txt",), ["."], "holds no audio or video files to translate"),
        ((), [""], "An input is empty"),
        (("a.mp3", "a.wav", "a.mp3.ogg"), ["."], "would both be written as 'a.mp3'"),
    ],
)
def test_what_names_no_recording_is_a_usage_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: tuple[str, ...],
    words: list[str],
    said: str,
) -> None:
    touched(tmp_path, *files)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        found(*words)


def test_a_glob_of_what_s2st_wrote_is_refused_and_an_output_folder_in_it_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.wav").write_bytes(SHORT.read_bytes())
    (tmp_path / "out").mkdir()
    for name in ("b.spa.wav", ".s2st-journal.jsonl"):
        (tmp_path / "out" / name).write_bytes(b"")
    Journal(tmp_path / "out").add(Record(NEVER_FINISHED, "", {"b.spa.wav": ""}))
    found = find_inputs(["*"], InputOptions(output=Path("out")), [])
    assert [item.label for item in found] == ["a.wav"]
    with pytest.raises(UsageError, match="Nothing that matches"):
        find_inputs(["out/*"], InputOptions(), [])


def test_two_manifests_that_name_the_same_id_are_refused_and_not_merged(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(SHORT.read_bytes())
    for name, target in (("one", "spa"), ("two", "cat")):
        rows = f"id\taudio\ttgt_lang\nx\ta.wav\t{target}\n"
        (tmp_path / f"{name}.tsv").write_text(rows)
    manifests = [str(tmp_path / "one.tsv"), str(tmp_path / "two.tsv")]
    with pytest.raises(UsageError, match="would both be written as 'x'"):
        find_inputs(manifests, InputOptions(), [])


def test_a_walk_enters_linked_folders_once_and_says_what_it_passed_over(tmp_path: Path) -> None:
    talks, elsewhere = tmp_path / "talks", tmp_path / "elsewhere"
    (talks / "day").mkdir(parents=True)
    elsewhere.mkdir()
    for path in (talks / "a.wav", talks / "day" / "b.mxf", elsewhere / "c.flac"):
        path.write_bytes(b"x")
    (talks / "linked").symlink_to(elsewhere)
    (talks / "day" / "up").symlink_to(talks)
    (talks / "notes.pdf").write_bytes(b"x")
    (talks / "app.ts").write_text("let x = 1\n" * 60)
    (talks / ".hidden.wav").write_bytes(b"x")
    (talks / "gone").symlink_to(tmp_path / "nowhere")
    notes: list[str] = []
    found = find_inputs([str(talks)], InputOptions(), notes)
    assert [item.label for item in found] == [
        f"{talks}/a.wav",
        f"{talks}/day/b.mxf",
        f"{talks}/linked/c.flac",
    ]
    [note] = notes
    assert note.startswith(f"{talks}: passed over ")
    for part in ("1 .pdf", "1 .ts", "1 hidden", "1 folder(s) seen before", "1 without a suffix"):
        assert part in note

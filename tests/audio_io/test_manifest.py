import os
import subprocess
import sys
from pathlib import Path

import pytest

from audio_io.errors import ManifestError
from audio_io.manifest import ManifestRow, read_manifest

HEADER = "id\taudio\tn_frames\tsrc_lang\ttgt_lang\tsrc_text\ttgt_text\n"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "manifest.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_full_row_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "a1\tclips/a.wav\t16000\tspa\teng\thola\thello\n")
    assert read_manifest(path) == [
        ManifestRow(
            id="a1",
            audio=tmp_path / "clips/a.wav",
            line_number=2,
            source_language="spa",
            target_language="eng",
            source_text="hola",
            target_text="hello",
            n_frames=16000,
        )
    ]


def test_only_audio_is_needed_and_its_stem_is_the_id(tmp_path: Path) -> None:
    rows = read_manifest(written(tmp_path, "audio\nclips/one.two.wav\nb.flac\n"))
    assert [(row.id, row.line_number) for row in rows] == [("one.two", 2), ("b", 3)]
    assert (rows[0].source_language, rows[0].source_text, rows[0].n_frames) == (None, None, None)


def test_columns_come_in_any_order_and_strange_ones_are_passed_over(tmp_path: Path) -> None:
    rows = read_manifest(written(tmp_path, "speaker\ttgt_text\taudio\nx\thi\ta.wav\n"))
    assert (rows[0].audio.name, rows[0].target_text) == ("a.wav", "hi")


def test_empty_languages_and_counts_are_unknown_but_empty_text_is_text(tmp_path: Path) -> None:
    (row,) = read_manifest(written(tmp_path, HEADER + "a\ta.wav\t\t\t\t\t\n"))
    assert (row.source_language, row.target_language, row.n_frames) == (None, None, None)
    assert (row.source_text, row.target_text) == ("", "")


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfid\taudio\na\ta.wav\n",
        b"id\taudio\r\na\ta.wav\r\n",
        b"id\taudio\na\ta.wav",
        b"id\taudio\na\ta.wav\n\n\r\n   \n\t\n",
    ],
    ids=["byte order mark", "CRLF", "no last line end", "trailing blank lines"],
)
def test_editors_habits_do_not_matter(tmp_path: Path, data: bytes) -> None:
    (row,) = read_manifest(written(tmp_path, data))
    assert (row.id, row.audio) == ("a", tmp_path / "a.wav")


@pytest.mark.parametrize(
    "text", ['"quoted"', 'an "odd one', "'", "a\u2028b", "a\x0cb", "a\rb", "日本"]
)
def test_text_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    (row,) = read_manifest(written(tmp_path, f"audio\ttgt_text\na.wav\t{text}\n"))
    assert row.target_text == text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("audio\n", "has a header and no rows"),
        ("id\tpath\na\ta.wav\n", "has no column 'audio'; it has: id, path"),
        ("audio\taudio\na\tb\n", "has the column 'audio' twice"),
        ("id\taudio\na\n", "line 2: 1 fields where the header has 2"),
        ("id\taudio\na\ta.wav\nb\tb.wav\tc\n", "line 3: 3 fields where the header has 2"),
        ("audio\na.wav\n\nb.wav\n", "line 3: column 'audio' is empty"),
        ("id\taudio\na\ta.wav\nb\tb.wav\na\tc.wav\n", "line 4: the id 'a' stands in line 2"),
        ("audio\nx/a.wav\ny/a.wav\n", "line 3: the id 'a' stands in line 2"),
        ("audio\tn_frames\na.wav\t1\nb.wav\tmany\n", "line 3: n_frames is 'many'"),
        ("audio\tn_frames\na.wav\t-1\n", "line 2: n_frames is '-1'"),
        ("audio\tn_frames\na.wav\t1.5\n", "line 2: n_frames is '1.5'"),
        ("audio\tn_frames\na.wav\t\u0661\n", "line 2: n_frames is"),
        ("audio\tn_frames\na.wav\t" + "9" * 5000 + "\n", "line 2: n_frames is '999"),
        (b"audio\na.wav\n\xe9.wav\n", "line 3: this is not UTF-8 (byte 0xe9)"),
        (b"\xff\xfea\x00u\x00", "line 1: this is not UTF-8"),
        (b"audio\na\x00b.wav\n", "line 2: the id 'a\\x00b'"),
        (b"id\taudio\na\ta\x00b.wav\n", "line 2: the audio path 'a\\x00b.wav' is no path"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(
    tmp_path: Path, data: str | bytes, said: str
) -> None:
    path = written(tmp_path, data)
    with pytest.raises(ManifestError) as error:
        read_manifest(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("row_id", "said"),
    [
        ("", "it is empty"),
        (".", "starts with a dot"),
        ("..", "starts with a dot"),
        (".hidden", "starts with a dot"),
        ("a/b", "holds a slash"),
        ("../../etc/passwd", "starts with a dot"),
        ("/etc/passwd", "holds a slash"),
        ("a\\b", "holds a slash"),
        ("a\x07b", "cannot be shown"),
        ("a\x1b[31m", "cannot be shown"),
        ("x" * 201, "longer than 200 bytes"),
        ("語" * 67, "longer than 200 bytes"),
    ],
)
def test_an_id_must_be_a_plain_file_name(tmp_path: Path, row_id: str, said: str) -> None:
    with pytest.raises(ManifestError, match=r"line 2: the id") as error:
        read_manifest(written(tmp_path, f"id\taudio\n{row_id}\ta.wav\n"))
    assert said in str(error.value)


@pytest.mark.parametrize("row_id", ["a b", "-x", "a.b.c", "日本語", "x" * 200])
def test_other_ids_are_taken(tmp_path: Path, row_id: str) -> None:
    (row,) = read_manifest(written(tmp_path, f"id\taudio\n{row_id}\ta.wav\n"))
    assert row.id == row_id


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../a.wav", "x/../../a.wav", "link/../../outside/a.wav", "..", "."]
)
def test_audio_may_not_lead_out_of_its_folder_by_what_is_written(tmp_path: Path, name: str) -> None:
    folder, outside = tmp_path / "inside", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "link").symlink_to(outside)
    path = written(folder, f"id\taudio\na\t{name}\n")
    if name == ".":
        assert read_manifest(path)[0].audio == folder  # opening it says that it is a folder
        return
    with pytest.raises(ManifestError, match=r"line 2: .* leads out of .*`⟦audio_root⟧`"):
        read_manifest(path)


def test_links_of_whose_folder_it_is_are_followed(tmp_path: Path) -> None:
    """As a cache of the hub has them."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "1"
    blobs.mkdir()
    (snapshot / "audio").mkdir(parents=True)
    (blobs / "0f").write_bytes(b"sound")
    (blobs / "1f").write_text("audio\naudio/one.wav\nelsewhere/0f\naudio/../audio/two.wav\n")
    (snapshot / "audio" / "one.wav").symlink_to("../../../blobs/0f")
    (snapshot / "audio" / "two.wav").symlink_to(blobs / "0f")
    (snapshot / "elsewhere").symlink_to(blobs)
    (snapshot / "test.tsv").symlink_to("../../blobs/1f")
    rows = read_manifest(snapshot / "test.tsv")
    assert [row.id for row in rows] == ["one", "0f", "two"]
    assert [row.audio.read_bytes() for row in rows] == [b"sound"] * 3
    assert rows[0].audio == snapshot / "audio" / "one.wav"


def test_a_folder_that_is_a_link_may_be_named_with_and_without_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    written(tmp_path / "real", f"audio\n{tmp_path}/real/a.wav\n{tmp_path}/link/b.wav\n")
    rows = read_manifest(tmp_path / "link" / "manifest.tsv")
    assert [row.audio.name for row in rows] == ["a.wav", "b.wav"]


def test_the_folder_above_a_link_is_that_of_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "far" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("far/sub")
    written(tmp_path / "far", "audio\na.wav\n")
    (row,) = read_manifest(tmp_path / "link" / ".." / "manifest.tsv")
    assert row.audio == tmp_path / "far" / "a.wav"


def test_a_folder_whose_name_only_begins_the_same_is_outside(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = written(tmp_path / "in", f"id\taudio\na\t{tmp_path}/inside/a.wav\n")
    with pytest.raises(ManifestError, match="leads out"):
        read_manifest(path)


def test_paths_that_stay_inside_are_fine(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "clips")
    names = ["clips/../a.wav", f"{tmp_path}/b.wav", "link/c.wav"]
    rows = read_manifest(written(tmp_path, "\n".join(["audio", *names])))
    assert [row.audio for row in rows] == [
        tmp_path / "a.wav",
        tmp_path / "b.wav",
        tmp_path / "link/c.wav",
    ]


def test_an_audio_root_takes_the_place_of_the_manifests_folder(tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    (tmp_path / "lists").mkdir()
    path = written(tmp_path / "lists", f"audio\na.wav\n{sounds}/b.wav\n")
    rows = read_manifest(path, audio_root=sounds)
    assert [row.audio for row in rows] == [sounds / "a.wav", sounds / "b.wav"]


def test_an_audio_root_that_is_no_folder_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, "audio\na.wav\n")
    with pytest.raises(ManifestError, match="is not a folder"):
        read_manifest(path, audio_root=tmp_path / "nowhere")


def test_a_relative_manifest_gives_absolute_audio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "audio\na.wav\n")
    monkeypatch.chdir(tmp_path)
    assert read_manifest(Path("manifest.tsv"))[0].audio == tmp_path / "a.wav"


def test_a_loop_of_links_is_not_the_manifests_fault(tmp_path: Path) -> None:
    (tmp_path / "a.wav").symlink_to("b.wav")
    (tmp_path / "b.wav").symlink_to("a.wav")
    assert len(read_manifest(written(tmp_path, "audio\na.wav\n"))) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.tsv", "does not exist"),
        ("folder", "is a folder"),
        ("x" * 300, "cannot be read: File name too long"),
        ("a\0b", "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_opened_says_why(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ManifestError, match=said):
        read_manifest(tmp_path / name)


def test_reading_a_manifest_needs_no_numpy() -> None:
    program = "import sys, audio_io.manifest, audio_io.suffixes; print('numpy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_a_long_manifest_is_read_quickly(tmp_path: Path) -> None:
    rows = "".join(f"id{n}\tclips{os.sep}{n}.wav\n" for n in range(5_000))
    assert len(read_manifest(written(tmp_path, "id\taudio\n" + rows))) == 5_000

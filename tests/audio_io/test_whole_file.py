import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from audio_io.errors import OutputError, on_one_line
from audio_io.whole_file import WholeFile, remove_own_part
from tests.audio_io.sounds import without_rights


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def pid_of_the_dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_target_appears_only_when_finished(tmp_path: Path) -> None:
    whole = WholeFile(tmp_path / "out.txt")
    whole.open_text().write("hello\n")
    assert names(tmp_path) == [f".out.txt.{os.getpid()}.part"]
    assert whole.part == tmp_path / f".out.txt.{os.getpid()}.part"
    whole.finish()
    assert names(tmp_path) == ["out.txt"]
    assert (tmp_path / "out.txt").read_text() == "hello\n"


def test_an_abandoned_file_leaves_what_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    whole = WholeFile(path)
    whole.open_text().write("new")
    whole.abandon()
    assert names(tmp_path) == ["out.txt"]
    assert path.read_text() == "old"


def test_a_finished_file_replaces_what_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old and longer")
    with WholeFile(path) as whole:
        whole.open_text().write("new")
    assert path.read_text() == "new"


def test_an_error_in_the_block_abandons(tmp_path: Path) -> None:
    with pytest.raises(KeyError), WholeFile(tmp_path / "out.txt") as whole:
        whole.open_text().write("half")
        raise KeyError("x")
    assert names(tmp_path) == []


def test_finishing_and_abandoning_twice_is_fine(tmp_path: Path) -> None:
    whole = WholeFile(tmp_path / "a")
    whole.finish()
    whole.finish()
    whole.abandon()
    assert names(tmp_path) == ["a"]
    other = WholeFile(tmp_path / "b")
    other.abandon()
    other.abandon()
    assert names(tmp_path) == ["a"]
    with pytest.raises(ValueError, match="abandoned"):
        other.finish()


def test_text_is_utf8_with_plain_line_ends(tmp_path: Path) -> None:
    with WholeFile(tmp_path / "a.srt") as whole:
        whole.open_text().write("né\n日本\n")
    assert (tmp_path / "a.srt").read_bytes() == "né\n日本\n".encode()


def test_bytes_can_be_written_and_written_over(tmp_path: Path) -> None:
    with WholeFile(tmp_path / "a.bin") as whole:
        handle = whole.open_binary()
        handle.write(b"....data")
        handle.seek(0)
        handle.write(b"size")
    assert (tmp_path / "a.bin").read_bytes() == b"sizedata"


def test_a_writer_may_use_the_path_of_the_part(tmp_path: Path) -> None:
    with WholeFile(tmp_path / "a.bin") as whole:
        whole.part.write_bytes(b"from elsewhere")
    assert (tmp_path / "a.bin").read_bytes() == b"from elsewhere"


def test_a_new_file_has_the_rights_that_files_have_here(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    WholeFile(tmp_path / "whole").finish()
    rights = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "whole")]
    assert rights[0] == rights[1]


def test_what_the_dead_left_behind_is_removed(tmp_path: Path) -> None:
    mine = tmp_path / f".out.wav.{pid_of_the_dead()}.part"
    same_pid = tmp_path / f".out.wav.{os.getpid()}.part"
    others = [
        tmp_path / f".out.wav.{os.getppid()}.part",  # alive
        tmp_path / f".other.wav.{pid_of_the_dead()}.part",
        tmp_path / ".out.wav.x.part",
        tmp_path / ".out.wav.99999999999999999999.part",
        tmp_path / f"out.wav.{pid_of_the_dead()}.part",
    ]
    for path in (mine, same_pid, *others):
        path.write_text("left behind")
    with WholeFile(tmp_path / "out.wav") as whole:
        assert not mine.exists()
        assert whole.part == same_pid
        assert same_pid.read_text() == ""
    assert names(tmp_path) == sorted(["out.wav", *(path.name for path in others)])


def test_a_killed_process_leaves_no_target_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from audio_io.whole_file import WholeFile, remove_own_part
handle = WholeFile(Path(sys.argv[1])).open_text()
handle.write("half")
handle.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program, tmp_path / "out.txt"], check=False)
    (left,) = names(tmp_path)
    assert left.startswith(".out.txt.")
    WholeFile(tmp_path / "out.txt").finish()
    assert names(tmp_path) == ["out.txt"]


def test_a_link_laid_in_the_way_of_the_part_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f".out.txt.{os.getpid()}.part").symlink_to(victim)
    with WholeFile(tmp_path / "out.txt") as whole:
        whole.open_text().write("mine")
    assert victim.read_text() == "precious"
    assert (tmp_path / "out.txt").read_text() == "mine"


def test_a_link_at_the_target_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "real" / "file.txt")
    with WholeFile(link) as whole:
        whole.open_text().write("x")
    assert link.is_symlink()
    assert (tmp_path / "real" / "file.txt").read_text() == "x"


@pytest.mark.parametrize("name", ["with space.wav", "日本語.wav", "-x.wav", "x" * 255, "é" * 127])
def test_strange_and_long_names_work(tmp_path: Path, name: str) -> None:
    WholeFile(tmp_path / name).finish()
    assert names(tmp_path) == [name]


def test_a_name_without_a_folder_is_written_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    WholeFile(Path("-out.txt")).finish()
    assert names(tmp_path) == ["-out.txt"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere/out.wav", "its folder does not exist. Create it"),
        ("file/out.wav", "part of its path is a file"),
        ("folder", "it is a folder"),
        ("x" * 256, "its name is too long"),
        ("pipe", "it is a device or a pipe"),
        ("/dev/null", "it is a device or a pipe"),
        ("loop", "cannot be written"),
        ("a\0b", "cannot be written"),
        ("/", "cannot be written"),
        ("..", "it is a folder"),
    ],
)
def test_what_cannot_be_written_is_said_at_once(tmp_path: Path, path: str, said: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    before = names(tmp_path)
    with pytest.raises(OutputError) as error:
        WholeFile(tmp_path / path)
    assert said in str(error.value)
    assert on_one_line(path.rsplit("/", maxsplit=1)[-1]) in str(error.value)
    assert names(tmp_path) == before


def test_a_folder_without_permission_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    with without_rights(), pytest.raises(OutputError, match="permission denied"):
        WholeFile(folder / "out.wav")
    assert names(folder) == []


def test_a_limit_on_file_size_leaves_nothing_behind(tmp_path: Path) -> None:
    program = """
import resource, signal, sys
from pathlib import Path
from audio_io.errors import OutputError
from audio_io.whole_file import WholeFile, remove_own_part
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with WholeFile(Path(sys.argv[1])) as whole:
        handle = whole.open_text()
        for _ in range(int(sys.argv[2])):
            handle.write("x" * 100)
except OutputError as error:
    print(error)
"""
    # Far over the limit, and so little that only closing the file meets it.
    for lines in ("5000", "1001"):
        done = subprocess.run(
            [sys.executable, "-c", program, tmp_path / "out.txt", lines],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "out.txt cannot be written: it would be larger" in done.stdout
        assert done.stderr == ""
        assert names(tmp_path) == []


def test_a_full_device_is_said_as_such() -> None:
    # WholeFile never opens devices, so the real error of a full one is met one layer below.
    from audio_io.whole_file import _OutputBytes

    descriptor = os.open("/dev/full", os.O_RDWR)
    try:
        raw = _OutputBytes(descriptor, Path("out.wav"))
        with pytest.raises(OutputError, match=r"out\.wav cannot be written: the disk is full\."):
            raw.write(b"x")
    finally:
        os.close(descriptor)


def test_a_part_that_nobody_holds_is_removed_by_its_path(tmp_path: Path) -> None:
    """As when Ctrl-C comes between the making of a file and its registration for cleaning up."""
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    for name in ("out.txt", "link.txt"):
        whole = WholeFile(tmp_path / name)
        assert any(name.endswith(".part") for name in names(tmp_path))
        remove_own_part(tmp_path / name)
        assert names(tmp_path) == ["link.txt"]
        whole.abandon()
    remove_own_part(tmp_path / "none" / "out.txt")

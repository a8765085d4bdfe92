import io
from pathlib import Path
from typing import cast

from audio_io.byte_streams import FileBytes, PipeBytes
from tests.audio_io.sounds import pipe_of


def test_looking_at_the_head_of_a_file_does_not_move_the_place(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(range(256)) * 40)
    with (tmp_path / "a").open("rb", buffering=0) as file:
        data = FileBytes(file, 10_240)
        data.seek(100)
        assert data.head == (bytes(range(256)) * 40)[:4096]
        assert (data.tell(), data.read(2)) == (100, b"de")


def test_a_pipe_keeps_its_head_and_nothing_more() -> None:
    data = PipeBytes(pipe_of(bytes(range(256)) * 40))
    assert data.head == b""
    assert data.read(10) == data.head == bytes(range(10))
    while data.read(1000):
        pass
    assert data.head == (bytes(range(256)) * 40)[:4096]


def test_a_pipe_hands_over_what_has_come_and_does_not_wait_for_more() -> None:
    buffered = io.BufferedReader(cast(io.RawIOBase, pipe_of(bytes(5_000), piece_bytes=700)), 65_536)
    assert 0 < len(PipeBytes(buffered).read(4_000)) <= 700


def test_neither_tells_a_name_or_lets_a_pipe_seek() -> None:
    assert not hasattr(FileBytes, "name")
    assert not hasattr(PipeBytes, "seek")

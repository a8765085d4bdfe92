import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.terminal.keys import Key, KeyDecoder, Keys
from tests.cli.running import until

ROOT = Path(__file__).parents[3]
EVERY = [Key.TALK, Key.MUTE, Key.SWAP, Key.LOUDER, Key.QUIETER, Key.MARK, Key.QUIT]

BYTES: list[tuple[bytes, list[Key]]] = [
    (b" ms\x1b[A\x1b[Btq", EVERY),
    (b"Pp", [Key.PAUSE, Key.PAUSE]),
    (b"MSTQ", [Key.MUTE, Key.SWAP, Key.MARK, Key.QUIT]),
    (b"\x1bOA\x1bOBq", [Key.LOUDER, Key.QUIETER, Key.QUIT]),
    # With Shift or Ctrl held.
    (b"\x1b[1;2A\x1b[1;5B", [Key.LOUDER, Key.QUIETER]),
    (b"xyz\r\n\x00\x7f1", []),
    # Other arrows, Home, Delete, F1, F5.
    (b"\x1b[C\x1b[D\x1b[H\x1b[3~\x1bOP\x1b[15~", []),
    ("ñщтমস中😀".encode(), []),
    (b"\x1b[200~quit \x1b[A ms\x1b[201~t", [Key.MARK]),
    (b"\x1b[200~\x1b]ms\x1b[201~t", [Key.MARK]),
    # The Escape key, before another key and twice.
    (b"\x1bq", [Key.QUIT]),
    (b"\x1b\x1b[A", [Key.LOUDER]),
    # Answers of the terminal: its colour, its name, its place, with both ends.
    (b"\x1b]11;rgb:ffff/ms/tq\x07t", [Key.MARK]),
    (b"\x1bP>|xterm(ms)q\x1b\\t", [Key.MARK]),
    (b"\x1b[?62;4c\x1b[24;80Rt", [Key.MARK]),
]


@pytest.mark.parametrize("cut", [1, 2, 3, 1000])
@pytest.mark.parametrize(("data", "keys"), BYTES)
def test_keys_are_known_wherever_reading_cut_their_bytes(
    data: bytes, keys: list[Key], cut: int
) -> None:
    decoder = KeyDecoder()
    read = [decoder.feed(data[at : at + cut]) for at in range(0, len(data), cut)]
    assert [key for keys in read for key in keys] == keys


def test_an_answer_that_never_ends_does_not_swallow_keys_for_ever() -> None:
    decoder = KeyDecoder()
    assert decoder.feed(b"\x1b]q") == []
    decoder.quiet()
    assert decoder.feed(b"q") == [Key.QUIT]


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal: a person's, and the program's."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


def settings(terminal: int) -> list[object]:
    return list(termios.tcgetattr(terminal))


def pressed(keys: Keys, count: int) -> list[Key]:
    """The next keys, waited for."""
    found: list[Key] = []

    def enough() -> bool:
        found.extend(keys.read())
        return len(found) >= count

    until(enough)
    return found


def test_keys_come_without_enter_and_without_echo(terminal: tuple[int, int]) -> None:
    person, program = terminal
    with Keys(program) as keys:
        assert keys.available
        assert keys.read() == []
        for data, expected in ((b"m", [Key.MUTE]), (b"\x1b[Aq", [Key.LOUDER, Key.QUIT])):
            os.write(person, data)
            assert pressed(keys, len(expected)) == expected
        mode = termios.tcgetattr(program)
        assert mode[3] & termios.ISIG  # Ctrl-C stays a signal
    written = b""
    while not written.endswith(b"l"):
        written += os.read(person, 100)
    assert written == b"\x1b[?2004h\x1b[?2004l"  # no key among them


def test_the_terminal_is_as_it_was_afterwards(terminal: tuple[int, int]) -> None:
    before = settings(terminal[1])
    with pytest.raises(ZeroDivisionError), Keys(terminal[1]):
        assert settings(terminal[1]) != before
        raise ZeroDivisionError
    assert settings(terminal[1]) == before
    with Keys(terminal[1]) as keys:
        assert keys.available
    assert not keys.available
    assert keys.read() == []
    assert settings(terminal[1]) == before


def test_a_terminal_that_was_given_back_meanwhile_is_taken_again(
    terminal: tuple[int, int],
) -> None:
    before = termios.tcgetattr(terminal[1])
    with Keys(terminal[1]) as keys:
        taken = settings(terminal[1])
        termios.tcsetattr(terminal[1], termios.TCSANOW, before)
        keys.read()
        assert settings(terminal[1]) == taken
    assert settings(terminal[1]) == list(before)


def test_a_closed_window_gives_no_keys() -> None:
    person, program = pty.openpty()
    with Keys(program) as keys:
        os.close(person)
        assert keys.read() == []
    os.close(program)


def test_a_pipe_is_no_terminal() -> None:
    reading, writing = os.pipe()
    with Keys(reading) as keys:
        assert not keys.available
        assert keys.read() == []
    os.close(reading)
    os.close(writing)


def test_without_any_terminal_there_are_no_keys() -> None:
    code = (
        "from cli.terminal.keys import Keys\n"
        "with Keys() as keys:\n    print(keys.available, keys.read())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        start_new_session=True,  # leaves the terminal the tests were started from
    )
    assert (done.stdout, done.stderr) == ("False []\n", "")


def test_a_system_without_termios_has_no_keys(
    terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "termios", None)
    with Keys(terminal[1]) as keys:
        assert not keys.available
        assert keys.read() == []

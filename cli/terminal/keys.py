"""Keys pressed while the program runs, and a terminal that is given back as it was."""

import atexit
import enum
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Any, Self, TextIO

READ_BYTES = 4096
# Pasted text comes between two marks, so that a "q" in it does not quit.
_PASTE_ON, _PASTE_OFF = b"\x1b[?2004h", b"\x1b[?2004l"


class Key(enum.Enum):
    """What a key asks for."""

    TALK = enum.auto()
    """The space bar: terminals tell when a key is pressed, not when it is let go."""
    PAUSE = enum.auto()
    MUTE = enum.auto()
    SWAP = enum.auto()
    LOUDER = enum.auto()
    QUIETER = enum.auto()
    MARK = enum.auto()
    QUIT = enum.auto()


_LETTERS = {
    " ": Key.TALK,
    "p": Key.PAUSE,
    "m": Key.MUTE,
    "s": Key.SWAP,
    "t": Key.MARK,
    "q": Key.QUIT,
}
_ARROWS = {"A": Key.LOUDER, "B": Key.QUIETER}


class _In(enum.Enum):
    """Where in the bytes of a terminal the last one was."""

    PLAIN = enum.auto()
    ESCAPE = enum.auto()
    CSI = enum.auto()
    """ESC [, numbers, a letter."""
    SS3 = enum.auto()
    """ESC O and a letter: arrows while a program has asked for application keys."""
    STRING = enum.auto()
    """An answer of the terminal, up to BEL or ESC backslash."""


class KeyDecoder:
    """Keys from the bytes of a terminal, wherever reading cut them."""

    def __init__(self) -> None:
        self._state = _In.PLAIN
        self._numbers = ""
        self._pasting = False

    def feed(self, data: bytes) -> list[Key]:
        # Bytes above 127, of letters outside ASCII, are no keys, and Latin-1 keeps them so.
        found = (self._step(character) for character in data.decode("latin-1"))
        return [key for key in found if key is not None]

    def quiet(self) -> None:
        """Nothing came for a while: a terminal sends the whole of its answers at once."""
        if self._state is _In.STRING:
            self._state = _In.PLAIN

    def _step(self, character: str) -> Key | None:
        before, self._state = self._state, _In.PLAIN
        if character == "\x1b":
            self._state = _In.ESCAPE
            return None
        if before is _In.ESCAPE:
            if opened := _OPENED.get(character):
                self._state, self._numbers = opened, ""
                return None
            # The Escape key itself, and another key after it.
            before = _In.PLAIN
        if before is _In.CSI:
            return self._control(character)
        if before is _In.STRING:
            if character != "\x07":
                self._state = _In.STRING
            return None
        if self._pasting:
            return None
        return (_ARROWS if before is _In.SS3 else _LETTERS).get(
            character if before is _In.SS3 else character.lower()
        )

    def _control(self, character: str) -> Key | None:
        if " " <= character <= "?":
            self._state = _In.CSI
            self._numbers = (self._numbers + character)[-16:]
            return None
        if character == "~" and self._numbers in ("200", "201"):
            self._pasting = self._numbers == "200"
            return None
        return None if self._pasting else _ARROWS.get(character)


_OPENED = {"[": _In.CSI, "O": _In.SS3} | dict.fromkeys("]P_^X", _In.STRING)


@contextmanager
def before_stopping(leave: Callable[[], None]) -> Iterator[None]:
    """Calls `leave` when Ctrl-Z is about to stop the program.

    What it undoes is to be set up again once `in_foreground`, not when the program goes on: that
    may be in the background.
    """
    earlier = signal.getsignal(signal.SIGTSTP) if hasattr(signal, "SIGTSTP") else None
    # A shell without job control has its programs ignore Ctrl-Z.
    if earlier in (None, signal.SIG_IGN) or not _in_main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        leave()
        if callable(earlier):
            earlier(number, frame)
            return
        signal.signal(number, signal.SIG_DFL)
        # To this very thread: it must have stopped before it sets the next line's handler.
        signal.pthread_kill(threading.get_ident(), number)
        signal.signal(number, stop)

    signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, earlier)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def in_foreground(descriptor: int) -> bool:
    """Whether a terminal is ours to write to and to read. Where it is not, changing it would
    stop the program."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except AttributeError:  # Windows
        return True
    except OSError:  # not the terminal that controls us: nobody competes for it
        return os.isatty(descriptor)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether what is written to a stream appears on a terminal."""
    try:
        return stream is not None and os.isatty(stream.fileno())
    except (OSError, ValueError):  # closed, or no file
        return False


def size_of(stream: TextIO) -> tuple[int, int]:
    """Width and height of a terminal, in cells."""
    # Not Rich's: that one believes COLUMNS and LINES, which do not follow the window.
    try:
        size = os.get_terminal_size(stream.fileno())
    except OSError:
        size = os.terminal_size((0, 0))
    return size if all(size) else (80, 24)


class Keys:
    """The keys of the terminal, read without waiting and without echo.

    Ctrl-C and Ctrl-Z go on working as ever. From the end of the `with`, and while the program is
    stopped by Ctrl-Z, the terminal is as it was.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        """`descriptor`: the terminal; None looks for it, also where stdin is a pipe of sound."""
        self._wanted = descriptor
        self._terminal: int | None = None
        self._before: list[Any] | None = None
        self._decoder = KeyDecoder()
        self._exits = ExitStack()

    @property
    def available(self) -> bool:
        return self._terminal is not None

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            self._terminal = self._open(exits)
            if self._terminal is not None:
                # Once more at the very end, in case a second Ctrl-C comes while we leave.
                atexit.register(self._restore)
                exits.callback(self._restore)
                exits.enter_context(before_stopping(self._restore))
                # In the background, touching the terminal would stop the program.
                if in_foreground(self._terminal):
                    self._take()
            self._exits = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()
        atexit.unregister(self._restore)
        self._terminal = None

    def read(self) -> list[Key]:
        """The keys pressed since the last time."""
        if self._terminal is None or not in_foreground(self._terminal):
            return []
        try:
            self._take()
            if not select.select([self._terminal], [], [], 0.0)[0]:
                self._decoder.quiet()
                return []
            return self._decoder.feed(os.read(self._terminal, READ_BYTES))
        except OSError:  # the window was closed; a signal says so to the program
            return []

    def _open(self, exits: ExitStack) -> int | None:
        try:
            import termios
        except ImportError:  # Windows
            return None
        descriptor = self._wanted
        if descriptor is None:
            with suppress(OSError, ValueError, AttributeError):  # stdin may be closed
                descriptor = sys.stdin.fileno()
        if descriptor is None or not os.isatty(descriptor):
            if self._wanted is not None:
                return None
            try:
                descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
            except OSError:
                return None
            exits.callback(os.close, descriptor)
        try:
            termios.tcgetattr(descriptor)
        except termios.error:
            return None
        return descriptor

    def _take(self) -> None:
        """Have the terminal give every key at once; also when it was given back meanwhile."""
        import termios

        assert self._terminal is not None
        try:
            mode = termios.tcgetattr(self._terminal)
        except termios.error as error:
            raise OSError(*error.args) from error
        if not mode[3] & (termios.ICANON | termios.ECHO):
            return
        self._before = termios.tcgetattr(self._terminal)
        # Ctrl-S would hold back what is drawn, and with it the thread that draws.
        mode[0] &= ~termios.IXON
        mode[3] &= ~(termios.ICANON | termios.ECHO)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._terminal, termios.TCSADRAIN, mode)
        with suppress(OSError):  # stdin may be open for reading only
            os.write(self._terminal, _PASTE_ON)

    def _restore(self) -> None:
        import termios

        if self._before is None or self._terminal is None or not in_foreground(self._terminal):
            return
        with suppress(OSError):
            os.write(self._terminal, _PASTE_OFF)
        with suppress(OSError, termios.error):  # the window may be closed
            # Keys pressed too late are not left for the shell to run.
            termios.tcsetattr(self._terminal, termios.TCSAFLUSH, self._before)
        self._before = None

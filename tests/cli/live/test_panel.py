import io
import itertools
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from audio_io.chunk import AudioChunk, silence
from cli.live.panel import Panel, render
from cli.live.view import LiveView
from engine.events import SourceText, TargetText, UtteranceEnded
from engine.metrics.meter import Lag, Meter, Tally
from engine.session import Heard
from tests.cli.running import until

ROOT = Path(__file__).parents[3]
TEXTS = {
    "eng": " The council will meet again on Thursday to decide how the money is spent.",
    "ben": " পরিষদ বৃহস্পতিবার আবার বসবে এবং টাকা কীভাবে খরচ হবে তা ঠিক করবে।",
    "cmn": "市议会将于星期四再次开会，决定如何使用这笔钱。",
    "arb": " سيجتمع المجلس مرة أخرى يوم الخميس ليقرر كيف تُنفق الأموال.",
}
SIZES = [(80, 24), (120, 40), (60, 16), (40, 12), (20, 5), (10, 3), (2, 2), (1, 1), (200, 80)]


def busy_view(targets: tuple[str, ...], utterances: int = 12) -> LiveView:
    """A view with something to say in every row."""
    view = LiveView("cascade", "eng", targets, spoken=targets[0], draft=True)
    view.input_name, view.output_name = "USB Microphone (Yeti)", "Headphones (Built-in)"
    view.elapsed_s, view.meter.level_db = 754.0, -17.6
    view.volume_percent, view.echo, view.echo_holding = 80, "gate", True
    view.meter.lag = Lag(1.3, 0.5, 0.2, 0.2, 0.6)
    view.meter.tally = Tally([2.1], dropped_clauses=2, dropped_s=3.1, lost_count=1, lost_s=0.5)
    view.max_lag_s = 8.0
    view.lag_history.extend([None, 2.0, 4.0, 9.0] * 15)
    view.queued_ms, view.speed = 640.0, 1.1
    view.can_swap = view.keys_work = True
    view.marks = 3
    for number in range(utterances):
        span = (5.0 * number, 5.0 * number + 4.0)
        view.hear(SourceText(number, "eng", TEXTS["eng"], *span, committed=True))
        for code in targets:
            view.hear(TargetText(number, code, TEXTS[code], *span, committed=True))
        view.hear(UtteranceEnded(number, *span))
    view.hear(SourceText(99, "eng", " If you want", 60.0, 62.0, committed=True))
    view.hear(SourceText(99, "eng", " to speak", 60.0, 62.0, committed=False))
    return view


def slow_down(meter: Meter) -> None:
    """Each of ten seconds takes 1.4 to compute."""
    for second in range(10):
        chunk = AudioChunk(silence(100), 100, 100 * second)
        meter.progress(Heard(chunk, 0.0, 1.4))


def lines(view: LiveView, width: int, height: int, **how: bool | str) -> list[str]:
    encoding, no_color = str(how.get("encoding", "utf-8")), bool(how.get("no_color"))
    rows = render(view, width, height, encoding=encoding, no_color=no_color).rows
    return ["".join(segment.text for segment in row) for row in rows]


@pytest.mark.parametrize("troubled", [False, True])
@pytest.mark.parametrize("targets", [("ben",), ("cmn",), ("arb",), ("ben", "cmn", "arb")])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_panel_fits_every_screen(
    width: int, height: int, targets: tuple[str, ...], troubled: bool
) -> None:
    view = busy_view(targets)
    if troubled:
        view.status, view.muted = "input lost: waiting for it", True
        slow_down(view.meter)
        view.notice = "microphone 'USB' lost, waiting for it"
    for picture in (view, LiveView("parrot", None, targets)):
        for encoding in ("utf-8", "ascii"):
            shown = lines(picture, width, height, encoding=encoding)
            assert len(shown) == height
            assert all(cell_len(line) <= width for line in shown)


def test_everything_is_shown_at_80_by_24() -> None:
    shown = "\n".join(lines(busy_view(("cmn",)), 80, 24))
    for words in (
        *("s2st live", "cascade, draft", "English → Mandarin Chinese", "0:12:34"),
        *(
            "USB Microphone (Yeti)",
            "-18 dB",
            "Headphones (B…",
            "volume 80 %",
            "echo gate, holding",
        ),
        *("listening", "spoken", "If you want to speak…", TEXTS["cmn"]),
        *("lag 2.2 s", "= wait 1.3 + compute 0.5 + queue 0.2 + play 0.2", "median 2.1 s"),
        *(" ▂▄█ ▂▄█", "end lag 2.8 s", "dropped 2 (3.1 s)", "lost 1 (0.5 s)", "queued 0.6 s"),
        "space pause  m mute  s swap  ↑↓ volume  t mark  q quit",
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("keeps", "status", "shown"),
    [
        (None, "listening", ""),
        (False, "listening", "record on"),
        (False, "paused", "record silence"),
        (False, "waiting for you to talk", "record silence"),
        (True, "paused", "record all"),
    ],
)
def test_what_a_recording_keeps_is_shown(keeps: bool | None, status: str, shown: str) -> None:
    view = busy_view(("cmn",))
    view.keeps, view.status = keeps, status
    text = "\n".join(lines(view, 80, 24))
    assert (shown in text) if shown else ("record" not in text)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 16), (40, 12), (30, 8)])
def test_what_matters_is_shown_however_small_the_screen(width: int, height: int) -> None:
    view = busy_view(("cmn",))
    view.muted = True
    slow_down(view.meter)
    shown = "\n".join(lines(view, width, height))
    for words in ("eng → cmn", "muted", "! Engine 1.4", "to speak…", "q quit"):
        assert words in shown.replace("English → Mandarin Chinese", "eng → cmn")


def test_a_larger_screen_shows_more_text() -> None:
    view = busy_view(("cmn",), utterances=40)
    counts = [
        sum(TEXTS["cmn"] in line for line in lines(view, *size)) for size in [(80, 24), (120, 40)]
    ]
    assert counts[0] >= 6
    assert counts[1] >= counts[0] + 7


def test_the_newest_text_is_at_the_bottom_and_nearest_to_what_follows() -> None:
    view = LiveView("parrot", "eng", ("spa",))
    for number, text in enumerate((" one", " two")):
        view.hear(SourceText(number, "eng", text, 0.0, 1.0, committed=True))
    shown = [line.strip() for line in lines(view, 80, 24)]
    border = next(number for number, line in enumerate(shown) if "Spanish (spa) ─" in line)
    assert shown[border - 3 : border] == ["", "one", "two"]


def test_right_to_left_text_stands_at_the_right_on_lines_of_its_own() -> None:
    written = [line for line in lines(busy_view(("arb",)), 80, 24) if "الخميس" in line]
    assert written
    for line in written:
        assert line.strip() == TEXTS["arb"].strip()
        assert cell_len(line) == 79


def test_keys_that_do_nothing_are_not_offered() -> None:
    view = busy_view(("cmn",))
    view.can_swap, view.output_name = False, ""
    assert lines(view, 80, 24)[-1].split() == ["space", "pause", "t", "mark", "q", "quit"]
    assert "text only" in "\n".join(lines(view, 80, 24))
    view.keys_work = False
    assert lines(view, 80, 24)[-1].split() == ["Ctrl-C", "quit"]


def test_a_partial_differs_from_committed_text_in_style_and_without_colours_in_signs() -> None:
    view = busy_view(("cmn",))
    rows = render(view, 80, 24).rows
    styles = {segment.text: segment.style for row in rows for segment in row}
    assert str(styles["to speak…"]) == "dim italic"
    assert "If you want to speak…" in "\n".join(lines(view, 80, 24))
    assert "If you want [to speak…]" in "\n".join(lines(view, 80, 24, no_color=True))


def test_text_and_names_of_devices_command_nothing() -> None:
    view = busy_view(("cmn",))
    view.input_name = "\x1b[31mUSB [bold]mic[/bold]\x07\n"
    view.notice, view.status, view.engine = "\x1b]0;title\x07gone", "\x1b[2Jodd", "e\x1bc"
    view.hear(SourceText(99, "eng", " [red]\x1b[2Jred[/red]\r", 60.0, 62.0, committed=True))
    shown = "\n".join(lines(view, 80, 24))
    assert shown.replace("\n", "").isprintable()
    assert "USB [bold]mic[/bold]" in shown
    assert "[red]red[/red]" in shown


def test_rich_prints_the_picture() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=False)
    console.print(render(busy_view(("cmn",)), 80, 24))
    assert file.getvalue().rstrip("\n").split("\n") == lines(busy_view(("cmn",)), 80, 24)


def test_where_there_is_no_terminal_nothing_is_drawn(capfd: pytest.CaptureFixture[str]) -> None:
    with Panel(busy_view(("cmn",))) as panel:
        assert not panel.available
        panel.draw()
    assert capfd.readouterr() == ("", "")


DEMO = """
import sys, time
from pathlib import Path
from cli.terminal.keys import Key, Keys
from cli.live.view import LISTENING, PAUSED
from cli.live.panel import Panel
from tests.cli.live.test_panel import TEXTS, busy_view

view = busy_view(tuple(sys.argv[1].split(",")))
with Panel(view) as panel, Keys() as keys:
    view.keys_work = keys.available
    while True:
        for key in keys.read():
            if key is Key.QUIT:
                sys.exit(7)
            elif key is Key.TALK:
                view.status = LISTENING if view.status == PAUSED else PAUSED
            elif key is Key.MUTE:
                view.muted = not view.muted
            elif key is Key.LOUDER:
                view.volume_percent += 5
            elif key is Key.QUIETER:
                view.volume_percent -= 5
            elif key is Key.MARK:
                view.marks += 1
            elif key is Key.SWAP:
                raise RuntimeError("swap is broken")
        panel.draw()
        time.sleep(0.02)
"""


@dataclass
class Terminal:
    """A shell in a terminal of tmux."""

    socket: str

    def tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-L", self.socket, "-f", "/dev/null", *words],
            capture_output=True,
            encoding="utf-8",
            check=True,
            timeout=10,
            env={name: text for name, text in os.environ.items() if name not in UNWANTED},
        )
        return done.stdout

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def enter(self, line: str) -> None:
        self.tmux("send-keys", "-l", line)
        self.press("Enter")

    def state(self) -> str:
        """Whether the alternate screen, the cursor and the wrapping of long lines are on."""
        return self.tmux("display", "-p", "#{alternate_on} #{cursor_flag} #{wrap_flag}").strip()

    def settings(self) -> str:
        tty = self.tmux("display", "-p", "#{pane_tty}").strip()
        done = subprocess.run(
            ["stty", "-F", tty, "-a"], capture_output=True, text=True, check=True, timeout=10
        )
        return done.stdout

    def shows(self, *words: str) -> None:
        screen = ""

        def there() -> bool:
            nonlocal screen
            screen = self.screen()
            return all(each in screen for each in words)

        try:
            until(there)
        except AssertionError:
            raise AssertionError(f"{words} not on:\n{screen}") from None


UNWANTED = ("TMUX", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "LC_ALL", "PROMPT_COMMAND")
COUNT = itertools.count()
AT_PROMPT, DRAWING = "0 1 1", "1 0 0"
BASH_DOES_NOT_EDIT = "--noediting"  # its line editor changes the terminal's settings for itself


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed: the panel is not tried in a real terminal")
    # Each has a server of its own: the last one may still be closing.
    made = Terminal(f"s2st-test-{os.getpid()}-{next(COUNT)}")
    shell = f"env PS1='ready> ' bash --norc --noprofile {BASH_DOES_NOT_EDIT}"
    made.tmux("new-session", "-d", "-x", "80", "-y", "24", "-c", str(ROOT), shell)
    try:
        (tmp_path / "demo.py").write_text(DEMO, encoding="utf-8")
        made.shows("ready>")
        yield made
    finally:
        socket = Path(made.tmux("display", "-p", "#{socket_path}").strip())
        made.tmux("kill-server")
        socket.unlink(missing_ok=True)


def demo(tmp_path: Path, targets: str = "cmn") -> str:
    words = ["env", f"PYTHONPATH={ROOT}", sys.executable, str(tmp_path / "demo.py"), targets]
    return shlex.join(words)


def test_a_terminal_from_first_key_to_last(terminal: Terminal, tmp_path: Path) -> None:
    before = terminal.settings()
    terminal.enter("echo what was there before")
    terminal.enter(demo(tmp_path, "ben"))
    terminal.shows("Bengali (ben)", "listening", "volume 80 %", "marks 3", "q quit")
    assert terminal.state() == DRAWING
    assert "-icanon" in terminal.settings()
    assert "ready>" not in terminal.screen()
    # Every row at its place, although tmux and Rich count the cells of Bengali differently.
    screen = terminal.screen().split("\n")
    expected = lines(busy_view(("ben",)), 80, 24)
    assert [line.rstrip() for line in screen[:24]] == [line.rstrip() for line in expected]

    terminal.press("Space", "m", "t", "t")
    terminal.shows("paused", "go on", "unmute", "volume muted", "marks 5")
    terminal.press("Space", "m", "Up", "Up", "Up", "Down")
    terminal.shows("listening", "space pause", "volume 90 %")
    # Text pasted into the window is no keys.
    terminal.tmux("set-buffer", "quit\n")
    terminal.tmux("paste-buffer", "-p")
    terminal.press("t")
    terminal.shows("marks 6")

    terminal.tmux("resize-window", "-x", "120", "-y", "40")
    expected = lines(busy_view(("ben",)), 120, 40)
    terminal.shows(expected[3], expected[-1])
    terminal.tmux("resize-window", "-x", "60", "-y", "16")
    expected = lines(busy_view(("ben",)), 60, 16)
    terminal.shows(expected[0], expected[-1])
    terminal.tmux("resize-window", "-x", "80", "-y", "24")
    terminal.shows("volume 90 %", "0 to 9 s")

    terminal.press("C-z")
    terminal.shows("Stopped", "what was there before")
    assert terminal.state() == AT_PROMPT
    assert terminal.settings() == before
    terminal.enter("fg")
    terminal.shows("Bengali (ben)", "volume 90 %", "q quit")
    assert terminal.state() == DRAWING
    terminal.press("t")
    terminal.shows("marks 7")

    terminal.press("q")
    terminal.shows("what was there before", "ready>")
    terminal.enter("echo code $?")
    terminal.shows("code 7")
    assert terminal.state() == AT_PROMPT
    assert terminal.settings() == before


def test_a_terminal_is_given_back_after_an_error_and_after_ctrl_c(
    terminal: Terminal, tmp_path: Path
) -> None:
    before = terminal.settings()
    for key, said in (("s", "swap is broken"), ("C-c", "KeyboardInterrupt")):
        terminal.enter(demo(tmp_path))
        terminal.shows("Mandarin Chinese (cmn)", "q quit")
        terminal.press(key)
        terminal.shows(said, "ready>")
        assert terminal.state() == AT_PROMPT
        assert terminal.settings() == before


def test_keys_work_while_stdin_brings_sound_and_without_colours(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.enter(f"true | NO_COLOR=1 {demo(tmp_path)}")
    terminal.shows("If you want [to speak…]", "marks 3")
    terminal.press("t")
    terminal.shows("marks 4")
    coloured = terminal.tmux("capture-pane", "-p", "-e")
    assert "\x1b[3m" in coloured or "\x1b[2;3m" in coloured or "\x1b[0;2;3m" in coloured
    assert not [
        number for number in (*range(30, 38), *range(40, 48)) if f"\x1b[{number}m" in coloured
    ]
    terminal.press("q")
    terminal.shows("ready>")

"""The panel of the real `s2st live` in a real terminal, keys pressed through it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.cli.running import S2ST, s2st, until
from tests.cli.virtual_audio import VirtualAudio
from tests.fakes import DATA, RATE_HZ, speech

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.skipif(
        shutil.which("tmux") is None, reason="no tmux here: scripts/setup dev installs it"
    ),
]


class Terminal:
    """A tmux server of its own, with one window."""

    def __init__(self, folder: Path, env: dict[str, str], command: str) -> None:
        self._tmux = ["tmux", "-S", str(folder / "socket"), "-f", "/dev/null"]
        self._env = os.environ | env | {"TERM": "xterm-256color", "PS1": "ready$ ", "ENV": ""}
        self._run("new-session", "-d", "-x", "80", "-y", "24", "exec env PS1='ready$ ' sh -i")
        until(lambda: "ready$" in self.screen())
        self.press(command, "Enter")

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [*self._tmux, *words], env=self._env, capture_output=True, text=True, check=True
        )
        return done.stdout

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def resize(self, width: int, height: int) -> None:
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def audio() -> Iterator[VirtualAudio]:
    made = VirtualAudio()
    yield made
    made.close()


def test_a_session_in_a_terminal_from_the_first_word_to_the_summary(
    audio: VirtualAudio, tmp_path: Path
) -> None:
    command = f"{S2ST} live --tgt spa,cat"
    terminal = Terminal(tmp_path, audio.env, command)
    try:
        until(lambda: "listening" in terminal.screen())
        screen = terminal.screen()
        assert "English (eng)" in screen
        assert "virtual_microphone" in screen
        assert "virtual_speaker" in screen
        assert "spoken" in screen
        assert len(screen.splitlines()) <= 24
        audio.play(np.concatenate([speech("short.wav"), np.zeros(RATE_HZ, np.float32)]))
        until(lambda: "Mañana iremos a las montañas." in terminal.screen())
        assert "Tomorrow we will go to the mountains." in terminal.screen()
        assert "Demà" in terminal.screen()
        until(lambda: "lag 0." in terminal.screen() or "lag 1." in terminal.screen())
        terminal.press("Space")
        until(lambda: "paused" in terminal.screen())
        terminal.press("Space")
        until(lambda: "listening" in terminal.screen())
        terminal.press("m")
        until(lambda: "muted" in terminal.screen())
        terminal.press("m", "Down", "Down")
        until(lambda: "volume 80 %" in terminal.screen())
        terminal.press("t")
        until(lambda: "marks 1" in terminal.screen())
        terminal.resize(120, 40)
        until(lambda: max(map(len, terminal.screen().splitlines())) > 100)
        terminal.press("q")
        until(lambda: "words: " in terminal.screen())
        until(lambda: terminal.screen().rstrip().endswith("ready$"))
        assert "start lag" in terminal.screen()
        terminal.press("echo it is $((40+2))", "Enter")  # echoed and run: the terminal is as before
        until(lambda: "\nit is 42" in terminal.screen())
        assert "echo it is" in terminal.screen()
    finally:
        terminal.close()


def test_with_push_to_talk_only_what_is_said_between_two_presses_is_heard(
    audio: VirtualAudio, tmp_path: Path
) -> None:
    terminal = Terminal(tmp_path, audio.env, f"{S2ST} live --tgt spa --push-to-talk")
    try:
        until(lambda: "waiting for you to talk" in terminal.screen())
        assert "space talk" in terminal.screen() and "p pause" in terminal.screen()
        audio.play(speech("short.wav"))
        terminal.press("Space")
        until(lambda: "space done" in terminal.screen())
        audio.play(speech("two_sentences.wav"))
        terminal.press("Space")
        until(lambda: "space talk" in terminal.screen())
        until(lambda: "Good morning" in terminal.screen())
        assert "mountains" not in terminal.screen()
        terminal.press("p")
        until(lambda: "paused" in terminal.screen())
        terminal.press("q")
        until(lambda: "words: " in terminal.screen())
    finally:
        terminal.close()


def test_push_to_talk_without_a_terminal_is_one_line() -> None:
    ran = s2st("live", "--tgt", "spa", "--push-to-talk", "--input", DATA / "short.wav")
    assert ran.code == 2
    assert "--push-to-talk takes the space bar of a terminal" in ran.err

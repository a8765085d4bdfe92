#!/usr/bin/env python3
"""Writes docs/panel.svg again: the live panel of a real session, as a terminal shows it.

The bundled recordings are played into a virtual microphone, and the terminal is read by tmux.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 80, 24
SOUNDS = ("quickstart.wav", "two_sentences.wav", "long_sentence.wav")


def main() -> None:
    if "VIRTUAL_AUDIO_DIR" not in os.environ:
        program = ROOT / "scripts" / "virtual_audio"
        os.execv(program, [str(program), sys.executable, *sys.argv])
    with tempfile.TemporaryDirectory() as folder:
        tmux = ["tmux", "-S", f"{folder}/socket", "-f", "/dev/null"]
        command = f"{Path(sys.executable).with_name('s2st')} live --src eng --tgt spa"
        size = ["-x", str(WIDTH), "-y", str(HEIGHT)]
        subprocess.run([*tmux, "new-session", "-d", *size, command], check=True)
        try:
            time.sleep(4.0)
            for name in SOUNDS:
                sound = ROOT / "tests" / "data" / name
                subprocess.run(["paplay", "-d", "vmic_in", sound], check=True)
            screen = subprocess.run(
                [*tmux, "capture-pane", "-e", "-p"], capture_output=True, text=True, check=True
            ).stdout
        finally:
            subprocess.run([*tmux, "kill-server"], check=False)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(screen), end="", soft_wrap=True)
    (ROOT / "docs").mkdir(exist_ok=True)
    picture = console.export_svg(title="s2st live")
    picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)  # fonts of a web site
    (ROOT / "docs" / "panel.svg").write_text(picture, encoding="utf-8")
    print(screen)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What panel and audio of `s2st live` cost, beyond two PortAudio streams with empty callbacks.

The program runs in a terminal of 80x24, hears speech and speaks; its own process is measured, which
holds the panel, the keys, both streams, echo guard, lag control and recorder. The engine computes
in a process of its own, which is not counted.
"""

import argparse
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import numpy as np
from measuring import DATA, S2ST, print_circumstances, print_table, print_verdict
from recordings import english_rows
from virtual import RATE_HZ, Player, enter_virtual_audio

from audio_io.device_stream import BLOCK_MS, LATENCY_S
from audio_io.recordings.recording import open_recording

TARGET_PERCENT = 5.0
WARM_UP_S = 6.0
BARE = f"""
import sys, time
import sounddevice
options = dict(samplerate={RATE_HZ}, channels=1, blocksize={RATE_HZ * BLOCK_MS // 1000},
               latency={LATENCY_S}, dtype="float32", callback=lambda *_: None)
with sounddevice.InputStream(**options), sounddevice.OutputStream(**options):
    time.sleep(float(sys.argv[1]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each (default 60)")
    arguments = parser.parse_args()
    enter_virtual_audio()
    seconds = arguments.seconds
    bare = subprocess.Popen([sys.executable, "-c", BARE, str(seconds + WARM_UP_S + 5)])
    bare_percent = cpu_percent(bare.pid, seconds)
    bare.kill()
    bare.wait()
    rows = [("two PortAudio streams, empty callbacks", bare_percent)]
    for name, options in (
        ("s2st live", ()),
        ("s2st live --echo off", ("--echo", "off")),
        ("s2st live --json --echo off", ("--json", "--echo", "off")),
    ):
        rows.append((name, live_percent(seconds, options)))
    print_table(("processor time of the program's own process", "% of a core"), rows)
    print_verdict("panel and audio beyond the bare streams, % of a core",
                  rows[1][1] - bare_percent, TARGET_PERCENT)  # fmt: skip
    print_circumstances(
        f"{seconds:.0f} s each after {WARM_UP_S:.0f} s of warming up, in one run, over a private "
        f"PulseAudio; {RATE_HZ} Hz, blocks of {BLOCK_MS} ms; the bundled recordings over and over"
    )


def live_percent(seconds: float, options: tuple[str, ...]) -> float:
    parts = []
    for row in english_rows(DATA / "manifest.tsv"):
        with open_recording(row.audio, RATE_HZ) as recording:
            parts.extend([chunk.samples for chunk in recording])
        parts.append(np.zeros(RATE_HZ, np.float32))
    sound = np.resize(np.concatenate(parts), round((seconds + 30) * RATE_HZ))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    program = subprocess.Popen(
        [S2ST, "live", "--tgt", "spa", *options],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=os.environ | {"TERM": "xterm-256color", "S2ST_CONFIG": os.devnull},
    )
    os.close(theirs)
    threading.Thread(target=_read_away, args=(ours,), daemon=True).start()
    time.sleep(3.0)
    player = Player(sound)
    percent = cpu_percent(program.pid, seconds)
    program.send_signal(signal.SIGTERM)
    program.wait(timeout=30)
    player.stop()
    return percent


def cpu_percent(pid: int, seconds: float) -> float:
    time.sleep(WARM_UP_S)
    begun_s, before_s = time.monotonic(), _cpu_s(pid)
    time.sleep(seconds)
    return 100 * (_cpu_s(pid) - before_s) / (time.monotonic() - begun_s)


def _cpu_s(pid: int) -> float:
    """Of the process itself, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _read_away(descriptor: int) -> None:
    try:
        while os.read(descriptor, 65536):
            pass
    except OSError:  # the program is gone
        pass


if __name__ == "__main__":
    main()

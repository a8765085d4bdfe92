"""`s2st live` without a sound card: recordings, pipes, ends."""

import fcntl
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import soundfile

from cli.live.run import FINISH_S
from tests.audio_io.odd import tracks
from tests.cli.running import LONG, S2ST, SHORT, SPANISH, TWO, Ran, Running, s2st, until

pytestmark = pytest.mark.real_time

NO_SOUND = {"PULSE_SERVER": "unix:/nowhere", "PULSE_RUNTIME_PATH": "/nowhere"}
"""No sound server may be found, whatever this machine has."""


def live(*words: object, **more: object) -> Ran:
    return s2st("live", *words, env=NO_SOUND, **more)  # type: ignore[arg-type]


def records(ran: Ran, kind: str) -> list[dict[str, object]]:
    found = [json.loads(line) for line in ran.out.splitlines()]
    return [record for record in found if record["type"] == kind]


needs_silence = pytest.mark.skipif(
    Path("/proc/asound/cards").exists()
    and "no soundcards" not in Path("/proc/asound/cards").read_text(),
    reason="this machine has a sound card",
)


def test_a_recording_is_translated_as_if_somebody_spoke_it_now() -> None:
    began_s = time.monotonic()
    ran = live("--tgt", "spa", "--no-speech", "--input", SHORT)
    assert (ran.code, ran.out) == (0, f"{SPANISH}\n")
    assert time.monotonic() - began_s > 3.0  # it lasts 3.0 s
    assert "eng  Tomorrow we will go to the mountains." in ran.err
    assert "nothing was lost" in ran.err


@needs_silence
def test_without_any_sound_device_the_error_says_how_to_play_a_recording() -> None:
    for words in (("live", "--tgt", "spa"), ("devices",), ("devices", "--level")):
        ran = s2st(*words, env=NO_SOUND)
        assert ran.code == 1
        assert len(ran.err.splitlines()) == 1, ran.err
        assert "s2st: This machine has no " in ran.err
        assert "`s2st live --input FILE --pace`" in ran.err


@needs_silence
def test_without_a_speaker_there_is_text_and_a_line_that_says_so() -> None:
    ran = live("--tgt", "spa", "--input", SHORT, "--quiet")
    assert (ran.code, ran.out) == (0, f"{SPANISH}\n")
    assert "This machine has no speaker: there is only text." in ran.err


@pytest.mark.parametrize("how", ["--json", "--quiet"])
def test_a_recording_that_was_cut_off_is_told_as_s2st_file_does_and_fails(
    how: str, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.wav"
    cut.write_bytes(TWO.read_bytes()[:60_000])
    line = f"{cut}: 2.2 s of sound from 1.9 s on is missing: the recording was cut off. "
    line += "The rest was translated."
    done = s2st("file", cut, "--tgt", "spa", "-o", tmp_path / "out", "--quiet")
    ran = live("--tgt", "spa", "--no-speech", "--input", cut, how)
    piped = live("--tgt", "spa", "--no-speech", "--input", "-", how, stdin=cut.read_bytes())
    assert (done.code, ran.code, piped.code) == (1, 1, 1)
    assert line in done.err.splitlines()
    assert line in ran.err.splitlines()
    assert line.replace(str(cut), "standard input") in piped.err.splitlines()


def test_a_full_disk_of_a_recording_is_said_with_json_too(tmp_path: Path) -> None:
    """As where no file may grow past 32 kB."""
    command = f"ulimit -f 32; exec {S2ST} live --tgt spa --no-speech --json --input {SHORT}"
    done = subprocess.run(
        ["bash", "-c", f"{command} --record {tmp_path / 'kept'}"],
        capture_output=True,
        text=True,
        env=os.environ | NO_SOUND,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "s2st: The recording ended early: '" in done.stderr
    assert "cannot be written: File too large." in done.stderr
    assert SPANISH.split()[0] in done.stdout


@pytest.mark.parametrize("option", ["--input", "--output"])
def test_an_empty_name_is_called_empty(option: str) -> None:
    for name in ("", " "):
        ran = live("--tgt", "spa", "--no-speech", option, name)
        assert ran.code == 2
        (line,) = ran.complaints
        assert line.startswith(f"s2st: {option} is empty. Leave it out for the default ")


def test_keeping_all_that_is_said_takes_a_recording() -> None:
    ran = live("--tgt", "spa", "--input", SHORT, "--record-all")
    assert ran.code == 2
    assert ran.complaints == ["s2st: --record-all is for recordings. Give --record DIR, too."]


def test_a_pipe_is_heard_as_it_comes_and_to_its_end() -> None:
    sound = TWO.read_bytes()[44:]
    words = ("--tgt", "spa,cat", "--no-speech", "--json", "--input", "-")
    ran = live(*words, "--rate", 16_000, stdin=sound)
    assert ran.code == 0
    committed = [r for r in records(ran, "target_text") if r["committed"]]
    assert "".join(str(r["text"]) for r in committed if r["language"] == "spa") == (
        "Buenos días. Hoy es un día bello."
    )
    assert {r["language"] for r in committed} == {"spa", "cat"}
    assert records(ran, "audio_lost") == []
    (summary,) = records(ran, "summary")
    assert summary["source_words"] == 7
    assert_time_goes_on(ran)


def assert_time_goes_on(ran: Ran) -> None:
    """Every line has its time, and none is before the one above it."""
    times_s = [json.loads(line)["at_s"] for line in ran.out.splitlines()]
    assert times_s == sorted(times_s)


@pytest.mark.parametrize("given", ["/dev/stdin < {}", "<(cat {})"])
def test_what_a_shell_opens_is_heard_from_its_beginning(given: str) -> None:
    line = f"{S2ST} live --tgt spa --no-speech --quiet --input {given.format(SHORT)}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{SPANISH}\n"), done.stderr


def test_partial_text_comes_before_the_committed_one() -> None:
    ran = live("--tgt", "spa", "--no-speech", "--json", "--input", SHORT)
    texts = records(ran, "source_text")
    first = next(index for index, record in enumerate(texts) if record["committed"])
    assert first >= 3
    assert_time_goes_on(ran)


def test_the_duration_ends_it() -> None:
    ran = live("--tgt", "spa", "--no-speech", "--input", TWO, "--duration", 2, "--json")
    assert ran.code == 0
    (summary,) = records(ran, "summary")
    assert float(str(summary["elapsed_s"])) >= 2
    assert 0 < float(str(summary["heard_s"])) < 4  # not to its end


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_cleanly_and_what_was_said_is_there(
    number: signal.Signals, tmp_path: Path
) -> None:
    words = ("--tgt", "spa", "--no-speech", "--input", TWO, "--record", tmp_path / "kept")
    with Running("live", *words, env=NO_SOUND) as running:
        source = tmp_path / "kept" / "source.wav"
        until(source.exists)
        until(lambda: source.stat().st_size > 80_000)
        os.killpg(running.process.pid, number)
        ran = running.ended()
        assert running.processes() == []
    assert ran.code == (0 if number == signal.SIGINT else 128 + number), ran.err
    assert "Buenos días." in ran.out
    assert "Traceback" not in ran.err
    assert "buenos" in (tmp_path / "kept" / "spa.srt").read_text(encoding="utf-8").lower()


def test_an_engine_that_dies_is_one_line_and_leaves_nothing_running() -> None:
    words = ("--tgt", "spa", "--no-speech", "--input", TWO, "--json")
    with Running("live", *words, env=NO_SOUND) as running:
        assert running.process.stdout is not None
        assert running.process.stdout.readline()
        engines = [pid for pid, line in running.processes() if "spawn_main" in line]
        assert len(engines) == 1
        os.kill(engines[0], signal.SIGKILL)
        ran = running.ended()
        assert running.processes() == []
    assert ran.code == 1
    assert ran.complaints == [
        "s2st: The engine's process ended (signal 9). Is there enough memory? "
        "`s2st doctor` tries every part."
    ]


def test_an_engine_that_hangs_is_stopped_by_a_second_ctrl_c() -> None:
    words = ("--tgt", "spa", "--no-speech", "--input", TWO, "--json")
    with Running("live", *words, env=NO_SOUND) as running:
        assert running.process.stdout is not None
        assert running.process.stdout.readline()
        (engine,) = [pid for pid, line in running.processes() if "spawn_main" in line]
        os.kill(engine, signal.SIGSTOP)
        began_s = time.monotonic()
        running.press_ctrl_c()
        time.sleep(0.3)  # two that come at once are one
        running.press_ctrl_c()
        ran = running.ended()
        assert time.monotonic() - began_s < FINISH_S
        assert running.processes() == []
    assert ran.code == 1
    assert "Traceback" not in ran.err


def test_a_reader_that_stops_reading_does_not_keep_it_from_ending() -> None:
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    command = [str(S2ST), "live", "--tgt", "spa", "--no-speech", "--json", "--input", str(LONG)]
    process = subprocess.Popen(
        command,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=os.environ | NO_SOUND,
    )
    os.close(theirs)
    _, err = process.communicate(timeout=40)
    os.close(ours)
    assert process.returncode == 1
    assert b"lines were not read from standard output in time" in err


def test_a_full_disk_behind_standard_output_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [S2ST, "live", "--tgt", "spa", "--no-speech", "--quiet", "--input", str(SHORT)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | NO_SOUND,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert "s2st: Standard output cannot be written (No space left on device)." in done.stderr
    assert "report it" not in done.stderr


def test_who_reads_only_the_first_line_disturbs_nothing() -> None:
    command = f"{S2ST} live --tgt spa --no-speech --json --input {TWO} | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        text=True,
        env=os.environ | NO_SOUND,
        timeout=60,
        check=False,
    )
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_which_of_several_tracks_is_heard_is_told(tmp_path: Path) -> None:
    sound, rate_hz = soundfile.read(SHORT, dtype="float32")
    path = tracks(tmp_path / "a.mkv", [0 * sound[None], sound[None]], "flac", rate_hz=rate_hz)
    ran = live("--input", path, "--tgt", "spa", "--no-speech", "--plain")
    assert (ran.code, SPANISH in ran.out) == (0, True)
    assert "heard sound track 2 of 2, since those before it are silent" in ran.err

"""`--jobs` of an engine with weights: streams of one process."""

import json
import os
import shutil
import signal
import threading
from pathlib import Path

import soundfile

from tests.cli.running import Running, contents, inside, names, parts, until
from tests.fakes import DATA

TINY = DATA / "seamless"
SEAMLESS = ("--engine", "seamless", "--model-dir", TINY, "--dtype", "fp32", "--max-len-b", 400)
LIVELY = ("--decision-threshold", 0.15, "--max-consecutive-write", 6)


def recordings(folder: Path, count: int, seconds: float = 5.0) -> None:
    """So many, each a bit shorter than the one before."""
    folder.mkdir()
    samples, rate_hz = soundfile.read(TINY / "speech.wav", dtype="float32")
    for number in range(count):
        end = int((seconds - 0.3 * number) * rate_hz)
        soundfile.write(folder / f"{number}.wav", samples[:end], rate_hz, subtype="FLOAT")


def test_recordings_at_once_come_to_what_they_come_to_one_by_one(tmp_path: Path) -> None:
    recordings(tmp_path / "in", 3)
    words = ("file", tmp_path / "in", "--tgt", "spa", *SEAMLESS, *LIVELY, "--format", "srt,txt,wav")
    for jobs in (1, 3):
        ran = inside(*words, "-o", tmp_path / f"out{jobs}", "--jobs", jobs)
        assert ran.code == 0, ran.err
    alone, together = (contents(tmp_path / f"out{jobs}") for jobs in (1, 3))
    assert sorted(alone) == sorted(together) != []
    for name in alone:
        if not name.endswith(".wav"):
            assert alone[name] == together[name], name
            continue
        one, other = (
            soundfile.read(tmp_path / f"out{jobs}" / name, dtype="int16")[0] for jobs in (1, 3)
        )
        assert len(one) == len(other) > 0
        assert abs(one.astype(int) - other).max() <= 33  # 1e-3 of full scale


def test_a_bad_recording_among_streams_fails_alone(tmp_path: Path) -> None:
    recordings(tmp_path / "in", 2, seconds=3.0)
    (tmp_path / "in" / "empty.wav").touch()
    words = ("--tgt", "spa", *SEAMLESS, "--format", "txt", "--jobs", 3, "-o", tmp_path / "out")
    ran = inside("file", tmp_path / "in", *words)
    assert ran.code == 1
    assert [line for line in ran.complaints if "empty.wav" in line] == ran.complaints
    assert names(tmp_path / "out") == ["0.spa.txt", "1.spa.txt"]


def test_ctrl_c_among_streams_leaves_nothing_half_written(tmp_path: Path) -> None:
    recordings(tmp_path / "in", 4, seconds=11.0)
    out = tmp_path / "out"
    with Running(
        "file", tmp_path / "in", "--tgt", "spa", *SEAMLESS, *LIVELY, "-o", out, "--jobs", 2
    ) as run:
        until(lambda: len(parts(out)) >= 4)
        os.killpg(run.process.pid, signal.SIGINT)
        ran = run.ended()
    assert ran.code == 130
    assert "Traceback" not in ran.err
    assert not parts(out)
    stems = {name.partition(".")[0] for name in names(out)}
    assert names(out) == sorted(f"{stem}.spa.{form}" for stem in stems for form in ("srt", "wav"))


def test_ctrl_c_leaves_nothing_of_a_stream_that_waits_for_a_pipe_either(tmp_path: Path) -> None:
    recordings(tmp_path / "in", 1, seconds=3.0)
    pipe, out = tmp_path / "pipe.wav", tmp_path / "out"
    os.mkfifo(pipe)
    words = (*SEAMLESS, "--tgt", "spa", "--jobs", 2, "-o", out)
    with Running("file", pipe, tmp_path / "in" / "0.wav", *words) as run:
        writer = os.open(pipe, os.O_WRONLY)
        try:
            begun = (TINY / "speech.wav").read_bytes()[:600_000]
            threading.Thread(target=os.write, args=(writer, begun), daemon=True).start()
            until(lambda: (out / "0.spa.wav").exists() and any("pipe" in n for n in parts(out)))
            os.killpg(run.process.pid, signal.SIGINT)
            ran = run.ended()
        finally:
            os.close(writer)
    assert ran.code == 130
    assert "Traceback" not in ran.err
    assert not parts(out)


def test_a_trace_takes_the_place_of_nothing(tmp_path: Path) -> None:
    sound = tmp_path / "t.wav"
    shutil.copy(TINY / "speech.wav", sound)
    words = ("file", sound, *SEAMLESS, "--tgt", "spa", "--format", "txt", "-o", tmp_path / "out")
    assert "write over the input" in inside(*words, "--trace", sound).err
    ran = inside(*words, "--trace", tmp_path / "out" / "t.spa.txt")
    assert "is the name of a result" in ran.err
    assert "takes the name of a file, not -" in inside(*words, "--trace", "-").err
    kept = tmp_path / "kept.jsonl"
    kept.write_text("mine")
    assert "exists already" in inside(*words, "--trace", kept).err
    resumed = inside(*words, "--trace", kept, "--resume")
    assert "kept.jsonl' exists already. s2st has no record of writing it." in resumed.err
    assert kept.read_text() == "mine"
    assert sound.read_bytes() == (TINY / "speech.wav").read_bytes()


def test_options_about_weights_mean_nothing_to_an_engine_without(tmp_path: Path) -> None:
    words = ("file", DATA / "short.wav", "--dry-run", "-o", tmp_path)
    for option in (("--model-dir", TINY), ("--device", "cpu"), ("--dtype", "fp32"), ("--compile",)):
        ran = inside(*words, *option)
        assert ran.code == 2
        assert f"{option[0]} means nothing to the engine 'cascade'" in ran.err
    assert inside(*words, env={"S2ST_DEVICE": "cpu"}).code == 0


def test_what_cannot_be_loaded_fails_every_recording_with_the_reason(tmp_path: Path) -> None:
    recordings(tmp_path / "in", 2)
    broken = tmp_path / "model"
    shutil.copytree(TINY, broken, ignore=shutil.ignore_patterns("cases"))
    (broken / "vocoder.pt").write_bytes(b"no checkpoint")
    ran = inside(
        *("file", tmp_path / "in", "--engine", "seamless", "--model-dir", broken, "--tgt", "spa"),
        *("--jobs", 2, "-o", tmp_path / "out"),
    )
    assert ran.code == 1
    assert len(ran.complaints) == 2
    assert all("vocoder.pt" in line for line in ran.complaints)
    assert names(tmp_path / "out") == []


def test_a_target_without_a_voice_is_written_and_not_spoken(tmp_path: Path) -> None:
    words = ("file", DATA / "short.wav", *SEAMLESS, "--dry-run", "-o", tmp_path)
    ran = inside(*words, "--tgt", "kan,spa")
    assert ran.code == 0
    assert "Kannada (kan): text only, seamless has no voice for it" in ran.err
    assert "short.kan.srt" in ran.out and "short.kan.wav" not in ran.out
    assert "short.spa.wav" in ran.out

    ran = inside(*words, "--tgt", "kan", "--format", "wav")
    assert ran.code == 2
    assert "only writes Kannada (kan). Add srt or txt to --format." in ran.err


def test_a_voice_is_asked_for_by_the_models_number(tmp_path: Path) -> None:
    words = ("file", DATA / "short.wav", *SEAMLESS, "--tgt", "spa,fra", "-o", tmp_path)
    for voices, says in [
        (("1",), "--speaker 1 does not say of which target. For example --speaker spa=1."),
        (("spa=1,deu=3",), "--speaker deu=3: German is none of the targets."),
        (("spa=1", "spa=2"), "--speaker gives Spanish two voices: 1 and 2."),
        (("spa=",), "--speaker spa= names no voice."),
    ]:
        ran = inside(*words, *(part for voice in voices for part in ("--speaker", voice)))
        assert ran.code == 2
        assert says in ran.err
    for voice in ("9", "²"):
        ran = inside(*words, "--speaker", f"spa={voice}")
        assert ran.code == 1
        assert f"No speaker is called '{voice}'. There is: 1." in ran.err


def test_the_encoder_window_says_that_it_is_not_the_reference(tmp_path: Path) -> None:
    words = ("file", TINY / "speech.wav", *SEAMLESS, *LIVELY, "--no-vad", "--tgt", "spa")
    trace = ("--trace", tmp_path / "trace.jsonl", "--speaker", "1")
    ran = inside(*words, "--encoder-window", 4000, *trace, "--format", "txt", "-o", tmp_path)
    assert ran.code == 0
    assert "not the reference's model" in ran.err
    records = [json.loads(line) for line in (tmp_path / "trace.jsonl").read_text().splitlines()]
    assert all(record["encoder_window_ms"] == 4000 for record in records)
    ran = inside(*words, "--encoder-window", 10, "-o", tmp_path)
    assert ran.code == 2

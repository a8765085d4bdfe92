"""`s2st evaluate` as a user has it: the real program, real recordings, the draft engine."""

import json
import os
import signal
import time
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.cli.running import Ran, Running, inside, until
from tests.fakes import DATA

MANIFEST = DATA / "few.tsv"
M4T = ("--engine", "m4t", "--model-dir", DATA / "m4t")
AGENTS = DATA / "agents"
QUIET = ("--quiet",)
ECHO = """from simuleval.agents import SpeechToTextAgent
from simuleval.agents.actions import ReadAction, WriteAction
from simuleval.utils import entrypoint

@entrypoint
class Says(SpeechToTextAgent):
    def policy(self, states=None):
        states = states or self.states
        return WriteAction({text!r}, True) if states.source_finished else ReadAction()
"""
"""An agent that says one thing at the end."""
TAKES_WAIT = """    @staticmethod
    def add_args(parser):
        parser.add_argument("--wait-k", type=int, required=True)

"""


def scores(ran: Ran) -> dict[str, float | None]:
    """What `--json` printed."""
    assert ran.code == 0, ran.err
    (record,) = [json.loads(line) for line in ran.out.splitlines()]
    return {score["name"]: score["value"] for score in record["scores"]}


def unclocked(values: dict[str, float | None]) -> dict[str, float | None]:
    return {
        name: value for name, value in values.items() if name != "RTF" and not name.endswith("_CA")
    }


def read_summary(folder: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return summary


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled recordings through the draft engine, once."""
    folder = tmp_path_factory.mktemp("once") / "out"
    ran = inside("evaluate", "--data-file", MANIFEST, "-o", folder, "--computation-aware", *QUIET)
    assert ran.code == 0, ran.err
    return folder


def values_in(folder: Path) -> dict[str, float | None]:
    return {score["name"]: score["value"] for score in read_summary(folder)["scores"]}


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """The length of SimulEval's published example, at its rate."""
    samples = 0.01 * np.random.default_rng(0).standard_normal(151_040)
    soundfile.write(tmp_path / "noise.wav", samples, 22_050)
    reference = " ".join(f"{second} second" for second in range(1, 8))
    manifest = tmp_path / "noise.tsv"
    manifest.write_text(f"id\taudio\ttgt_text\nnoise\tnoise.wav\t{reference}\n")
    return manifest


def test_simulevals_published_example_gives_its_published_scores(noise: Path) -> None:
    ran = inside(
        *("evaluate", "--data-file", noise, "--agent", AGENTS / "counter.py"),
        *("--source-segment-size", 1000, "--json", *QUIET),
    )

    seen = {name: value and round(value, 3) for name, value in scores(ran).items()}
    assert seen["BLEU"] == 100.0
    assert seen["LAAL"] == seen["AL"] == 822.018
    assert seen["AP"] == 0.581
    assert seen["DAL"] == 1061.271
    assert seen["ATD"] == 2028.555


def test_the_agents_own_options_reach_it(noise: Path, tmp_path: Path) -> None:
    ran = inside(
        *("evaluate", "--data-file", noise, "--agent", AGENTS / "counter.py"),
        *("--agent-args", "--unit minute", "-o", tmp_path / "out", *QUIET),
    )

    assert ran.code == 0, ran.err
    line = (tmp_path / "out" / "instances.log").read_text()
    assert "7 minute" in json.loads(line)["prediction"]


def test_a_run_leaves_scores_and_the_files_of_simuleval(once: Path) -> None:
    lines = [json.loads(line) for line in (once / "instances.log").read_text().splitlines()]
    assert [line["index"] for line in lines] == [0, 1, 2, 3]
    assert lines[1]["prediction"] == "Mañana iremos a las montañas."
    assert lines[1]["source"][0] == str(DATA / "short.wav")
    assert (once / "config.yaml").read_text() == "source_type: speech\ntarget_type: text\n"
    names = [line.split("\t")[0] for line in (once / "scores.tsv").read_text().splitlines()]
    assert names[:5] == ["name", "BLEU", "chrF", "TER", "AL"]
    assert (once / "metrics.tsv").read_text().count("\n") == 5
    assert all(value is not None for value in values_in(once).values())


def simulevals(folder: Path) -> dict[str, float]:
    """What SimulEval itself makes of the files of a run."""
    from argparse import Namespace

    from simuleval.evaluator import SentenceLevelEvaluator

    arguments = Namespace(
        output=str(folder),
        score_only=True,
        no_scoring=False,
        computation_aware=False,
        no_use_ref_len=False,
        eval_latency_unit="word",
        source_type="speech",
        target_type="text",
        no_progress_bar=True,
        latency_metrics=["AL", "LAAL", "AP", "DAL", "ATD"],
        quality_metrics=["BLEU"],
        sacrebleu_tokenizer="13a",
    )
    config = (folder / "config.yaml").read_text()
    try:
        results = SentenceLevelEvaluator.from_args(arguments).results
    finally:
        (folder / "config.yaml").write_text(config)  # SimulEval writes a wrong one
    return {name: values[0] for name, values in results.items()}


def test_simuleval_scores_the_files_again_the_same(once: Path) -> None:
    ours = values_in(once)

    theirs = simulevals(once)

    for name in ("BLEU", "AL", "LAAL", "AP", "DAL", "ATD"):
        assert theirs[name] == pytest.approx(ours[name], abs=5e-4), name


def test_marks_for_unclear_words_are_no_words_of_a_hypothesis(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    ran = inside(
        *("evaluate", "--data-file", MANIFEST, "--end-index", 3, "--policy", "file"),
        *("--min-confidence", 0.9, "-o", folder),
    )

    assert ran.code == 0, ran.err
    lines = [json.loads(line) for line in (folder / "instances.log").read_text().splitlines()]
    assert not any("[" in line["prediction"] for line in lines)
    assert all(len(line["prediction"].split()) == len(line["delays"]) for line in lines)
    [told] = [line for line in ran.out.splitlines() if "[unclear]" in line]
    marks = int(told.split()[0])
    assert marks > 0
    [row] = [line for line in (folder / "scores.tsv").read_text().splitlines() if told in line]
    assert row.split("\t")[:2] == ["unclear", str(marks)]
    theirs, ours = simulevals(folder), values_in(folder)
    for name in ("BLEU", "AL", "LAAL", "AP", "DAL", "ATD"):
        assert theirs[name] == pytest.approx(ours[name], abs=5e-4), name


def test_an_engine_is_scored_by_all_it_writes_unless_asked_otherwise(
    once: Path, tmp_path: Path
) -> None:
    all_kept = tmp_path / "out"
    ran = inside(
        *("evaluate", "--data-file", MANIFEST, "--min-confidence", 0, "-o", all_kept, *QUIET)
    )

    assert ran.code == 0, ran.err
    assert values_in(all_kept)["BLEU"] == values_in(once)["BLEU"]
    assert "unclear" not in (once / "scores.tsv").read_text()


def test_computation_aware_numbers_differ_and_are_never_smaller(once: Path) -> None:
    seen = values_in(once)
    pairs = [
        (seen[name.removesuffix("_CA")], value)
        for name, value in seen.items()
        if name.endswith("_CA")
    ]

    assert len(pairs) == 7
    for ideal, aware in pairs:
        assert ideal is not None and aware is not None and aware > ideal


@pytest.mark.parametrize("how", [(), ("--jobs", 2)], ids=["again", "two at once"])
def test_scores_are_the_same_to_the_last_digit(once: Path, how: tuple[object, ...]) -> None:
    ran = inside("evaluate", "--data-file", MANIFEST, "--json", *QUIET, *how)

    assert unclocked(scores(ran)) == unclocked(values_in(once))


@pytest.mark.ray
def test_scores_on_ray_are_the_same_to_the_last_digit(once: Path) -> None:
    ran = inside(
        "evaluate", "--data-file", MANIFEST, "--json", "--ray", "local", "--jobs", 2, *QUIET
    )

    assert unclocked(scores(ran)) == unclocked(values_in(once))


def test_a_killed_run_goes_on_where_it_stopped(once: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("evaluate", "--data-file", MANIFEST, "-o", out, *QUIET)
    with Running(*words) as run:
        until(lambda: (out / "results.jsonl").exists() and _lines(out) >= 2)
        run.process.send_signal(signal.SIGKILL)
        run.process.wait()
    kept = _lines(out)
    with (out / "results.jsonl").open("a") as file:
        file.write('{"index": 3, "id": "half wri')

    ran = inside(*words, "--resume", "--json")

    assert 2 <= kept < 5
    assert unclocked(scores(ran)) == unclocked(values_in(once))


def _lines(folder: Path) -> int:
    return (folder / "results.jsonl").read_text().count("\n")


def test_a_sweep_spells_an_agents_option_either_way(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000), 16_000)
    (tmp_path / "t.tsv").write_text("audio\ttgt_text\na.wav\tuno\n")
    agent = ECHO.format(text="uno").replace("    def policy", TAKES_WAIT + "    def policy")
    (tmp_path / "agent.py").write_text(agent)
    for name in ("wait_k", "wait-k"):
        words = ("evaluate", "--data-file", tmp_path / "t.tsv", "--agent", tmp_path / "agent.py")
        ran = inside(*words, "--sweep", f"{name}=1,3", "--json", *QUIET)
        assert ran.code == 0, ran.err
        settings = [json.loads(line)["setting"] for line in ran.out.splitlines()]
        assert settings == [f"{name}=1", f"{name}=3"]


def test_runs_over_other_references_are_told_apart(tmp_path: Path) -> None:
    folders = []
    for number, text in enumerate(("uno", "one")):
        manifest = folder_of(tmp_path, "same")
        manifest.write_text(manifest.read_text().replace("1 second", text))
        folders.append(tmp_path / str(number))
        assert inside("evaluate", "--data-file", manifest, *COUNT, "-o", folders[-1]).code == 0
    ran = inside("evaluate", "--compare", *folders)
    assert ran.code == 2
    assert "the reference of 'same' is 'uno' in A and 'one' in B." in ran.err


def test_a_killed_workers_items_run_again(once: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Running("evaluate", "--data-file", MANIFEST, "-o", out, "--jobs", 2, *QUIET) as run:
        until(lambda: len(_workers(run)) == 2)
        time.sleep(1.0)  # they load, then hear
        os.kill(_workers(run)[0], signal.SIGKILL)
        assert run.process.wait(60) == 0

    assert unclocked(values_in(out)) == unclocked(values_in(once))


def _workers(run: Running) -> list[int]:
    return sorted(pid for pid, command in run.processes() if "spawn_main" in command)


def test_a_finished_folder_is_not_run_over(once: Path) -> None:
    ran = inside("evaluate", "--data-file", MANIFEST, "-o", once)

    assert ran.code == 2
    assert "holds an evaluation already. --resume goes on with it" in ran.err


def test_other_options_are_not_resumed(once: Path) -> None:
    ran = inside(
        "evaluate", "--data-file", MANIFEST, "-o", once, "--resume", "--source-segment-size", 640
    )

    assert ran.code == 2
    assert "was run with another source_segment_size: 320, now 640." in ran.err


def test_resuming_what_is_finished_only_scores_it(once: Path) -> None:
    before = unclocked(values_in(once))
    ran = inside("evaluate", "--data-file", MANIFEST, "-o", once, "--resume", "--json", "-q")

    assert unclocked(scores(ran)) == before


def test_only_the_items_asked_for_are_run(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = inside(
        *("evaluate", "--data-file", MANIFEST, "-o", out, "--no-scoring", *QUIET),
        *("--start-index", 1, "--end-index", 2),
    )

    assert ran.code == 0
    assert ran.out == ""
    (line,) = (out / "instances.log").read_text().splitlines()
    assert json.loads(line)["index"] == 1
    assert not (out / "scores.tsv").exists()


def test_transcripts_are_scored_by_words(tmp_path: Path) -> None:
    ran = inside("evaluate", "--data-file", MANIFEST, "--task", "asr", "--json", *QUIET)

    wer = scores(ran)["WER"]
    assert wer is not None and 0 <= wer < 30


def test_speech_is_kept_and_measured_with_its_text(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = inside(
        *("evaluate", "--data-file", MANIFEST, "-o", out, "--task", "s2st", *QUIET),
        *("--start-index", 1, "--end-index", 3, "--quality-metrics", "BLEU,ASR_BLEU,NE"),
        *("--latency-metrics", "StartOffset,EndOffset,ATD", "--computation-aware"),
    )

    assert ran.code == 0, ran.err
    seen = {score["name"]: score for score in read_summary(out)["scores"]}
    assert seen["BLEU"]["value"] > 50
    assert seen["ASR_BLEU"]["value"] is None
    assert "--asr-model" in seen["ASR_BLEU"]["reason"]
    assert "ASR_BLEU" in ran.out and "not measured" in ran.out
    assert seen["NE"]["value"] > 0
    assert seen["EndOffset"]["value"] > 500
    assert seen["EndOffset_CA"]["value"] > seen["EndOffset"]["value"]
    first = json.loads((out / "instances.log").read_text().splitlines()[0])
    samples, rate_hz = soundfile.read(first["prediction"])
    assert len(samples) / rate_hz == pytest.approx(first["prediction_length"], abs=0.01)


def test_a_sweep_runs_each_value_and_makes_one_report(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = inside(
        *("evaluate", "--data-file", MANIFEST, "-o", out, *QUIET, "--json"),
        *("--sweep", "max_utterance_ms=1000,6000", "--latency-metrics", "AL"),
    )

    assert ran.code == 0, ran.err
    short, long = (json.loads(line) for line in ran.out.splitlines())
    assert (short["setting"], long["setting"]) == (
        "max_utterance_ms=1000",
        "max_utterance_ms=6000",
    )
    lags = [next(s["value"] for s in each["scores"] if s["name"] == "AL") for each in (short, long)]
    assert lags[0] < lags[1]
    assert (out / "max_utterance_ms=1000" / "instances.log").is_file()
    assert (out / "report.html").is_file()


def test_a_sweep_of_an_engine_with_weights_gives_a_curve(tmp_path: Path) -> None:
    ran = inside(
        *("evaluate", "--data-file", MANIFEST, "--start-index", 1, "--end-index", 3, *M4T),
        *("--dtype", "fp32", "--jobs", 2),
        *("--sweep", "frames=0,12", "-o", tmp_path / "out", *QUIET),
    )
    assert ran.code == 0, ran.err
    lags = [values_in(tmp_path / "out" / f"frames={frames}")["AL"] for frames in (0, 12)]
    assert lags[0] is not None and lags[1] is not None
    assert lags[0] < lags[1]
    assert (tmp_path / "out" / "report.html").is_file()


def test_runs_are_compared_with_confidence(once: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    doubting = ("--policy", "file", "--min-confidence", 0.95)
    words = ("evaluate", "--data-file", MANIFEST, "-o", other, *doubting, *QUIET)
    assert inside(*words).code == 0

    ran = inside("evaluate", "--compare", once, other)
    same = inside("evaluate", "--compare", once, once)

    assert ran.code == 0, ran.err
    rows = {line.split()[0]: line for line in ran.out.splitlines() if line[:1].isupper()}
    assert "too few" in rows["TER"]  # four recordings tell nothing
    assert "+" in rows["AL"] or "-" in rows["AL"]
    assert "RTF: not compared" not in ran.out
    assert "bs:1000" in ran.out and "seed:12345" in ran.out
    assert same.out.count("the same") >= 10


DEADLY = """
import os, signal
from simuleval.agents import SpeechToTextAgent
from simuleval.agents.actions import WriteAction

class Deadly(SpeechToTextAgent):
    def policy(self):
        if self.states.source[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return WriteAction("x", finished=self.states.source_finished)
"""


def test_a_foreign_agent_that_dies_of_one_item_fails_only_that(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text(DEADLY)
    for name, level in (("good", 0.5), ("deadly", -0.5), ("fine", 0.5)):
        soundfile.write(tmp_path / f"{name}.wav", np.full(1600, level), 16_000)
    rows = "".join(f"{name}.wav\tx\n" for name in ("good", "deadly", "fine"))
    (tmp_path / "t.tsv").write_text("audio\ttgt_text\n" + rows)

    ran = inside(
        *("evaluate", "--data-file", tmp_path / "t.tsv", "-o", tmp_path / "out", "-q"),
        *("--agent", tmp_path / "agent.py"),
    )

    assert ran.code == 1
    (complaint,) = ran.complaints
    assert "deadly" in complaint and "signal 9" in complaint
    assert read_summary(tmp_path / "out")["failed"] == 1
    assert "2 of 3 recordings" in ran.out


def folder_of(tmp_path: Path, *names: str) -> Path:
    """Noise under these names, and a manifest of it."""
    chance = np.random.default_rng(0)
    for name in names:
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * chance.standard_normal(16_000), 16_000)
    rows = "".join(f"{name}\t{name}.wav\t1 second\n" for name in names)
    (tmp_path / "t.tsv").write_text("id\taudio\ttgt_text\n" + rows)
    return tmp_path / "t.tsv"


COUNT = ("--agent", AGENTS / "counter.py", *QUIET)


def test_talks_are_compared_by_their_sentences(tmp_path: Path) -> None:
    manifest = folder_of(tmp_path, "a")
    seg = "".join(f"a.wav\t{start}\t0.5\t1 second\n" for start in (0, 0.5))
    (tmp_path / "seg.tsv").write_text("audio\toffset\tduration\ttgt_text\n" + seg)
    for name, size in (("one", 320), ("two", 500)):
        ran = inside(
            *("evaluate", "--data-file", manifest, "-o", tmp_path / name, *COUNT),
            *("--segmentation", tmp_path / "seg.tsv", "--source-segment-size", size),
        )
        assert ran.code == 0, ran.err

    ran = inside("evaluate", "--compare", tmp_path / "one", tmp_path / "two", "--json")

    found = {record["name"]: record for record in map(json.loads, ran.out.splitlines())}
    for name, folder in (("first", "one"), ("second", "two")):
        stored = values_in(tmp_path / folder)
        assert found["chrF"][name] == pytest.approx(stored["chrF"], abs=1e-6)


def test_the_target_may_come_from_the_environment(tmp_path: Path) -> None:
    ran = inside(
        *("evaluate", "--data-file", folder_of(tmp_path, "a"), "--json", *COUNT),
        env={"S2ST_TGT": "cat"},
    )

    assert json.loads(ran.out)["tgt"] == "cat"


BAD = [
    ([], "Name a test set"),
    (["--data-file", "gone.tsv"], "gone.tsv does not exist"),
    (["--data-file", "columns.tsv"], "has no column 'tgt_text'; it has: id, audio, text"),
    (["--data-file", "columns.tsv", "--ref-field", "words"], "has no column 'words'"),
    (["--data-file", "missing.tsv"], "line 3: the recording 'gone.wav' is not there"),
    (["--data-file", "empty.tsv"], "line 2: column 'tgt_text' is empty"),
    (["--data-file", "tabs.tsv"], "line 2: 4 fields where the header has 3"),
    (["--data-file", "good.tsv", "--quality-metrics", "COMET"], "No quality metric is called"),
    (["--data-file", "good.tsv", "--latency-metrics", "AL_SpeechAlign_BOW"], "not offered"),
    (["--data-file", "good.tsv", "--jobs", 2, "--computation-aware"], "reads the clock"),
    (["--data-file", "good.tsv", "--jobs", 2, "--latency-metrics", "RTF"], "reads the clock"),
    (["--data-file", "good.tsv", "--ray", "local", "--computation-aware"], "with --ray"),
    (["--data-file", "good.tsv", "--task", "s2x"], "No task is called 's2x'"),
    (["--data-file", "good.tsv", "--tgt", "bre"], "No engine here covers"),
    (["--data-file", "good.tsv", "--latency-unit", "spm"], "go together"),
    (["--data-file", "good.tsv", "--sweep", "x"], "is not NAME=VALUE"),
    (["--data-file", "good.tsv", "--sweep", "x=1"], "knows no 'x'"),
    (["--data-file", "good.tsv", "--sweep", "max_utterance_ms=1"], "less than 1000"),
    (["--data-file", "good.tsv", "--sweep", "max_utterance_ms=../../x"], "cannot name a folder"),
    (["--data-file", "good.tsv", "--sweep", "/tmp/x=1"], "is no name of a setting"),
    (["--data-file", "good.tsv", "--sweep", "min_confidence=nan"], "cannot be nan"),
    (["--data-file", "good.tsv", "--sweep", "min_confidence=5"], "cannot be 5"),
    (
        ["--data-file", "good.tsv", *M4T, "--sweep", "window-s=8,10"],
        "--sweep window-s means nothing here: it is of mode chunked, and this is mode streamatt",
    ),
    (
        [
            "--data-file",
            "good.tsv",
            *M4T,
            "--mode",
            "chunked",
            "--window",
            9,
            "--sweep",
            "mode=chunked,streamatt",
        ],
        "With mode=streamatt --window means nothing here",
    ),
    (["--data-file", "good.tsv", "--engine", "m4t", "--speaker", 45], "Type: s2st models pull"),
    (["--data-file", "good.tsv", *M4T, "--tgt", "sat"], "not Santali"),
    (["--data-file", "good.tsv", "--asr-model", ""], "takes the name or the folder"),
    (["--data-file", "good.tsv", "--engine", "cascade", "--agent", "x.py"], "Give one of them"),
    (["--data-file", "marks.tsv", "--task", "asr"], "line 2: column 'src_text' holds no words"),
    (["--compare", "a", "b", "-o", "c"], "runs nothing"),
    (["--compare", "a", "b", "--tgt", "spa"], "no more. Leave out --tgt."),
    (["--compare", "a", "b", "--beams", 2], "Leave out --beams."),
    (["--data-file", "good.tsv", "--target", "short.txt"], "--target is the references of Simul"),
    (["--source", "list.txt", "--audio-root", "."], "--audio-root-dir is of a tsv"),
    (["--source", "list.txt", "--ref-field", "x"], "--ref-field is a column of a tsv"),
    (["--source", "list.txt", "--target", "last.txt"], "last.txt, line 2: the reference is empty"),
    (["--source", "gap.txt"], "gap.txt, line 2 is empty"),
    (["--source", "far.txt"], "line 1: the recording 'far.wav' is not there. Paths start where"),
    (["--data-file", "good.tsv", "--overwrite"], "--overwrite replaces what is in a folder"),
    (
        ["--data-file", "good.tsv", "--no-scoring", "--latency-metrics", "AL"],
        "--no-scoring scores nothing. Leave out --latency-metrics.",
    ),
    (["--data-file", "good.tsv", "--asr-model", "tiny"], "--asr-model is for ASR_BLEU"),
    (
        ["--data-file", "good.tsv", "--engine", "cascade", "--device", "cpu"],
        "--device means nothing",
    ),
    (["--data-file", "good.tsv", "--agent", "x.py", "--vad", "silero"], "--vad means nothing to a"),
    (["--data-file", "good.tsv", "--agent", "x.py", "--policy", "file"], "--policy means nothing"),
    (["--data-file", "good.tsv", "--agent-args", "--x"], "is about an agent"),
    (["--data-file", "good.tsv", "--agent", "gone.py"], "no agent file"),
    (["--data-file", "good.tsv", "--start-index", 7], "They go from 0 to 0"),
    (["--data-file", "good.tsv", "--bleu-tokenizer", "x"], "no tokenizer 'x'"),
    (["--data-file", "good.tsv", "--resume"], "Name it with --output"),
    (["--data-file", "good.tsv", "-o", "good.tsv"], "cannot be made"),
    (["--data-file", "good.tsv", "-o", "."], "which is not of an evaluation"),
    (["--compare", "a", "b"], "holds no finished evaluation"),
    (
        ["--data-file", "good.tsv", *M4T, "--device", "banjo"],
        "'banjo' is no device. There is: auto",
    ),
    (["--data-file", "good.tsv", *M4T, "--dtype", "fp7"], "'fp7' is no number format."),
    (["--data-file", "good.tsv", *M4T, "--vad", "nope"], "No voice detector is called 'nope'"),
    (["--data-file", "good.tsv", "--no-vad"], "has to find. Leave out --no-vad."),
    (
        ["--data-file", "good.tsv", *M4T, "--mode", "chunked", "--overlap", -1],
        "an overlap is no less than 0, and not -1 s",
    ),
    (["--source", "list.txt", "--target", "short.txt"], "has 2 lines and"),
    (["--data-file", "pairs.tsv"], "several languages in column 'tgt_lang': cat, spa"),
]


@pytest.mark.parametrize(("words", "says"), BAD)
def test_what_cannot_be_is_one_clear_line(
    words: list[object], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", np.zeros(1600), 16_000)
    Path("good.tsv").write_text("id\taudio\ttgt_text\na\ta.wav\tuno\n")
    Path("columns.tsv").write_text("id\taudio\ttext\na\ta.wav\tuno\n")
    Path("missing.tsv").write_text("audio\ttgt_text\na.wav\tuno\ngone.wav\tdos\n")
    Path("empty.tsv").write_text("audio\ttgt_text\na.wav\t \n")
    Path("tabs.tsv").write_text("id\taudio\ttgt_text\na\ta.wav\tuno\tdos\n")
    Path("pairs.tsv").write_text(
        "id\taudio\ttgt_lang\ttgt_text\na\ta.wav\tspa\tuno\nb\ta.wav\tcat\tu\n"
    )
    Path("marks.tsv").write_text("audio\tsrc_text\na.wav\t...\n")
    Path("list.txt").write_text("a.wav\na.wav\n")
    Path("short.txt").write_text("uno\n")
    Path("last.txt").write_text("uno\n\n")
    Path("gap.txt").write_text("a.wav\n\na.wav\n")
    Path("far.txt").write_text("far.wav\n")

    ran = inside("evaluate", *words)

    assert ran.code in (1, 2)
    assert ran.out == ""
    (complaint,) = ran.complaints
    assert says in complaint
    assert "Traceback" not in ran.err


def test_letters_and_their_accents_apart_are_the_same_text(tmp_path: Path) -> None:
    """An agent, and a list, that write NFD; the list names its recordings as they lie beside it."""
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000), 16_000)
    said = "mañana iré a la montaña más alta"
    apart = unicodedata.normalize("NFD", said)
    (tmp_path / "list.txt").write_text("a.wav\n")
    (tmp_path / "agent.py").write_text(ECHO.format(text=apart))
    for text, notes in ((apart, 1), (said, 0)):
        (tmp_path / "said.txt").write_text(f"{text}\n")
        ran = inside(
            *("evaluate", "--source", tmp_path / "list.txt", "--target", tmp_path / "said.txt"),
            *("--agent", tmp_path / "agent.py", "--json"),
        )
        assert scores(ran)["BLEU"] == pytest.approx(100.0)
        assert scores(ran)["chrF"] == pytest.approx(100.0)
        assert "text composed (NFC)" in ran.out
        assert ran.err.count("accents apart (NFD): they are scored as NFC") == notes


def test_quotes_in_a_reference_are_letters(noise: Path, tmp_path: Path) -> None:
    text = '"1 second" 2 "" second'
    noise.write_text(f"id\taudio\ttgt_text\nnoise\tnoise.wav\t{text}\n")

    ran = inside(
        *("evaluate", "--data-file", noise, "--agent", AGENTS / "counter.py"),
        *("-o", tmp_path / "out", *QUIET),
    )

    assert ran.code == 0, ran.err
    line = (tmp_path / "out" / "instances.log").read_text()
    assert json.loads(line)["reference"] == text


def test_rows_in_other_languages_are_left_out_and_named(tmp_path: Path) -> None:
    rows = MANIFEST.read_text() + "fremd\tshort.wav\tdeu\tGuten Tag\teng\tGood day\n"
    manifest = DATA / ".test_other_languages.tsv"
    manifest.write_text(rows)
    try:
        ran = inside(
            "evaluate", "--data-file", manifest, "--src", "eng", "--end-index", 1, "--no-scoring"
        )
    finally:
        manifest.unlink()

    assert ran.code == 0, ran.err
    assert "left out: line 6 (fremd) is in deu to eng" in ran.err

"""The folder `s2st evaluate` writes to: nothing foreign goes, and nothing stale stays."""

from pathlib import Path

import pytest

from tests.cli.evaluate.test_evaluate import AGENTS, COUNT, QUIET, folder_of, read_summary, scores
from tests.cli.running import inside


def test_overwriting_removes_nothing_but_an_evaluations_own(tmp_path: Path) -> None:
    manifest, out = folder_of(tmp_path, "a", "b"), tmp_path / "out"
    assert inside("evaluate", "--data-file", manifest, "-o", out, *COUNT).code == 0
    (out / "wavs").mkdir()
    (out / "wavs" / "mine.wav").write_bytes(b"mine")
    (out / "notes.txt").write_text("mine")

    ran = inside("evaluate", "--data-file", manifest, "-o", out, *COUNT, "--overwrite")

    assert ran.code == 0, ran.err
    assert (out / "wavs" / "mine.wav").read_bytes() == b"mine"
    assert (out / "notes.txt").read_text() == "mine"


def test_a_run_that_comes_to_nothing_leaves_nothing(tmp_path: Path) -> None:
    manifest = folder_of(tmp_path, "a")

    ran = inside(
        *("evaluate", "--data-file", manifest, "-o", tmp_path / "out", *QUIET),
        *("--agent", AGENTS / "several.py", "--agent-class", "Reader"),
    )

    assert ran.code == 1
    assert not (tmp_path / "out" / "results.jsonl").exists()


def test_a_folder_of_something_else_is_never_taken(tmp_path: Path) -> None:
    manifest = folder_of(tmp_path, "a")
    (tmp_path / "project" / "wavs").mkdir(parents=True)

    ran = inside(
        *("evaluate", "--data-file", manifest, "-o", tmp_path / "project", *COUNT, "--overwrite")
    )

    assert ran.code == 2
    assert "holds 'wavs', which is not of an evaluation" in ran.err


def test_recordings_are_not_kept_where_speech_is_written(tmp_path: Path) -> None:
    (tmp_path / "out" / "wavs").mkdir(parents=True)
    manifest = folder_of(tmp_path / "out" / "wavs", "a")
    (tmp_path / "out" / "results.jsonl").write_text("")

    ran = inside("evaluate", "--data-file", manifest, "-o", tmp_path / "out", *COUNT)

    assert ran.code == 2
    assert "lies where speech would be written" in ran.err


def test_what_was_only_run_can_be_scored_later_with_other_references(tmp_path: Path) -> None:
    manifest, out = folder_of(tmp_path, "a"), tmp_path / "out"
    words = ("evaluate", "--data-file", manifest, "-o", out, *COUNT)
    assert inside(*words, "--no-scoring").code == 0
    assert '"reference": "1 second"' in (out / "instances.log").read_text()
    manifest.write_text(manifest.read_text().replace("1 second", "something else"))

    ran = inside(*words, "--resume", "--json", "--quality-metrics", "TER")

    # "1 second" three times, against two other words.
    assert scores(ran)["TER"] == pytest.approx(300.0)


def test_times_of_items_that_ran_at_once_are_not_scored_afterwards(tmp_path: Path) -> None:
    manifest, out = folder_of(tmp_path, "a", "b"), tmp_path / "out"
    words = ("evaluate", "--data-file", manifest, "-o", out, *COUNT)
    assert inside(*words, "--jobs", 2).code == 0

    ran = inside(*words, "--resume", "--computation-aware", "--latency-metrics", "AL,RTF", "--json")

    seen = scores(ran)
    assert seen["AL"] is not None
    assert seen["AL_CA"] is None and seen["RTF"] is None
    assert read_summary(out)["circumstances"]["workers"] == "2"


def test_other_recordings_are_not_resumed_and_moved_ones_are(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    manifest, out = folder_of(tmp_path / "here", "a", "b"), tmp_path / "out"
    words = ("evaluate", "-o", out, *COUNT, "--resume", "--data-file")
    assert inside("evaluate", "-o", out, *COUNT, "--data-file", manifest).code == 0
    (tmp_path / "here").rename(tmp_path / "there")
    moved = tmp_path / "there" / "t.tsv"

    assert inside(*words, moved).code == 0
    sound = tmp_path / "there" / "a.wav"
    sound.write_bytes(sound.read_bytes()[:-2] + b"\1\1")
    changed = inside(*words, moved)

    assert changed.code == 2
    assert "was run over other recordings" in changed.err


def test_another_agent_of_the_same_name_does_not_go_on(tmp_path: Path) -> None:
    manifest, out = folder_of(tmp_path, "a"), tmp_path / "out"
    agent = tmp_path / "agent.py"
    agent.write_text((AGENTS / "counter.py").read_text())
    words = ("evaluate", "--data-file", manifest, "-o", out, "--agent", agent, *QUIET)
    assert inside(*words).code == 0
    agent.write_text(agent.read_text() + "# changed\n")

    ran = inside(*words, "--resume")

    assert ran.code == 2
    assert "another agent_file" in ran.err


def test_two_runs_do_not_write_into_one_folder(tmp_path: Path) -> None:
    from engine.evaluation.folder import claimed

    manifest, out = folder_of(tmp_path, "a"), tmp_path / "out"
    with claimed(out):
        ran = inside("evaluate", "--data-file", manifest, "-o", out, *COUNT)
        assert (out / "results.jsonl").exists()  # the other's

    assert ran.code == 2
    assert "Another evaluation is writing to" in ran.err


def test_scores_do_not_outlive_the_results_they_are_of(tmp_path: Path) -> None:
    manifest, out = folder_of(tmp_path, "a"), tmp_path / "out"
    words = ("evaluate", "--data-file", manifest, "-o", out, *COUNT)
    assert inside(*words).code == 0
    assert (out / "summary.json").is_file() and (out / "report.html").is_file()

    assert inside(*words, "--overwrite", "--no-scoring").code == 0

    assert not (out / "summary.json").exists()
    assert not (out / "report.html").exists()


def test_a_summary_without_its_results_is_refused(tmp_path: Path) -> None:
    manifest, out = folder_of(tmp_path, "a"), tmp_path / "out"
    assert inside("evaluate", "--data-file", manifest, "-o", out, *COUNT).code == 0
    (out / "results.jsonl").unlink()

    ran = inside("evaluate", "--compare", out, out)

    assert ran.code == 2
    assert "do not belong together" in ran.err

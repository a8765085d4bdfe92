"""`s2st evaluate --compare A B`: two finished runs side by side."""

from dataclasses import asdict
from pathlib import Path

from audio_io.errors import UsageError
from cli.evaluate.progress import table
from engine.evaluation.summary import Summary, read_summary
from engine.metrics.compare import (
    ComparedRun,
    Difference,
    check_comparable,
    compare_latencies,
    compare_texts,
)
from engine.metrics.scores import LATENCY, QUALITY, reads_clock
from engine.text.records import as_line


def run_compare(first: Path, second: Path, *, json: bool) -> int:
    """Prints the differences of what both have measured; gives the exit code."""
    before, after = read_summary(first), read_summary(second)
    found = differences(before, after)
    if json:
        for each in found:
            print(as_line({"type": "difference", **asdict(each), "difference": each.difference}))
        return 0
    for letter, summary in (("A", before), ("B", after)):
        print(f"{letter}: {summary.folder} ({_title(summary)})")
    print()
    head = ("score", "A", "", "B", "B - A", "95 %", "p", "")
    rows = [head, *(_row(each) for each in found)]
    for line in table(rows):
        print(line)
    print()
    print("p: how likely chance alone makes such a difference; below 0.05 it is taken for real")
    for method in dict.fromkeys(each.method for each in found):
        names = ", ".join(each.name for each in found if each.method == method)
        print(f"  {names}: {method}")
    for name, why in left_out(before, after).items():
        print(f"  {name}: not compared, {why}")
    return 0


def differences(first: Summary, second: Summary) -> list[Difference]:
    """Of every score that both runs measured. Raises a `UsageError` where they cannot be
    compared."""
    check_comparable(first.done, second.done)
    if [pair[0] for pair in first.sentences] != [pair[0] for pair in second.sentences]:
        raise UsageError("The two runs cut their talks along other sentences.")
    skipped = left_out(first, second)
    both = [score.name for score in first.scores if score.name not in skipped]
    tokenizer = str(first.run["bleu_tokenizer"])
    before, after = (
        ComparedRun(each.done, each.transcripts, each.sentences) for each in (first, second)
    )
    found = compare_texts(both, before, after, tokenizer)
    for each in found:
        _check_same_score(each, first, second)
    for name in both:
        if name in first.per_item and name in second.per_item:
            unit = LATENCY[name.removesuffix("_CA")].unit
            lags = compare_latencies(name, unit, first.per_item[name], second.per_item[name])
            if lags is not None:
                found.append(lags)
    return found


def left_out(first: Summary, second: Summary) -> dict[str, str]:
    """Scores of the first run that cannot be compared with the second's, and why."""
    others = {score.name: score for score in second.scores}
    why: dict[str, str] = {}
    same_machine = all(
        first.circumstances.get(name) == second.circumstances.get(name)
        for name in ("machine", "workers", "threads")
    )
    for score in first.scores:
        other = others.get(score.name)
        if score.value is None or other is None or other.value is None:
            why[score.name] = "one of the runs has not measured it"
        elif score.settings != other.settings:
            why[score.name] = "they were measured differently"
        elif reads_clock(score.name) and not same_machine:
            why[score.name] = "they read the clock in other circumstances"
        elif first.sentences and score.name not in QUALITY:
            why[score.name] = "latencies of sentences are not kept one by one"
    return why


def _check_same_score(each: Difference, first: Summary, second: Summary) -> None:
    """What is computed again must be what was reported."""
    for summary, value in ((first, each.first), (second, each.second)):
        reported = summary.value(each.name)
        if reported is None or abs(reported - value) > 1e-6:
            raise UsageError(
                f"'{summary.folder}' reports {each.name} {reported}, and its results give {value}.",
                hint="--resume scores it again.",
            )


def _title(summary: Summary) -> str:
    run = summary.run
    parts = [str(run["system"]), str(run["task"]), f"{run['src']} to {run['tgt']}"]
    return ", ".join([*parts, summary.setting] if summary.setting else parts)


def _row(each: Difference) -> tuple[str, ...]:
    metric = QUALITY.get(each.name) or LATENCY[each.name.removesuffix("_CA")]
    better = ""
    holds_zero = each.interval is not None and each.interval[0] <= 0 <= each.interval[1]
    if each.p_value is not None and each.p_value < 0.05 and not holds_zero:
        better = "B is better" if (each.difference < 0) == metric.lower_is_better else "A is better"
    interval = ""
    if each.interval is not None:
        interval = f"{each.interval[0]:+.3f} to {each.interval[1]:+.3f}"
    p_value = "the same" if not each.difference else "too few"
    if each.p_value is not None:
        p_value = f"{each.p_value:.3f}"
    values = (f"{each.first:.3f}", each.unit, f"{each.second:.3f}", f"{each.difference:+.3f}")
    return (each.name, *values, interval, p_value, better)

"""`s2st evaluate --compare A B`: two finished runs side by side."""

from dataclasses import asdict
from pathlib import Path

from cli.evaluate_view import table
from cli.records import as_line
from engine.evaluation.summary import Summary, read_summary
from engine.metrics.compare import (
    ComparedRun,
    Difference,
    check_comparable,
    compare_latencies,
    compare_texts,
)
from engine.metrics.scores import LATENCY, QUALITY


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
    return 0


def differences(first: Summary, second: Summary) -> list[Difference]:
    """Of every score that both runs measured. Raises a `UsageError` where they cannot be
    compared."""
    check_comparable(first.done, second.done)
    both = [
        score.name
        for score in first.scores
        if score.value is not None and second.value(score.name) is not None
    ]
    tokenizer = first.run.get("bleu_tokenizer", "13a")
    before, after = (ComparedRun(each.done, each.transcripts) for each in (first, second))
    found = compare_texts(both, before, after, tokenizer)
    for name in both:
        if name in first.per_item and name in second.per_item:
            unit = LATENCY[name.removesuffix("_CA")].unit
            each = compare_latencies(name, unit, first.per_item[name], second.per_item[name])
            if each is not None:
                found.append(each)
    return found


def _title(summary: Summary) -> str:
    run = summary.run
    parts = [str(run["system"]), str(run["task"]), f"{run['src']} to {run['tgt']}"]
    return ", ".join([*parts, summary.setting] if summary.setting else parts)


def _row(each: Difference) -> tuple[str, ...]:
    metric = QUALITY.get(each.name) or LATENCY[each.name.removesuffix("_CA")]
    better = ""
    if each.p_value is not None and each.p_value < 0.05 and each.difference:
        better = "B is better" if (each.difference < 0) == metric.lower_is_better else "A is better"
    interval = ""
    if each.interval is not None:
        interval = f"{each.interval[0]:+.3f} to {each.interval[1]:+.3f}"
    p_value = "the same" if each.p_value is None else f"{each.p_value:.3f}"
    values = (f"{each.first:.3f}", each.unit, f"{each.second:.3f}", f"{each.difference:+.3f}")
    return (each.name, *values, interval, p_value, better)

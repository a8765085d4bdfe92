"""`report.html`: an evaluation as one page that needs nothing but a browser.

All that comes from data is text, never markup: it is escaped where it stands in HTML, and the
figures get it as JSON in which nothing can end the script. The page may only run the scripts whose
digests it names, and may fetch nothing.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

from plotly.offline import get_plotlyjs

from cli.evaluate.page.figures import Figures, figures, finite
from cli.evaluate.page.html import (
    as_text,
    choices,
    definitions,
    figure,
    isolated,
    one_line,
    select,
)
from engine.evaluation.files import write_text
from engine.evaluation.longform import NAMES as LONGFORM
from engine.evaluation.summary import Summary
from engine.languages import language_name
from engine.metrics.scores import LATENCY, QUALITY, Score, shown

FAILED = 300
"""How many failed recordings are listed."""
_ASSETS = (
    "page.css",
    "plots.js",
    "timeline.js",
    "page.js",
)
_NO_MARKUP = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def write_page(path: Path, summaries: Sequence[Summary]) -> None:
    """The page of one run, or of all runs of a sweep. Raises an `OutputError` when it cannot be
    written."""
    drawn = figures(summaries)
    body = "\n".join(
        [
            _head(summaries),
            _table(summaries),
            _how(summaries),
            _balance(summaries),
            _lags(summaries, drawn),
            _timeline(summaries, drawn),
            f'<script type="application/json" id="data">{_data(drawn)}</script>',
        ]
    )
    page = _document(_title(summaries[0]), body)
    # Names of files may hold halves of characters, which no text file can.
    write_text(path, page.encode("utf-8", "replace").decode("utf-8"))


def _document(title: str, body: str) -> str:
    style, *own = (files("cli.evaluate.page").joinpath(name).read_text("utf-8") for name in _ASSETS)
    scripts = [get_plotlyjs(), *own]
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data: blob:; "
        f"style-src 'unsafe-inline'; script-src {' '.join(map(_digest, scripts))}"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{as_text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"{body}\n</main>\n"
        + "".join(f"<script>{script}</script>\n" for script in scripts)
        + "</body>\n</html>\n"
    )


def _digest(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _data(drawn: Figures) -> str:
    record = asdict(drawn)
    record["lower_is_better"] = [name for name, each in QUALITY.items() if each.lower_is_better]
    record["units"] = {name: each.unit for name, each in {**QUALITY, **LATENCY}.items()}
    record["units"] |= dict.fromkeys(LONGFORM, "ms")
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_NO_MARKUP)


def _title(summary: Summary) -> str:
    run = summary.run
    languages = language_name(str(run["src"]))
    if run["task"] != "asr":
        languages += f" to {language_name(str(run['tgt']))}"
    return f"{run['system']}, {run['task']}, {languages}"


def _head(summaries: Sequence[Summary]) -> str:
    parts = [f"<h1>{isolated(_title(summaries[0]))}</h1>"]
    parts += [f"<p>{_extent(summary)}</p>" for summary in summaries]
    failed = [(summary, result) for summary in summaries for result in summary.failed]
    if failed:
        parts.append("<h2>Recordings that failed</h2>")
        lines = [
            f"<li>{_run_before(summary)}{isolated(result.id)}: "
            f"{isolated(one_line(result.error))}</li>"
            for summary, result in failed[:FAILED]
        ]
        if len(failed) > FAILED:
            lines.append(f"<li>and {len(failed) - FAILED} more, in results.jsonl</li>")
        parts.append(f'<ul class="failed">{"".join(lines)}</ul>')
    return "\n".join(parts)


def _extent(summary: Summary) -> str:
    done, of = len(summary.done), len(summary.results)
    said = f"{_run_before(summary)}{done} of {of} recordings, {summary.source_s:.1f} s of sound"
    lost = [result.lost_ms for result in summary.done if result.lost_ms]
    if lost:
        said += f"; {sum(lost) / 1000:.1f} s of {len(lost)} of them could not be read"
    return said


def _table(summaries: Sequence[Summary]) -> str:
    names = dict.fromkeys(score.name for summary in summaries for score in summary.scores)
    if not names:
        return "<h2>Scores</h2>\n<p>No score was asked for.</p>"
    heads = "".join(
        f'<th scope="col" class="number">{isolated(summary.setting or "value")}</th>'
        for summary in summaries
    )
    rows = []
    for name in names:
        found = [_score(summary, name) for summary in summaries]
        unit = next((score.unit for score in found if score is not None), "")
        rows.append(
            f'<tr><th scope="row">{as_text(name)}</th>{"".join(map(_cell, found))}'
            f"<td>{as_text(unit)}</td><td>{as_text(_what(name))}</td></tr>"
        )
    return (
        '<h2>Scores</h2>\n<div class="scroll"><table>\n'
        f'<thead><tr><th scope="col">score</th>{heads}<th scope="col">unit</th>'
        f'<th scope="col">what it is</th></tr></thead>\n<tbody>{"".join(rows)}</tbody>\n'
        "</table></div>"
    )


def _score(summary: Summary, name: str) -> Score | None:
    return next((score for score in summary.scores if score.name == name), None)


def _cell(score: Score | None) -> str:
    value = None if score is None else finite(score.value)
    if score is not None and value is not None:
        return f'<td class="number">{shown(score.value)}</td>'
    reason = "not asked for" if score is None else score.reason
    return f'<td class="number">{shown(None)} <small dir="auto">{as_text(reason)}</small></td>'


def _what(name: str) -> str:
    plain = name.removesuffix("_CA")
    metric = QUALITY.get(name) or LATENCY.get(plain)
    what = metric.what if metric is not None else ""
    if plain in LONGFORM:
        what = f"OmniSTEval's {LONGFORM[plain]}, over the sentences of talks"
    return f"{what}, computing included" if what and name.endswith("_CA") else what


def _how(summaries: Sequence[Summary]) -> str:
    """What a second run must have the same, where it is equal said once."""
    names: dict[str, list[str]] = {}
    for score in (score for summary in summaries for score in summary.scores):
        same = names.setdefault(score.settings, []) if score.settings else []
        if score.name not in same:
            same.append(score.name)
    settings = [(", ".join(same), [each]) for each, same in names.items()]
    circumstances = _differing(summaries, [summary.circumstances for summary in summaries])
    run = _differing(summaries, [_written(summary.run) for summary in summaries])
    return (
        "<details><summary>How each was measured</summary>\n"
        f"{definitions(settings)}\n{definitions(circumstances)}\n</details>\n"
        f"<details><summary>What was run</summary>\n{definitions(run)}\n</details>"
    )


def _written(run: Mapping[str, object]) -> dict[str, str]:
    """What was run, each value as text; what was not given is left out."""
    said = {}
    for name, value in run.items():
        text = "" if value is None else str(value)
        if isinstance(value, Mapping):
            text = ", ".join(f"{key} = {each}" for key, each in value.items())
        if text:
            said[name.replace("_", " ")] = text
    return said


def _differing(
    summaries: Sequence[Summary], texts: Sequence[Mapping[str, str]]
) -> list[tuple[str, list[str]]]:
    """Each name with its text; with the text of each run, where they differ."""
    said = []
    for name in dict.fromkeys(name for each in texts for name in each):
        values = [each.get(name, "") for each in texts]
        if len(set(values)) > 1:
            runs = zip(summaries, values, strict=True)
            values = [f"{summary.setting}: {value}" for summary, value in runs]
        said.append((name, list(dict.fromkeys(values))))
    return said


def _balance(summaries: Sequence[Summary]) -> str:
    """Quality against latency."""
    title = "<h2>Quality against latency</h2>\n"
    measured = dict.fromkeys(
        score.name
        for summary in summaries
        for score in summary.scores
        if finite(score.value) is not None
    )
    qualities = [name for name in measured if name in QUALITY]
    latencies = [name for name in measured if name not in QUALITY]
    for names, kind in ((qualities, "quality"), (latencies, "latency")):
        if not names:
            return f"{title}<p>There is no such figure, as no {kind} was measured.</p>"
    selects = select("balance-quality", "Quality", qualities)
    selects += select("balance-latency", "Latency", latencies)
    caption = "Each point is one run"
    caption += ", joined in the order of the sweep." if len(summaries) > 1 else "."
    return f"{title}{choices(selects)}{figure('balance', 'Quality against latency', caption)}"


def _lags(summaries: Sequence[Summary], drawn: Figures) -> str:
    title = "<h2>Lag of each recording</h2>\n"
    names = dict.fromkeys(name for run in drawn.runs for name in run.lags)
    if not names or not drawn.recordings:
        return f"{title}<p>No latency of single recordings was measured.</p>"
    selects = _run_select("lag-run", summaries) + select("lag-latency", "Latency", names)
    selects += select("lag-order", "Order", ["as in the test set", "largest first"])
    caption = "A bar is a recording; click it to see its timeline. The dashed line is the mean."
    note = f"<p>These are {as_text(drawn.note)}.</p>\n" if drawn.note else ""
    bars = figure("lag", "Lag of each recording", caption)
    counts = figure("spread", "How many recordings have which lag", "All recordings counted.")
    return f'{title}{note}{choices(selects)}<div class="beside">{bars}{counts}</div>'


def _timeline(summaries: Sequence[Summary], drawn: Figures) -> str:
    title = "<h2>Timeline of a recording</h2>\n"
    if not drawn.recordings:
        return f"{title}<p>No recording was finished.</p>"
    note = f"<p>To choose from: {as_text(drawn.note)}.</p>\n" if drawn.note else ""
    ids = [heard.id for heard in drawn.recordings]
    selects = _run_select("timeline-run", summaries)
    selects += select("timeline-recording", "Recording", ids)
    caption = (
        "Solid: how much of the recording had been sent. Faint: the same and the time that "
        "computing took. Drag to look closer, double-click to see all."
    )
    return (
        f"{title}{note}{choices(selects)}"
        f"{figure('timeline', 'What was said, written and spoken when', caption)}\n"
        '<p class="quiet" id="timeline-note"></p>\n<dl id="timeline-texts"></dl>\n'
        "<details><summary>The same as a table</summary>"
        '<div class="listing" id="timeline-table"></div></details>'
    )


def _run_select(name: str, summaries: Sequence[Summary]) -> str:
    if len(summaries) == 1:
        return ""
    return select(name, "Run", [summary.setting for summary in summaries])


def _run_before(summary: Summary) -> str:
    return f"{isolated(summary.setting)}: " if summary.setting else ""

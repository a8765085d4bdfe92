"""`s2st languages`: what each engine hears, writes and speaks, and which could do a pair."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options.declared import split_words
from cli.options.shared import Json

if TYPE_CHECKING:
    from engine.registry import EngineSpec


def languages(
    engine: Annotated[
        str | None, typer.Option("--engine", metavar="NAME", help="Only this engine.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--src", metavar="LANG", help="Which engines hear it, and what they lack."),
    ] = None,
    targets: Annotated[
        list[str] | None,
        typer.Option("--tgt", metavar="LANG", help="Which engines write and speak it."),
    ] = None,
    json: Json = False,
) -> None:
    """List languages by engine and direction, or the engines for a pair of languages.

    s2st languages --src deu --tgt eng   which engines do that, and what each of them takes here
    """
    from engine.errors import UnknownEngineError
    from engine.registry import engines

    specs = [spec for spec in engines() if engine in (None, spec.name)]
    if not specs:
        known = ", ".join(spec.name for spec in engines())
        raise UnknownEngineError(f"No engine is called '{engine}'.", hint=f"There is: {known}.")
    wanted = split_words(targets)
    if source or wanted:
        _show_pair(specs, source, wanted, json=json)
    else:
        _show_all(specs, json=json)


def _show_all(specs: "Sequence[EngineSpec]", *, json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from engine.languages import language_name
    from engine.text.records import as_line

    console = Console(soft_wrap=False)
    for spec in specs:
        codes = sorted(spec.sources | spec.text_targets | spec.speech_targets, key=language_name)
        table = Table(title=f"{spec.name}: {spec.summary}", title_justify="left", box=None)
        for heading in ("code", "language", "hears", "writes", "speaks", ""):
            table.add_column(heading, no_wrap=heading != "")
        for code in codes:
            does = {
                "hears": code in spec.sources,
                "writes": code in spec.text_targets,
                "speaks": code in spec.speech_targets,
            }
            if json:
                record = {"engine": spec.name, "code": code, "name": language_name(code)}
                print(as_line(record | does | {"remark": spec.remarks.get(code)}))
            else:
                marks = ["yes" if done else "-" for done in does.values()]
                table.add_row(code, language_name(code), *marks, spec.remarks.get(code, ""))
        if not json:
            console.print(table)


def _show_pair(
    specs: "Sequence[EngineSpec]", source: str | None, targets: Sequence[str], *, json: bool
) -> None:
    """Each engine: whether it does that, as what, what it lacks here, and how fast it is."""
    from engine.languages import resolve_language
    from engine.text.records import as_line

    codes = tuple(dict.fromkeys(resolve_language(target).code for target in targets))
    heard = None if source in (None, "auto") else resolve_language(source or "").code
    for spec in specs:
        record = _able(spec, heard, codes, is_told=source != "auto")
        if json:
            print(as_line(record))
            continue
        if record["why_not"]:
            print(f"{spec.name}: {record['why_not']}")
            continue
        print(f"{spec.name}: {record['does']}")
        for missing in record["missing"]:
            print(f"    lacks {missing['what']}: {missing['remedy']}")
        if not record["missing"]:
            print("    ready")
        if spec.pace:
            print(f"    is {spec.pace}")
        for remark in record["remarks"]:
            print(f"    {remark}")


def _able(
    spec: "EngineSpec", source: str | None, targets: tuple[str, ...], *, is_told: bool
) -> dict[str, Any]:
    """What an engine makes of a pair of languages, one of which may be missing."""
    from audio_io.errors import S2stError
    from cli.options.wording import worded
    from engine.agent import StreamRequest, Task
    from engine.languages import language_name
    from engine.registry import LoadOptions
    from engine.registry.ask import named

    # Which source it is does not matter to an engine that is asked about targets alone.
    heard = min(spec.sources) if source is None and is_told and targets else source
    task = Task.ASR if targets == (heard,) else Task.S2TT
    written = StreamRequest(heard, targets, task=task, spoken=())
    reason = spec.uncovered(written)
    spoken = tuple(target for target in targets if target in spec.speech_targets)
    if task is Task.ASR:
        spoken = ()
    request = StreamRequest(heard, targets, Task.S2ST, spoken=spoken) if spoken else written
    missing = []
    if not reason:
        try:
            missing = spec.missing(request, LoadOptions())
        except S2stError as error:
            reason = worded(str(error))
    hears = language_name(source) if source is not None else _several(spec.sources)
    writes = " and ".join(map(language_name, targets)) or _several(spec.text_targets)
    kinds = "text and speech" if spoken == targets else "text"
    if spoken and spoken != targets:
        kinds = f"text, and {' and '.join(map(language_name, spoken))} as speech"
    if not targets:
        writes = f"{len(spec.text_targets)} languages"
        kinds = f"{len(spec.text_targets)} as text, {len(spec.speech_targets)} as speech"
    return {
        "engine": spec.name,
        "src": source,
        "tgt": list(targets),
        "does": "" if reason else f"{hears} to {writes}, {kinds}",
        "why_not": reason,
        "speaks": [] if reason else list(spoken),
        "missing": [{"what": worded(m.what), "remedy": worded(m.remedy)} for m in missing],
        "ready": not reason and not missing,
        "pace": spec.pace or None,
        "remarks": [f"{named(t)}: {spec.remarks[t]}" for t in targets if t in spec.remarks],
    }


def _several(codes: frozenset[str]) -> str:
    from engine.registry.spec import names_of

    return names_of(codes)

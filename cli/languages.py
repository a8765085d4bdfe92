"""`s2st languages`: what each engine hears, writes and speaks."""

from typing import Annotated

import typer

from cli.options.shared import Json


def languages(
    engine: Annotated[
        str | None, typer.Option("--engine", metavar="NAME", help="Only this engine.")
    ] = None,
    json: Json = False,
) -> None:
    """List languages by engine and direction."""
    from rich.console import Console
    from rich.table import Table

    from engine.errors import UnknownEngineError
    from engine.languages import language_name
    from engine.registry import engines
    from engine.text.records import as_line

    specs = [spec for spec in engines() if engine in (None, spec.name)]
    if not specs:
        known = ", ".join(spec.name for spec in engines())
        raise UnknownEngineError(f"No engine is called '{engine}'.", hint=f"There is: {known}.")
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

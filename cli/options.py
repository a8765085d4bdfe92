"""Options that several commands share, and how their words are read."""

from typing import Annotated

import typer

LANGUAGES = "Languages"
RESULTS = "Results"
RUNNING = "Running"

Source = Annotated[
    str | None,
    typer.Option(
        "--src",
        metavar="LANG",
        envvar="S2ST_SRC",
        help="Language that is spoken: [bold]eng[/], en or English. Not given: English.",
        rich_help_panel=LANGUAGES,
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--tgt",
        metavar="LANG",
        envvar="S2ST_TGT",
        help="Language to translate to; several with commas or by repeating it.",
        rich_help_panel=LANGUAGES,
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        envvar="S2ST_ENGINE",
        help="Engine, or [bold]auto[/]: the first that covers the languages and is complete here.",
        rich_help_panel=LANGUAGES,
    ),
]
MinConfidence = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        envvar="S2ST_MIN_CONFIDENCE",
        help="Words less sure than this become \\[unclear]; 0 keeps all. "
        "Not given: the engine's own.",
        rich_help_panel=LANGUAGES,
    ),
]
VoiceDetector = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        envvar="S2ST_VAD",
        help="Voice detector: pocketsphinx, or silero (an extra).",
        rich_help_panel=LANGUAGES,
    ),
]
RawRate = Annotated[
    int | None,
    typer.Option(
        "--rate",
        metavar="HZ",
        min=1000,
        max=384_000,
        help="Standard input is raw 16-bit little-endian mono at this rate.",
        rich_help_panel=RUNNING,
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="One JSON record a line on standard output, for programs.",
        rich_help_panel=RESULTS,
    ),
]


def is_configured(ctx: typer.Context, parameter: str) -> bool:
    """Whether a value comes from the configuration or a variable, not from the command line."""
    source = ctx.get_parameter_source(parameter)
    return source is not None and source.name in {"DEFAULT_MAP", "ENVIRONMENT"}


def split_words(values: list[str] | None) -> list[str]:
    """`["a,b", "c"]` as `["a", "b", "c"]`, each once, in order."""
    words = [word.strip() for value in values or [] for word in value.split(",")]
    return list(dict.fromkeys(word for word in words if word))

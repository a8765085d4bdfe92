"""Options that several commands share, and how their words are read."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audio_io.errors import UsageError

if TYPE_CHECKING:
    from engine.simuleval.process import ForeignAgentConfig

LANGUAGES = "Languages"
RESULTS = "Results"
RUNNING = "Running"

Source = Annotated[
    str | None,
    typer.Option(
        "--src",
        metavar="LANG",
        envvar="S2ST_SRC",
        help="Language that is spoken: [bold]eng[/], en or English; [bold]auto[/] leaves it to the "
        "engine, where that can tell. Not given: English.",
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
AGENT = "SimulEval agent"
Agent = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|CLASS",
        help="A SimulEval agent instead of an engine: its .py file, or package.module.Class. "
        "Its code is run.",
        rich_help_panel=AGENT,
    ),
]
AgentClass = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Which class, where the file has several.", rich_help_panel=AGENT
    ),
]
AgentArgs = Annotated[
    str,
    typer.Option(
        metavar="WORDS",
        help="The agent's own options, in quotes: [bold]'--wait-k 3'[/].",
        rich_help_panel=AGENT,
        show_default=False,
    ),
]
AgentPython = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="Another environment's Python to run it in; it needs simuleval, not s2st.",
        rich_help_panel=AGENT,
    ),
]
AgentRate = Annotated[
    int | None,
    typer.Option(
        metavar="HZ",
        min=1000,
        max=384_000,
        help="Sample rate the agent hears. Not given: the recording's own.",
        rich_help_panel=AGENT,
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


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """The options about a SimulEval agent, word for word."""

    agent: str | None = None
    agent_class: str | None = None
    words: str = ""
    python: str | None = None
    rate_hz: int | None = None

    def config(self, log: Path | None = None) -> "ForeignAgentConfig | None":
        """The agent that was named; None where an engine is meant. Raises a `UsageError` for what
        contradicts itself."""
        if self.agent is None:
            self._check_nothing_else()
            return None
        import shlex

        from engine.simuleval.process import ForeignAgentConfig

        try:
            words = tuple(shlex.split(self.words))
        except ValueError as error:
            raise UsageError(f"--agent-args cannot be understood: {error}.") from error
        return ForeignAgentConfig(self.agent, words, self.agent_class, self.python, log=log)

    def _check_nothing_else(self) -> None:
        for given, name in (
            (self.words, "--agent-args"),
            (self.agent_class, "--agent-class"),
            (self.python, "--agent-python"),
            (self.rate_hz, "--agent-rate"),
        ):
            if given:
                raise UsageError(f"{name} is about an agent.", hint="Name it with --agent.")


def is_configured(ctx: typer.Context, parameter: str) -> bool:
    """Whether a value comes from the configuration or a variable, not from the command line."""
    source = ctx.get_parameter_source(parameter)
    return source is not None and source.name in {"DEFAULT_MAP", "ENVIRONMENT"}


def is_given(ctx: typer.Context, parameter: str) -> bool:
    """Whether the command line gave a value."""
    source = ctx.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def split_words(values: list[str] | None) -> list[str]:
    """`["a,b", "c"]` as `["a", "b", "c"]`, each once, in order."""
    words = [word.strip() for value in values or [] for word in value.split(",")]
    return list(dict.fromkeys(word for word in words if word))

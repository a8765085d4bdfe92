"""Options that several commands share."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audio_io.errors import UsageError
from audio_io.paths import is_file
from cli.options.declared import Key, MayBePath
from engine.agent import Unclear

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
    Key('"eng"', for_all=True),
]
Targets = Annotated[
    tuple[str, ...],
    typer.Option(
        "--tgt",
        metavar="LANG",
        envvar="S2ST_TGT",
        help="Language to translate to; several with commas or by repeating it.",
        rich_help_panel=LANGUAGES,
    ),
    Key('["spa"]', for_all=True),
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
    Key('"auto"', for_all=True),
]
MinConfidence = Annotated[
    float | None,
    typer.Option(
        "--min-confidence",
        min=0.0,
        max=1.0,
        envvar="S2ST_MIN_CONFIDENCE",
        help="Words less sure than this become \\[unclear] (--unclear); 0 keeps all. "
        "Not given: the engine's own.",
        rich_help_panel=LANGUAGES,
    ),
    Key("0.3"),
]
UnclearWords = Annotated[
    str,
    typer.Option(
        "--unclear",
        metavar="keep|mark|drop",
        envvar="S2ST_UNCLEAR",
        help="What is written for words less sure than that: what was recognised, \\[unclear], or "
        "nothing.",
        rich_help_panel=LANGUAGES,
    ),
    Key('"mark"'),
]
VoiceDetector = Annotated[
    str,
    typer.Option(
        "--vad",
        metavar="NAME",
        envvar="S2ST_VAD",
        help="Voice detector: pocketsphinx, or silero (an extra).",
        rich_help_panel=LANGUAGES,
    ),
    Key('"pocketsphinx"', for_all=True),
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
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Only results and warnings.", rich_help_panel=RUNNING),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="One JSON record a line on standard output, for programs.",
        rich_help_panel=RESULTS,
    ),
]
SOUND = "Sound"


@dataclass(frozen=True, slots=True)
class SoundOptions:
    """Which sound of a recording is heard."""

    track: Annotated[
        str | None,
        typer.Option(
            metavar="N|LANG",
            help="Sound track of a recording, from 1, or by its language. Not given: its default "
            "track, or the first that can be decoded and is not silent.",
            rich_help_panel=SOUND,
        ),
    ] = None
    channel: Annotated[
        str | None,
        typer.Option(
            metavar="N|left|right|mix",
            envvar="S2ST_CHANNEL",
            help="Channel that is heard. Not given: a mix, or the loudest where that would cancel "
            "it.",
            rich_help_panel=SOUND,
        ),
        Key('"left"', for_all=True),
    ] = None


AGENT = "SimulEval agent"


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """A SimulEval agent."""

    agent: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|CLASS",
            help="A SimulEval agent instead of an engine: its .py file, or package.module.Class. "
            "Its code is run.",
            rich_help_panel=AGENT,
        ),
        MayBePath(),
    ] = None
    agent_class: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Which class, where the file has several.", rich_help_panel=AGENT
        ),
    ] = None
    agent_args: Annotated[
        str,
        typer.Option(
            metavar="WORDS",
            help="The agent's own options, in quotes: [bold]'--wait-k 3'[/].",
            rich_help_panel=AGENT,
            show_default=False,
        ),
    ] = ""
    agent_python: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Another environment's Python to run it in; it needs simuleval, not s2st.",
            rich_help_panel=AGENT,
        ),
        MayBePath(),
    ] = None
    agent_rate_hz: Annotated[
        int | None,
        typer.Option(
            "--agent-rate",
            metavar="HZ",
            min=1000,
            max=384_000,
            help="Sample rate the agent hears. Not given: the recording's own.",
            rich_help_panel=AGENT,
        ),
    ] = None

    def config(self, log: Path | None = None) -> "ForeignAgentConfig | None":
        """The agent that was named; None where an engine is meant. Raises a `UsageError` for what
        contradicts itself."""
        if self.agent is None:
            self._check_nothing_else()
            return None
        import shlex

        from engine.simuleval.process import ForeignAgentConfig

        try:
            words = tuple(shlex.split(self.agent_args))
        except ValueError as error:
            raise UsageError(f"--agent-args cannot be understood: {error}.") from error
        config = ForeignAgentConfig(self.agent, words, self.agent_class, self.agent_python, log=log)
        if config.is_file and not is_file(Path(self.agent)):
            raise UsageError(f"There is no agent file '{self.agent}'.", hint="Check the name.")
        return config

    def _check_nothing_else(self) -> None:
        for given, name in (
            (self.agent_args, "--agent-args"),
            (self.agent_class, "--agent-class"),
            (self.agent_python, "--agent-python"),
            (self.agent_rate_hz, "--agent-rate"),
        ):
            if given:
                raise UsageError(f"{name} is about an agent.", hint="Name it with --agent.")


def unclear_words(named: str) -> Unclear:
    """What `--unclear` says. Raises a `UsageError` for what it cannot."""
    try:
        return Unclear(named)
    except ValueError:
        known = ", ".join(each.value for each in Unclear)
        raise UsageError(f"--unclear is one of {known}, not '{named}'.") from None

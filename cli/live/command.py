"""`s2st live`: speak, and hear and read the translation."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.options.declared import Key, MayBePath
from cli.options.engines import EngineOptions
from cli.options.shared import (
    LANGUAGES,
    RUNNING,
    SOUND,
    AgentOptions,
    Engine,
    Json,
    MinConfidence,
    Quiet,
    RawRate,
    SoundOptions,
    Source,
    Targets,
    UnclearWords,
    VoiceDetector,
)

KEEPING_UP = "Keeping up"
EXAMPLES = "\n\n".join(
    (
        "[bold]Examples[/]",
        "s2st live --src eng --tgt spa  [dim]the default microphone and speaker[/]",
        "s2st live --tgt spa,cat --speak cat  [dim]two languages shown, one spoken[/]",
        "s2st live --input talk.mp3  [dim]a recording, as if somebody spoke it now[/]",
        "s2st live --input 'Monitor of Built-in'  [dim]what this machine plays[/]",
        "s2st live --record meeting --headphones  [dim]everything is kept[/]",
        "arecord -f S16_LE -r 16000 | s2st live --input - --rate 16000  [dim]a pipe[/]",
    )
)


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What was asked of `s2st live`, word for word."""

    source: Source = None
    targets: Targets = ()
    engine: Engine = "auto"
    min_confidence: MinConfidence = None
    unclear: UnclearWords = "mark"
    voice_detector: VoiceDetector = "pocketsphinx"
    sound: SoundOptions = field(default_factory=SoundOptions)
    agent: AgentOptions = field(default_factory=AgentOptions)
    engine_options: EngineOptions = field(default_factory=EngineOptions)
    speak: Annotated[
        str | None,
        typer.Option(
            metavar="LANG|none",
            envvar="S2ST_SPEAK",
            help="Which of several targets is spoken; [bold]none[/] shows text only. "
            "Not given: the first.",
            rich_help_panel=LANGUAGES,
        ),
        Key('"spa"'),
    ] = None
    no_speech: Annotated[
        bool,
        typer.Option("--no-speech", help="The same as --speak none.", rich_help_panel=LANGUAGES),
    ] = False
    input: Annotated[
        str | None,
        typer.Option(
            "--input",
            "-i",
            metavar="DEVICE|FILE|URL|-",
            envvar="S2ST_INPUT",
            help="Microphone by number or part of its name (`s2st devices`), a recording, "
            "an address (a radio, a camera), or - for standard input. Not given: the default "
            "microphone.",
            rich_help_panel=SOUND,
        ),
        Key('"USB"'),
        MayBePath(),
    ] = None
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DEVICE",
            envvar="S2ST_OUTPUT_DEVICE",
            help="Speaker by number or part of its name. Not given: the default.",
            rich_help_panel=SOUND,
        ),
        Key('"Headphones"'),
    ] = None
    pace: Annotated[
        bool | None,
        typer.Option(
            "--pace/--no-pace",
            help="Let a recording or pipe come at the pace of life. Recordings do anyway.",
            rich_help_panel=SOUND,
            show_default=False,
        ),
    ] = None
    raw_rate_hz: RawRate = None
    device_lost: Annotated[
        Literal["wait", "default", "stop"],
        typer.Option(
            metavar="wait|default|stop",
            envvar="S2ST_DEVICE_LOST",
            help="When a device goes away: wait for it, go on with the default one, or stop.",
            rich_help_panel=SOUND,
        ),
        Key('"wait"'),
    ] = "wait"
    echo: Annotated[
        Literal["gate", "duck", "off"],
        typer.Option(
            metavar="gate|duck|off",
            envvar="S2ST_ECHO",
            help="Keep the program's own voice out of the microphone; [bold]duck[/] also speaks "
            "more softly while you talk.",
            rich_help_panel=SOUND,
        ),
        Key('"gate"'),
    ] = "gate"
    headphones: Annotated[
        bool,
        typer.Option(
            "--headphones",
            envvar="S2ST_HEADPHONES",
            help="You wear headphones: no echo to guard against.",
            rich_help_panel=SOUND,
        ),
        Key("false"),
    ] = False
    max_lag_s: Annotated[
        float,
        typer.Option(
            "--max-lag",
            metavar="SECONDS",
            min=0.5,
            max=600.0,
            envvar="S2ST_MAX_LAG",
            help="A clause that cannot be spoken this soon after its source is only shown.",
            rich_help_panel=KEEPING_UP,
        ),
        Key("6.0"),
    ] = 6.0
    duration_s: Annotated[
        float | None,
        typer.Option(
            "--duration",
            metavar="SECONDS",
            min=0.1,
            help="End by itself after this long.",
            rich_help_panel=RUNNING,
        ),
    ] = None
    on_quit: Annotated[
        Literal["finish", "drop"],
        typer.Option(
            metavar="finish|drop",
            envvar="S2ST_ON_QUIT",
            help="At the end, finish what was said, or drop it.",
            rich_help_panel=RUNNING,
        ),
        Key('"finish"'),
    ] = "finish"
    push_to_talk: Annotated[
        bool,
        typer.Option(
            "--push-to-talk",
            help="Hear only what is said between two presses of the space bar, and translate it "
            "as a recording is; p pauses.",
            rich_help_panel=RUNNING,
        ),
    ] = False
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep source.wav, translation.wav, transcript.jsonl and subtitles there. What is "
            "said while paused, or before you talk by hand, is not kept.",
            rich_help_panel=RUNNING,
        ),
    ] = None
    record_all: Annotated[
        bool,
        typer.Option(
            "--record-all",
            help="Keep also what is said while paused, or before you talk by hand.",
            rich_help_panel=RUNNING,
        ),
    ] = False
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Lines of text, no panel.", rich_help_panel=RUNNING),
    ] = False
    check_output: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            envvar="S2ST_CHECK_OUTPUT",
            help="Show what Whisper understands of the translated speech: a model's name, such as "
            "[bold]small[/] (fetched once), or the folder of a converted one.",
            rich_help_panel=RUNNING,
        ),
        Key('"small"'),
        MayBePath(),
    ] = None
    slow_ok: Annotated[
        bool,
        typer.Option(
            "--slow-ok",
            help="Go on with an engine that is too slow for this machine.",
            rich_help_panel=RUNNING,
        ),
    ] = False
    quiet: Quiet = False
    json: Json = False


def live(options: LiveOptions) -> None:
    """Translate while somebody speaks, and speak the translation.

    Keys: space or p pauses, m mutes, s swaps the languages, arrows change the volume, t marks a
    moment, q quits.
    """
    from cli.live.run import run_live

    raise typer.Exit(run_live(options))

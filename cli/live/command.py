"""`s2st live`: speak, and hear and read the translation."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.options.engines import EngineOptions, takes_engine_options
from cli.options.shared import (
    LANGUAGES,
    RUNNING,
    Agent,
    AgentArgs,
    AgentClass,
    AgentOptions,
    AgentPython,
    AgentRate,
    Engine,
    Json,
    MinConfidence,
    RawRate,
    Source,
    Targets,
    VoiceDetector,
    split_words,
)

SOUND = "Sound"
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


@takes_engine_options
def live(
    src: Source = None,
    tgt: Targets = None,
    engine: Engine = "auto",
    min_confidence: MinConfidence = None,
    vad: VoiceDetector = "pocketsphinx",
    agent: Agent = None,
    agent_class: AgentClass = None,
    agent_args: AgentArgs = "",
    agent_python: AgentPython = None,
    agent_rate: AgentRate = None,
    *,
    engine_options: EngineOptions,
    speak: Annotated[
        str | None,
        typer.Option(
            metavar="LANG|none",
            envvar="S2ST_SPEAK",
            help="Which of several targets is spoken; [bold]none[/] shows text only. "
            "Not given: the first.",
            rich_help_panel=LANGUAGES,
        ),
    ] = None,
    no_speech: Annotated[
        bool,
        typer.Option("--no-speech", help="The same as --speak none.", rich_help_panel=LANGUAGES),
    ] = False,
    input_: Annotated[
        str | None,
        typer.Option(
            "--input",
            "-i",
            metavar="DEVICE|FILE|-",
            envvar="S2ST_INPUT",
            help="Microphone by number or part of its name (`s2st devices`), a recording, or - "
            "for standard input. Not given: the default microphone.",
            rich_help_panel=SOUND,
        ),
    ] = None,
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
    ] = None,
    pace: Annotated[
        bool | None,
        typer.Option(
            "--pace/--no-pace",
            help="Let a recording or pipe come at the pace of life. Recordings do anyway.",
            rich_help_panel=SOUND,
            show_default=False,
        ),
    ] = None,
    rate: RawRate = None,
    device_lost: Annotated[
        Literal["wait", "default", "stop"],
        typer.Option(
            metavar="wait|default|stop",
            envvar="S2ST_DEVICE_LOST",
            help="When a device goes away: wait for it, go on with the default one, or stop.",
            rich_help_panel=SOUND,
        ),
    ] = "wait",
    echo: Annotated[
        Literal["gate", "duck", "off"],
        typer.Option(
            metavar="gate|duck|off",
            envvar="S2ST_ECHO",
            help="Keep the program's own voice out of the microphone; [bold]duck[/] also speaks "
            "more softly while you talk.",
            rich_help_panel=SOUND,
        ),
    ] = "gate",
    headphones: Annotated[
        bool,
        typer.Option(
            "--headphones",
            envvar="S2ST_HEADPHONES",
            help="You wear headphones: no echo to guard against.",
            rich_help_panel=SOUND,
        ),
    ] = False,
    max_lag: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0.5,
            max=600.0,
            envvar="S2ST_MAX_LAG",
            help="A clause that cannot be spoken this soon after its source is only shown.",
            rich_help_panel=KEEPING_UP,
        ),
    ] = 6.0,
    duration: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0.1,
            help="End by itself after this long.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    on_quit: Annotated[
        Literal["finish", "drop"],
        typer.Option(
            metavar="finish|drop",
            envvar="S2ST_ON_QUIT",
            help="At the end, finish what was said, or drop it.",
            rich_help_panel=RUNNING,
        ),
    ] = "finish",
    push_to_talk: Annotated[
        bool,
        typer.Option(
            "--push-to-talk",
            help="Hear only what is said between two presses of the space bar, and translate it "
            "as a recording is; p pauses.",
            rich_help_panel=RUNNING,
        ),
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep source.wav, translation.wav, transcript.jsonl and subtitles there.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Lines of text, no panel.", rich_help_panel=RUNNING),
    ] = False,
    check_output: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            envvar="S2ST_CHECK_OUTPUT",
            help="Show what Whisper understands of the translated speech: a model's name, such as "
            "[bold]small[/] (fetched once), or the folder of a converted one.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    slow_ok: Annotated[
        bool,
        typer.Option(
            "--slow-ok",
            help="Go on with an engine that is too slow for this machine.",
            rich_help_panel=RUNNING,
        ),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Only results and warnings.", rich_help_panel=RUNNING),
    ] = False,
    json: Json = False,
) -> None:
    """Translate while somebody speaks, and speak the translation.

    Keys: space or p pauses, m mutes, s swaps the languages, arrows change the volume, t marks a
    moment, q quits.
    """
    from cli.live.plan import NO_SPEECH, LiveOptions
    from cli.live.run import run_live
    from cli.terminal.verbosity import is_verbose

    raise typer.Exit(
        run_live(
            LiveOptions(
                source=src,
                targets=tuple(split_words(tgt)),
                engine=engine,
                min_confidence=min_confidence,
                voice_detector=vad,
                agent=AgentOptions(agent, agent_class, agent_args, agent_python, agent_rate),
                engine_options=engine_options,
                input=input_,
                output=output,
                pace=pace,
                raw_rate_hz=rate,
                device_lost=device_lost,
                speak=NO_SPEECH if no_speech else speak,
                max_lag_s=max_lag,
                echo=echo,
                headphones=headphones,
                record=record,
                duration_s=duration,
                on_quit=on_quit,
                push_to_talk=push_to_talk,
                json=json,
                check_output=check_output,
                plain=plain,
                slow_ok=slow_ok,
                quiet=quiet,
                verbose=is_verbose(),
            )
        )
    )

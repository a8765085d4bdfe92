"""`s2st file`: recordings in, translated recordings and subtitles out."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options.engines import EngineOptions, takes_engine_options
from cli.options.shared import (
    RESULTS,
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
    is_configured,
    split_words,
)

CONFIGURABLE = ("src", "tgt", "mix_original")
"""Parameters for which it matters whether the command line gave them."""
EXAMPLES = "\n\n".join(
    (
        "[bold]Examples[/]",
        "s2st file talk.mp3 --tgt spa  [dim]talk.spa.wav and subtitles[/]",
        "s2st file talks/ --tgt spa,cat --jobs 2  [dim]a folder, two at once[/]",
        "s2st file film.mp4 --mix-original -18  [dim]dubbed over the original[/]",
        "s2st file test.tsv -o out --resume  [dim]on where it stopped[/]",
        "s2st file talk.mp3 --tgt eng --format txt  [dim]only what was said[/]",
        "arecord -f S16_LE -r 16000 | s2st file - --rate 16000  [dim]from a pipe[/]",
    )
)


@takes_engine_options
def file(
    ctx: typer.Context,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Audio or video files, folders, globs, tsv manifests, or - for standard input.",
            show_default=False,
        ),
    ],
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
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            envvar="S2ST_OUTPUT",
            help="Folder for the results. Not given: beside each input.",
            rich_help_panel=RESULTS,
        ),
    ] = None,
    formats: Annotated[
        list[str],
        typer.Option(
            "--format",
            metavar="LIST",
            envvar="S2ST_FORMAT",
            help="Any of wav, srt, vtt, txt, jsonl, tsv, with commas.",
            rich_help_panel=RESULTS,
            show_default="wav,srt",
        ),
    ] = ["wav,srt"],  # noqa: B006  typer copies it
    timeline: Annotated[
        bool,
        typer.Option(
            "--timeline/--no-timeline",
            envvar="S2ST_TIMELINE",
            help="Each translated utterance starts no earlier than its source, up to 1.3 times "
            "faster to keep up. Otherwise they follow one after the other.",
            rich_help_panel=RESULTS,
        ),
    ] = False,
    mix_original: Annotated[
        float | None,
        typer.Option(
            metavar="DB",
            min=-90.0,
            max=12.0,
            envvar="S2ST_MIX_ORIGINAL",
            help="Mix the original in, this much louder; -18 is quiet. Implies --timeline.",
            rich_help_panel=RESULTS,
        ),
    ] = None,
    partials: Annotated[
        bool,
        typer.Option(
            "--partials/--no-partials",
            envvar="S2ST_PARTIALS",
            help="Put text that is not committed yet into jsonl and --json too. Twice the work.",
            rich_help_panel=RESULTS,
        ),
    ] = False,
    audio_root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar="S2ST_AUDIO_ROOT",
            help="Folder of a manifest's recordings. Not given: the manifest's.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    rate: RawRate = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            max=256,
            envvar="S2ST_JOBS",
            help="Recordings at once: streams of one engine with weights, else a process each.",
            rich_help_panel=RUNNING,
        ),
    ] = 1,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Skip what an earlier run finished from the same input with the same options.",
            rich_help_panel=RUNNING,
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace results that exist.", rich_help_panel=RUNNING),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say what would be done, and do nothing.", rich_help_panel=RUNNING
        ),
    ] = False,
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Everything each step of the engine came to, one JSON object a line.",
            rich_help_panel=RESULTS,
        ),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Only results and warnings.", rich_help_panel=RUNNING),
    ] = False,
    json: Json = False,
) -> None:
    """Translate recordings to speech, subtitles and text.

    Results are named STEM.LANG.EXT. The transcript of the source is written too.
    """
    from cli.file.plan import FileOptions
    from cli.file.run import run_file
    from cli.terminal.verbosity import is_verbose

    raise typer.Exit(
        run_file(
            FileOptions(
                inputs=tuple(inputs),
                source=src,
                targets=tuple(split_words(tgt)),
                configured=frozenset(name for name in CONFIGURABLE if is_configured(ctx, name)),
                engine=engine,
                min_confidence=min_confidence,
                voice_detector=vad,
                agent=AgentOptions(agent, agent_class, agent_args, agent_python, agent_rate),
                engine_options=engine_options,
                output=output.expanduser() if output else None,
                formats=tuple(split_words(formats)),
                timeline=timeline,
                mix_original_db=mix_original,
                partials=partials,
                audio_root=audio_root.expanduser() if audio_root else None,
                raw_rate_hz=rate,
                jobs=jobs,
                resume=resume,
                overwrite=overwrite,
                dry_run=dry_run,
                trace=trace.expanduser() if trace else None,
                quiet=quiet,
                json=json,
                verbose=is_verbose(),
            )
        )
    )

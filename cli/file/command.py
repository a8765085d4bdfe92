"""`s2st file`: recordings in, translated recordings and subtitles out."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from cli.options.declared import Key, MayBePath
from cli.options.engines import EngineOptions
from cli.options.shared import (
    RESULTS,
    RUNNING,
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

EXAMPLES = "\n\n".join(
    (
        "[bold]Examples[/]",
        "s2st file talk.mp3 --tgt spa  [dim]talk.spa.wav and subtitles[/]",
        "s2st file talks/ --tgt spa,cat --jobs 2  [dim]a folder, two at once[/]",
        "s2st file film.mp4 --mix-original -18  [dim]dubbed over the original[/]",
        "s2st file film.mp4 --mux  [dim]film.spa.mkv, to be watched[/]",
        "s2st file test.tsv -o out --resume  [dim]on where it stopped[/]",
        "s2st file talk.mp3 --tgt eng --format txt  [dim]only what was said[/]",
        "arecord -f S16_LE -r 16000 | s2st file - --rate 16000  [dim]from a pipe[/]",
    )
)


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What was asked of `s2st file`, word for word."""

    inputs: Annotated[
        tuple[str, ...],
        typer.Argument(
            metavar="INPUT...",
            help="Audio or video files, folders, globs, tsv manifests, addresses, or - for "
            "standard input.",
            show_default=False,
        ),
        MayBePath(),
    ]
    source: Source = None
    targets: Targets = ()
    engine: Engine = "auto"
    min_confidence: MinConfidence = None
    unclear: UnclearWords = "mark"
    voice_detector: VoiceDetector = "pocketsphinx"
    sound: SoundOptions = field(default_factory=SoundOptions)
    agent: AgentOptions = field(default_factory=AgentOptions)
    engine_options: EngineOptions = field(default_factory=EngineOptions)
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
        Key('"translations"'),
    ] = None
    formats: Annotated[
        tuple[str, ...],
        typer.Option(
            "--format",
            metavar="LIST",
            envvar="S2ST_FORMAT",
            help="Any of wav, srt, vtt, txt, jsonl, tsv, with commas.",
            rich_help_panel=RESULTS,
            show_default="wav,srt",
        ),
        Key('["wav", "srt"]'),
    ] = ("wav", "srt")
    timeline: Annotated[
        bool,
        typer.Option(
            "--timeline/--no-timeline",
            envvar="S2ST_TIMELINE",
            help="Each translated utterance starts no earlier than its source, up to 1.3 times "
            "faster to keep up. Otherwise they follow one after the other.",
            rich_help_panel=RESULTS,
        ),
        Key("false"),
    ] = False
    mix_original_db: Annotated[
        float | None,
        typer.Option(
            "--mix-original",
            metavar="DB",
            min=-90.0,
            max=12.0,
            envvar="S2ST_MIX_ORIGINAL",
            help="Mix the original in, this much louder; -18 is quiet. Implies --timeline.",
            rich_help_panel=RESULTS,
        ),
        Key("-18.0"),
    ] = None
    mux: Annotated[
        bool,
        typer.Option(
            "--mux",
            help="Also write STEM.LANG.mkv: the picture as it is, the translation as its first "
            "sound, the original sound and subtitles. Implies --timeline.",
            rich_help_panel=RESULTS,
        ),
    ] = False
    partials: Annotated[
        bool,
        typer.Option(
            "--partials/--no-partials",
            envvar="S2ST_PARTIALS",
            help="Put text that is not committed yet into jsonl and --json too. Twice the work.",
            rich_help_panel=RESULTS,
        ),
        Key("false"),
    ] = False
    audio_root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar="S2ST_AUDIO_ROOT",
            help="Folder of a manifest's recordings. Not given: the manifest's.",
            rich_help_panel=RUNNING,
        ),
        Key('"recordings"'),
    ] = None
    allow_addresses: Annotated[
        bool,
        typer.Option(
            "--allow-addresses",
            help="Also fetch what a manifest names by http, https or rtsp.",
            rich_help_panel=RUNNING,
        ),
    ] = False
    raw_rate_hz: RawRate = None
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
        Key("1"),
    ] = 1
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Run the --jobs on a Ray cluster, or [bold]local[/]. Its machines must see the "
            "recordings and the results under the same paths.",
            rich_help_panel=RUNNING,
        ),
    ] = None
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Skip what an earlier run finished from the same input with the same options; "
            "results that you changed stay as they are.",
            rich_help_panel=RUNNING,
        ),
    ] = False
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace results that exist.", rich_help_panel=RUNNING),
    ] = False
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say what would be done, and do nothing.", rich_help_panel=RUNNING
        ),
    ] = False
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Everything each step of the engine came to, one JSON object a line.",
            rich_help_panel=RESULTS,
        ),
    ] = None
    quiet: Quiet = False
    json: Json = False
    given: frozenset[str] = frozenset()
    """What the command line gave; the rest comes from the configuration, or is as it always is."""


def file(options: FileOptions) -> None:
    """Translate recordings to speech, subtitles and text.

    Results are named STEM.LANG.EXT. The transcript of the source is written too.
    """
    from cli.file.run import run_file

    raise typer.Exit(run_file(options))

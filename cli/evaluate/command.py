"""`s2st evaluate`: a test set through an engine or a SimulEval agent, and its scores."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from audio_io.errors import UsageError
from cli.options.declared import Key, MayBePath
from cli.options.engines import EngineOptions
from cli.options.shared import (
    LANGUAGES,
    RESULTS,
    RUNNING,
    AgentOptions,
    Engine,
    Json,
    SoundOptions,
    Source,
    VoiceDetector,
)

DATA = "Test set"
SCORES = "Scores"
EXAMPLES = "\n\n".join(
    (
        "[bold]Examples[/]",
        "s2st evaluate --data-file test.tsv --tgt spa -o out  [dim]scores and a report[/]",
        "s2st evaluate --data-file test.tsv --task asr --jobs 2  [dim]word error rate[/]",
        "s2st evaluate --data-file test.tsv --agent my_agent.py --agent-args '--wait-k 3'",
        "s2st evaluate --data-file test.tsv --sweep max_utterance_ms=2000,4000 -o out",
        "s2st evaluate --compare out/a out/b  [dim]is the difference more than chance?[/]",
    )
)


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What was asked of `s2st evaluate`, word for word."""

    data_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Test set: a tsv with the columns audio and tgt_text, one recording a row.",
            rich_help_panel=DATA,
        ),
    ] = None
    sources: Annotated[
        Path | None,
        typer.Option(
            "--source",
            metavar="FILE",
            help="SimulEval's list of recordings instead, one path a line.",
            rich_help_panel=DATA,
        ),
    ] = None
    references: Annotated[
        Path | None,
        typer.Option(
            "--target", metavar="FILE", help="Its references, one a line.", rich_help_panel=DATA
        ),
    ] = None
    audio_root_dir: Annotated[
        Path | None,
        typer.Option(
            "--audio-root-dir",
            "--audio-root",
            metavar="DIR",
            help="Folder of the recordings. Not given: that of the tsv.",
            rich_help_panel=DATA,
        ),
    ] = None
    ref_field: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the references. Not given: tgt_text, or src_text with --task asr.",
            rich_help_panel=DATA,
        ),
    ] = None
    segmentation: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For talks: wav, offset and duration of each reference sentence, as YAML, JSON "
            "or tsv. What is written is cut along them.",
            rich_help_panel=DATA,
        ),
    ] = None
    segment_references: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Their references, one a line, where the segmentation has none.",
            rich_help_panel=DATA,
        ),
    ] = None
    start_index: Annotated[
        int, typer.Option(min=0, help="First item to run, from 0.", rich_help_panel=DATA)
    ] = 0
    end_index: Annotated[
        int | None,
        typer.Option(min=1, help="Item before which to stop.", rich_help_panel=DATA),
    ] = None
    task: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="s2st: speech, with text; s2tt: text; asr: text of the same language.",
            rich_help_panel=LANGUAGES,
        ),
    ] = "s2tt"
    source: Source = None
    target: Annotated[
        str | None,
        typer.Option(
            "--tgt",
            metavar="LANG",
            envvar="S2ST_TGT",
            help="Language of the translation. Not given: what the test set says.",
            rich_help_panel=LANGUAGES,
        ),
    ] = None
    engine: Engine = "auto"
    policy: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="How the engine commits: as in s2st [bold]live[/], or as in s2st file.",
            rich_help_panel=LANGUAGES,
        ),
    ] = "live"
    min_confidence: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            envvar="S2ST_MIN_CONFIDENCE",
            help="Leave out words less sure than this, which people would see as \\[unclear].",
            rich_help_panel=LANGUAGES,
        ),
        Key("0.0"),
    ] = 0.0
    voice_detector: VoiceDetector = "pocketsphinx"
    sound: SoundOptions = field(default_factory=SoundOptions)
    agent: AgentOptions = field(default_factory=AgentOptions)
    engine_options: EngineOptions = field(default_factory=EngineOptions)
    source_segment_ms: Annotated[
        int,
        typer.Option(
            "--source-segment-size",
            min=1,
            metavar="MS",
            help="Sound sent at a time.",
            rich_help_panel=RUNNING,
        ),
    ] = 320
    sweep: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=A,B",
            help="Run once with each value of a setting of the engine or agent, or of "
            "source_segment_size, for a curve of quality against latency.",
            rich_help_panel=RUNNING,
        ),
    ] = None
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            max=256,
            help="Recordings at once: streams of one engine with weights, else a process each.",
            rich_help_panel=RUNNING,
        ),
    ] = 1
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Run the --jobs on a Ray cluster, or [bold]local[/].",
            rich_help_panel=RUNNING,
        ),
    ] = None
    threads: Annotated[
        int,
        typer.Option(
            min=1,
            max=256,
            help="Of each process, for the mathematics. The last digits may depend on it.",
            rich_help_panel=RUNNING,
        ),
    ] = 1
    allow_contended: Annotated[
        bool,
        typer.Option(
            "--allow-contended",
            help="Measure times although recordings run at once.",
            rich_help_panel=RUNNING,
        ),
    ] = False
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on where --output stopped.", rich_help_panel=RUNNING),
    ] = False
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace what --output holds.", rich_help_panel=RUNNING),
    ] = False
    no_scoring: Annotated[
        bool,
        typer.Option("--no-scoring", help="Only run the agent.", rich_help_panel=SCORES),
    ] = False
    quality: Annotated[
        tuple[str, ...],
        typer.Option(
            "--quality-metrics",
            metavar="LIST",
            help="BLEU, chrF, TER, WER, CER, ASR_BLEU, NE, with commas.",
            rich_help_panel=SCORES,
        ),
    ] = ()
    latency: Annotated[
        tuple[str, ...],
        typer.Option(
            "--latency-metrics",
            metavar="LIST",
            help="SimulEval's: AL, LAAL, AP, DAL, ATD, StartOffset, EndOffset, RTF, NumChunks, "
            "DiscontinuitySum, -Ave, -Num.",
            rich_help_panel=SCORES,
        ),
    ] = ()
    unit: Annotated[
        str,
        typer.Option(
            "--latency-unit", metavar="NAME", help="word, char or spm.", rich_help_panel=SCORES
        ),
    ] = "word"
    spm_model: Annotated[
        Path | None,
        typer.Option(
            "--latency-spm-model",
            metavar="FILE",
            help="SentencePiece model for the unit spm.",
            rich_help_panel=SCORES,
        ),
    ] = None
    bleu_tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="sacreBLEU's. Not given: 13a, zh, or char, by the language.",
            rich_help_panel=SCORES,
        ),
    ] = None
    computation_aware: Annotated[
        bool,
        typer.Option(
            "--computation-aware",
            help="Each latency also with the time the engine computed (_CA).",
            rich_help_panel=SCORES,
        ),
    ] = False
    asr_model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            envvar="S2ST_ASR_MODEL",
            help="faster-whisper model for ASR_BLEU.",
            rich_help_panel=SCORES,
        ),
        MayBePath(),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder for results and report.html. Not given: only the scores are shown.",
            rich_help_panel=RESULTS,
        ),
    ] = None
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="A B",
            help="Instead of running: how two finished outputs differ.",
            rich_help_panel=RESULTS,
        ),
    ] = None
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Only scores and warnings.", rich_help_panel=RESULTS),
    ] = False
    json: Json = False
    given: frozenset[str] = frozenset()
    """What the command line gave."""


def evaluate(options: EvaluateOptions) -> None:
    """Score an engine, or any SimulEval agent, on a test set."""
    from cli.evaluate.plan import require_packages

    require_packages()
    if options.compare is not None:
        if others := options.given - {"compare", "json", "quiet"}:
            raise UsageError(
                "--compare runs nothing: it takes two finished outputs and no more.",
                hint=f"Leave out ⟦{min(others).removeprefix('policy_')}⟧.",
            )
        from cli.evaluate.compare import run_compare

        raise typer.Exit(run_compare(*options.compare, json=options.json))
    from cli.evaluate.run import run_evaluate

    raise typer.Exit(run_evaluate(options))

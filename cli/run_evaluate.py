"""Runs `s2st evaluate` once its options are known; gives the exit code."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from audio_io.errors import OutputError, S2stError, UsageError
from cli.evaluate_plan import EvaluateOptions, EvaluatePlan, Variant, make_plan
from cli.evaluate_view import EvaluateView, print_scores
from engine.agent import Task
from engine.evaluation.files import write_scores, write_simuleval_files
from engine.evaluation.journal import ResultJournal
from engine.evaluation.longform import Sentence, check_covers, read_segmentation, score_talks
from engine.evaluation.run_item import AgentChoice, RunConfig
from engine.evaluation.shards import run_here, run_on_ray, run_workers
from engine.evaluation.summary import Summary, circumstances, write_summary
from engine.languages import written_without_spaces
from engine.metrics.result import Item, ItemResult
from engine.metrics.scores import Score, Transcripts, latencies, score

OK, FAILED = 0, 1
REPORT = "report.html"


def run_evaluate(options: EvaluateOptions) -> int:
    """Exit code 0 when every item was run and scored, 1 when some failed."""
    plan = make_plan(options)
    sentences = _sentences(plan)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup has SIGHUP ignored
            signal.signal(number, _leave)
    with ExitStack() as stack:
        folder = options.output
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="s2st-")))
        folders = [folder / variant.setting for variant in plan.variants]
        waiting = [
            _prepare(plan, variant, each)
            for variant, each in zip(plan.variants, folders, strict=True)
        ]
        summaries = []
        view = stack.enter_context(EvaluateView(plan, sum(map(len, waiting))))
        for variant, each, items in zip(plan.variants, folders, waiting, strict=True):
            _run(plan, variant, each, items, view)
            if not options.no_scoring:
                summaries.append(_summarise(plan, variant, each, sentences, view))
        view.close()
        if options.no_scoring:
            return _unscored(plan, folders)
        print_scores(plan, summaries)
        if options.output is not None:
            from cli.evaluation_page import write_page  # brings plotly

            write_page(options.output / REPORT, summaries)
            if not options.json:
                print(f"results in {folder}; open {folder / REPORT}")
        return FAILED if any(summary.failed for summary in summaries) else OK


def _sentences(plan: EvaluatePlan) -> list[Sentence]:
    options = plan.options
    if options.segmentation is None:
        return []
    if plan.variants[0].request.task is Task.S2ST:
        raise UsageError("--segmentation cuts text, not speech.", hint="Add --task s2tt.")
    spaced = not written_without_spaces(plan.test_set.target)
    if spaced and options.unit == "char":
        raise UsageError(
            "--segmentation by characters is for languages written without spaces.",
            hint="Leave out --latency-unit.",
        )
    transcribes = plan.variants[0].request.task is Task.ASR
    column = options.ref_field or ("src_text" if transcribes else "tgt_text")
    sentences = read_segmentation(options.segmentation, options.segment_references, column)
    check_covers(sentences, [item.audio.name for item in plan.items], options.segmentation)
    return sentences


def _prepare(plan: EvaluatePlan, variant: Variant, folder: Path) -> list[Item]:
    """Make the folder of a run; the items that are still to do. Never touches what it should
    not."""
    options, journal = plan.options, ResultJournal(folder)
    header = plan.header(variant)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The output folder '{folder}' cannot be made ({error.strerror}).",
            hint="Name another with --output.",
        ) from error
    if journal.exists and options.resume:
        _check_same(journal.header(), header, folder)
        done = {index for index, result in journal.results().items() if not result.error}
        return [item for item in plan.items if item.index not in done]
    if journal.results() and not options.overwrite:
        raise UsageError(
            f"'{folder}' holds an evaluation already.",
            hint="--resume goes on with it, --overwrite replaces it.",
        )
    found = [path.name for path in folder.iterdir()] if not journal.exists else []
    unknown = sorted(name for name in found if not _is_ours(name, plan))
    if unknown and not options.overwrite:
        raise UsageError(
            f"'{folder}' holds '{unknown[0]}', which is not of an evaluation.",
            hint="Name an empty folder, or one that does not exist.",
        )
    shutil.rmtree(folder / "wavs", ignore_errors=True)  # of the run that is replaced
    journal.begin(header)
    return list(plan.items)


def _is_ours(name: str, plan: EvaluatePlan) -> bool:
    """A sweep's runs lie in one folder, with the report of all."""
    return name == REPORT or any(name == variant.setting for variant in plan.variants)


def _check_same(before: dict[str, Any] | None, now: dict[str, Any], folder: Path) -> None:
    if before is None:
        raise UsageError(
            f"What was run in '{folder}' cannot be read.", hint="--overwrite starts afresh."
        )
    for name, value in now.items():
        if before.get(name) != value:
            raise UsageError(
                f"'{folder}' was run with another {name}: {before.get(name)}, now {value}.",
                hint="Give the same options, or another --output.",
            )


def _run(
    plan: EvaluatePlan, variant: Variant, folder: Path, items: Sequence[Item], view: EvaluateView
) -> None:
    options, journal = plan.options, ResultJournal(folder)
    foreign = variant.foreign
    if foreign is not None and options.output is not None:
        from dataclasses import replace

        foreign = replace(foreign, log=folder / "agent.log")
    config = RunConfig(
        agent=AgentChoice(
            plan.spec.name if plan.spec is not None else "",
            variant.request,
            plan.load_options,
            foreign,
        ),
        output=folder.resolve(),
        segment_ms=variant.segment_ms,
        unit=options.unit,
        spm_model=options.spm_model,
        source_rate_hz=plan.source_rate_hz,
    )
    watcher = view.begin(variant.setting, journal.add)
    if not items:
        return
    if options.ray is not None:
        run_on_ray(items, config, options.jobs, options.ray, watcher)
    elif options.jobs > 1 and len(items) > 1:
        run_workers(items, config, options.jobs, watcher, verbose=options.verbose)
    else:
        run_here(items, config, watcher)


def _summarise(
    plan: EvaluatePlan,
    variant: Variant,
    folder: Path,
    sentences: Sequence[Sentence],
    view: EvaluateView,
) -> Summary:
    kept = ResultJournal(folder).results()
    results = [kept[item.index] for item in plan.items if item.index in kept]
    done = [result for result in results if not result.error]
    per_item: dict[str, list[float | None]] = {}
    scores: list[Score]
    transcripts = Transcripts()
    if sentences:
        scores = score_talks(results, sentences, plan.scores)
    else:
        transcripts = _transcripts(plan, folder, done, view)
        scores = score(results, plan.scores, transcripts)
        per_item = latencies(done, plan.scores)
    summary = Summary(
        folder=folder,
        setting=variant.setting,
        run=plan.header(variant) | {"bleu_tokenizer": plan.scores.tokenizer},
        scores=tuple(scores),
        per_item=per_item,
        results=tuple(results),
        circumstances=circumstances(_workers(plan)),
        transcripts=transcripts.texts,
    )
    if plan.options.output is not None:
        write_simuleval_files(folder, results, plan.options.unit)
        write_scores(folder, scores, per_item, results)
        write_summary(summary)
    return summary


def _workers(plan: EvaluatePlan) -> str:
    count = min(plan.options.jobs, len(plan.items))
    if plan.options.ray is not None:
        return f"{count} on Ray ({plan.options.ray})"
    return f"{count}"


def _transcripts(
    plan: EvaluatePlan, folder: Path, done: Sequence[ItemResult], view: EvaluateView
) -> Transcripts:
    """What a recogniser understands of the speech that was made."""
    model = plan.options.asr_model
    if "ASR_BLEU" not in plan.scores.quality:
        return Transcripts()
    if not any(result.speech is not None for result in done):
        return Transcripts(reason="there was no speech")
    if model is None:
        return Transcripts(reason="no recogniser was named with --asr-model")
    from engine.output_asr import OutputAsr
    from engine.whisper import OutputAsrConfig

    texts: dict[int, str] = {}
    try:
        ears = OutputAsr(OutputAsrConfig(model, plan.scores.target))
        try:
            settings = ears.wait_until_loaded()
            for result in view.listening(done):
                if result.speech is not None and result.speech.wav:
                    texts[result.index] = ears.transcribe(folder / result.speech.wav)
        finally:
            ears.close()
    except S2stError as error:
        view.warn(f"ASR_BLEU is not measured: {error}")
        return Transcripts(reason=str(error))
    return Transcripts(texts, settings)


def _unscored(plan: EvaluatePlan, folders: Sequence[Path]) -> int:
    failed = 0
    for folder in folders:
        results = ResultJournal(folder).results()
        kept = [results[item.index] for item in plan.items if item.index in results]
        failed += sum(bool(result.error) for result in kept)
        if plan.options.output is not None:
            write_simuleval_files(folder, kept, plan.options.unit)
    return FAILED if failed else OK


def _leave(number: int, _: Any) -> None:
    sys.exit(128 + number)

"""Runs `s2st evaluate` once its options are known; gives the exit code."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from audio_io.errors import S2stError, UsageError
from cli.evaluate.command import EvaluateOptions
from cli.evaluate.plan import EvaluatePlan, make_plan
from cli.evaluate.progress import EvaluateView, print_scores
from cli.evaluate.sweep import Variant
from cli.options.wording import worded
from cli.terminal.signals import leave_on_signals
from cli.terminal.verbosity import is_verbose
from engine.agent import Task
from engine.evaluation.files import write_scores, write_simuleval_files
from engine.evaluation.folder import REPORT, check_free, claimed, made, prepare, remove_derived
from engine.evaluation.journal import ResultJournal
from engine.evaluation.longform import Sentence, check_covers, read_segmentation, score_talks
from engine.evaluation.run_item import AgentChoice, RunConfig
from engine.evaluation.summary import Summary, circumstances, write_summary
from engine.evaluation.work import MOST_TRIES, ItemWork
from engine.languages import written_without_spaces
from engine.metrics.result import Item, ItemResult
from engine.metrics.scores import Score, Transcripts, latencies, score
from engine.streams.run import Here, How, Processes, Ray, Streams, run
from engine.whisper.model import OutputAsrConfig
from engine.whisper.output_asr import OutputAsr

OK, FAILED = 0, 1
ASR_BLEU = "ASR_BLEU"


def run_evaluate(options: EvaluateOptions) -> int:
    """Exit code 0 when every item was run and scored, 1 when some failed."""
    plan = make_plan(options)
    sentences = _sentences(plan)
    leave_on_signals()
    with ExitStack() as stack:
        folder = options.output
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="s2st-")))
        ears = _ears(plan, stack)
        folders, waiting = _prepare(plan, folder, stack)
        view = stack.enter_context(EvaluateView(plan, sum(map(len, waiting))))
        summaries = []
        for variant, each, items in zip(plan.variants, folders, waiting, strict=True):
            _run(plan, variant, each, items, view)
            if not options.no_scoring:
                summaries.append(_summarise(plan, variant, each, sentences, ears, view))
        view.close()
        if options.no_scoring:
            return _unscored(plan, folders)
        if options.output is not None:  # first: whoever reads the scores may leave
            from cli.evaluate.page.page import write_page  # brings plotly

            write_page(options.output / REPORT, summaries)
        print_scores(plan, summaries)
        if options.output is not None and not options.json:
            print(f"results in {folder}; open {folder / REPORT}")
        deaf = ears is not None and any(each.value(ASR_BLEU) is None for each in summaries)
        lost = any(result.lost for summary in summaries for result in summary.done)
        failed = any(summary.failed for summary in summaries)
        return FAILED if deaf or lost or failed else OK


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


def _prepare(
    plan: EvaluatePlan, folder: Path, stack: ExitStack
) -> tuple[list[Path], list[list[Item]]]:
    """The folder of each run, ours alone until the stack unwinds, and what is to do there."""
    options = plan.options
    settings = [variant.setting for variant in plan.variants]
    check_free(folder, [setting for setting in settings if setting], plan.items)
    stack.enter_context(made(folder))
    folders = [folder / setting for setting in settings]
    for each in folders:
        check_free(each, (), plan.items)
    for each in folders:
        stack.enter_context(claimed(each))
    waiting = [
        prepare(
            each,
            plan.header(variant),
            plan.items,
            resume=options.resume,
            overwrite=options.overwrite,
        )
        for variant, each in zip(plan.variants, folders, strict=True)
    ]
    if any(waiting):
        remove_derived(folder)
    return folders, waiting


def _ears(plan: EvaluatePlan, stack: ExitStack) -> OutputAsr | None:
    """The recogniser for ASR_BLEU, loaded before anything runs: what is wrong with it is said at
    once."""
    model = plan.options.asr_model
    if model is None or ASR_BLEU not in plan.scores.quality or plan.options.no_scoring:
        return None
    ears = OutputAsr(OutputAsrConfig(model, plan.scores.target))
    stack.callback(ears.close)
    ears.wait_until_loaded()
    return ears


def _run(
    plan: EvaluatePlan, variant: Variant, folder: Path, items: Sequence[Item], view: EvaluateView
) -> None:
    options, journal = plan.options, ResultJournal(folder)
    foreign = variant.foreign
    if foreign is not None and options.output is not None:
        foreign = replace(foreign, log=folder / "agent.log")
    at_once = min(options.jobs, max(1, len(items)))
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
        at_once=at_once,
        threads=options.threads,
        source_rate_hz=plan.source_rate_hz,
    )
    listener = view.begin(variant.setting, journal.add)
    if not items:
        return
    how: How = Here()
    if options.ray is not None:
        how = Ray(options.jobs, options.ray)
    elif at_once > 1:
        together = plan.spec is not None and plan.spec.batches
        how = Streams(at_once) if together else Processes(at_once)
    run(items, ItemWork(config, is_verbose()), how, listener, tries=MOST_TRIES)


def _summarise(
    plan: EvaluatePlan,
    variant: Variant,
    folder: Path,
    sentences: Sequence[Sentence],
    ears: OutputAsr | None,
    view: EvaluateView,
) -> Summary:
    results = _results(plan, folder)
    done = [result for result in results if not result.error]
    per_item: dict[str, list[float | None]] = {}
    transcripts = Transcripts()
    cut: list[tuple[str, str]] = []
    scores: list[Score]
    if sentences:
        scores, cut = score_talks(results, sentences, plan.scores)
    else:
        transcripts = _transcripts(plan, folder, done, ears, view)
        scores = score(results, plan.scores, transcripts)
        measured = {each.name for each in scores if each.value is not None}
        columns = latencies(done, plan.scores)
        per_item = {name: column for name, column in columns.items() if name in measured}
    named = variant.foreign.agent if variant.foreign is not None else ""
    summary = Summary(
        folder=folder,
        setting=variant.setting,
        run=plan.header(variant) | {"agent": named, "bleu_tokenizer": plan.scores.tokenizer},
        scores=tuple(scores),
        per_item=per_item,
        results=tuple(results),
        circumstances=circumstances(results, plan.options.threads),
        transcripts=transcripts.texts,
        sentences=tuple(cut),
    )
    if plan.options.output is not None:
        write_simuleval_files(folder, results, plan.options.unit)
        write_scores(folder, scores, per_item, results)
        write_summary(summary)
    return summary


def _results(plan: EvaluatePlan, folder: Path) -> list[ItemResult]:
    """What came of the items, with what the test set says of each now."""
    kept = ResultJournal(folder).results()
    return [
        replace(kept[item.index], reference=item.reference, source_text=item.source_text)
        for item in plan.items
        if item.index in kept
    ]


def _transcripts(
    plan: EvaluatePlan,
    folder: Path,
    done: Sequence[ItemResult],
    ears: OutputAsr | None,
    view: EvaluateView,
) -> Transcripts:
    """What a recogniser understands of the speech that was made."""
    if ASR_BLEU not in plan.scores.quality:
        return Transcripts()
    if not any(result.speech is not None for result in done):
        return Transcripts(reason="there was no speech")
    if ears is None:
        return Transcripts(reason="no recogniser was named with --asr-model")
    texts: dict[int, str] = {}
    try:
        settings = ears.wait_until_loaded()
        for result in view.listening(done):
            if result.speech is not None and result.speech.wav:
                texts[result.index] = ears.transcribe(folder / result.speech.wav)
    except S2stError as error:
        reason = worded(str(error))
        view.warn(f"{ASR_BLEU} is not measured: {reason}")
        return Transcripts(reason=reason)
    return Transcripts(texts, settings)


def _unscored(plan: EvaluatePlan, folders: Sequence[Path]) -> int:
    failed = 0
    for folder in folders:
        kept = _results(plan, folder)
        failed += sum(bool(result.error) for result in kept)
        if plan.options.output is not None:
            write_simuleval_files(folder, kept, plan.options.unit)
    return FAILED if failed else OK

"""From the options of `s2st evaluate` to what will run and how it is scored."""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from audio_io.errors import UsageError
from audio_io.sound_choice import ANY_SOUND
from cli.evaluate.command import EvaluateOptions
from cli.evaluate.sweep import Variant, variants
from engine.agent import Task
from engine.errors import EngineError
from engine.evaluation.test_set import Languages, TestSet, from_lists, from_manifest
from engine.hearing.which_sound import sound_choice
from engine.languages import resolve_language, written_without_spaces
from engine.metrics.result import Item
from engine.metrics.scores import (
    DEFAULT_LATENCY,
    ScoreConfig,
    check_metrics,
    reads_clock,
    sacrebleu_metric,
)
from engine.registry import EngineSpec, LoadOptions
from engine.registry.ask import (
    Called,
    Speak,
    Wish,
    ask,
    check_voices,
    read_voices,
)
from engine.registry.extras import to_install
from engine.simuleval.process import ForeignAgentConfig

UNITS = ("word", "char", "spm")
OF_SCORES = frozenset({"quality", "latency", "bleu_tokenizer", "computation_aware", "asr_model"})
"""Options that shape scores alone."""
POLICIES = ("live", "file")
CALLED = Called("--src", "--tgt", for_text_only="Evaluate it with --task s2tt.")
SPEAKER = "--speaker"
_DIGESTED_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class EvaluatePlan:
    """Everything about a run that is settled before it starts."""

    test_set: TestSet
    items: tuple[Item, ...]
    """Those of the test set that were asked for."""
    spec: EngineSpec | None
    """The engine; None where a SimulEval agent is evaluated."""
    load_options: LoadOptions
    variants: tuple[Variant, ...]
    source_rate_hz: int | None
    scores: ScoreConfig
    notes: tuple[str, ...]
    notices: tuple[str, ...]
    options: EvaluateOptions
    recordings: str
    """Digest of what is heard, in order."""

    @property
    def system(self) -> str:
        """What is evaluated, in a word."""
        if self.spec is not None:
            return self.spec.name
        named = self.options.agent
        assert named.agent is not None
        name = Path(named.agent).name
        return f"{name}:{named.agent_class}" if named.agent_class else name

    @property
    def is_contended(self) -> bool:
        """Whether items run side by side, so that clocks say little."""
        return self.options.jobs > 1 or self.options.ray is not None

    def header(self, variant: Variant) -> dict[str, Any]:
        """What shapes the results: a run with another header is another run."""
        options, request = self.options, variant.request
        foreign = variant.foreign
        return {
            "s2st": version("s2st"),
            "system": self.system,
            "agent_args": " ".join(foreign.options) if foreign else "",
            "agent_file": _agent_digest(foreign) if foreign else "",
            "agent_python": (foreign.python or sys.executable) if foreign else "",
            "task": request.task.value,
            "src": self.test_set.source,
            "tgt": self.test_set.target,
            "policy": options.policy if variant.foreign is None else "",
            "policy_values": _values(request.policy),
            "min_confidence": request.min_confidence,
            "vad": self.load_options.voice_detector if variant.foreign is None else "",
            "model_dir": self.load_options.model_dir or "",
            "device": self.load_options.device,
            "dtype": self.load_options.dtype,
            "compiled": self.load_options.compiled,
            "speakers": dict(request.speakers),
            "source_segment_size": variant.segment_ms,
            "source_rate_hz": self.source_rate_hz,
            "latency_unit": options.unit,
            "latency_spm_model": str(options.spm_model or ""),
            "partials": request.partials,
            "threads": options.threads,
            "recordings": self.recordings,
        }


def make_plan(options: EvaluateOptions) -> EvaluatePlan:
    """Raises a `UsageError` for what can never work, an `EngineError` for what is missing."""
    require_packages()
    task = _task(options)
    _check(options)
    notes: list[str] = []
    test_set = _test_set(options, task, notes)
    notes.extend(f"left out: {reason}" for reason in test_set.left_out)
    if not test_set.is_composed:
        notes.append("references have letters and accents apart (NFD): they are scored as NFC")
    items = _asked_for(test_set, options)
    latency = _latency_metrics(options, notes)
    quality = options.quality or _default_quality(task, test_set, options)
    check_metrics(quality, latency)
    if "asr_model" in options.given and "ASR_BLEU" not in quality:
        raise UsageError(
            "--asr-model is for ASR_BLEU, which is not asked for.",
            hint="It comes with --task s2st.",
        )
    scores = ScoreConfig(
        quality=quality,
        latency=latency,
        target=test_set.target,
        unit=options.unit,
        spm_model=options.spm_model,
        computation_aware=options.computation_aware,
        contended=options.allow_contended,
        bleu_tokenizer=options.bleu_tokenizer,
    )
    if options.bleu_tokenizer is not None:
        sacrebleu_metric("BLEU", options.bleu_tokenizer)
    load_options = options.engine_options.load_options(options.voice_detector, options.agent)
    voices = read_voices(options.engine_options.speakers, SPEAKER)
    asked = ask(
        Wish(
            CALLED,
            source=test_set.source,
            targets=(test_set.target,),
            engine=options.engine,
            speak=Speak.EVERY if task is Task.S2ST else Speak.NONE,
            insists=True,
            task=task,
            live=options.policy == "live",
            partials="NE" in quality,
            # An engine is measured by all it writes: which words of it are shown is for readers,
            # and leaving some out would be scored as translating them badly.
            min_confidence=options.min_confidence,
            voices=voices,
            load_options=load_options,
            mode=options.policy,
            policy=options.engine_options.policy,
        )
    )
    check_voices(voices, [asked.request.targets], SPEAKER)
    options.engine_options.refuse_what_means_nothing(asked.spec)
    options.engine_options.check_device(asked.spec, options.ray)
    notes.extend(options.engine_options.notes)
    foreign, load_options = load_options.agent, replace(load_options, agent=None)
    spec = asked.spec if foreign is None else None
    if spec is not None:
        notes[:0] = asked.notes
    base = Variant("", asked.request, options.source_segment_ms, foreign)
    return EvaluatePlan(
        test_set=test_set,
        items=items,
        spec=spec,
        load_options=load_options,
        variants=variants(options.sweep, base, spec, options.engine_options.policy),
        source_rate_hz=options.agent.agent_rate_hz,
        scores=scores,
        notes=tuple(notes),
        notices=(spec.notice,) if spec is not None and spec.notice else (),
        options=options,
        recordings=_digest(test_set.items),
    )


def require_packages() -> None:
    """Raises an `EngineError` where the extra is not installed."""
    for package in ("simuleval", "sacrebleu", "omnisteval", "jiwer", "plotly"):
        if find_spec(package) is None:
            raise EngineError(
                f"Evaluation needs the package '{package}', which is not installed.",
                hint=f"Type: {to_install('evaluate')}",
            )


def _task(options: EvaluateOptions) -> Task:
    try:
        return Task(options.task)
    except ValueError:
        known = ", ".join(task.value for task in Task)
        raise UsageError(
            f"No task is called '{options.task}'.", hint=f"There is: {known}."
        ) from None


def _check(options: EvaluateOptions) -> None:
    """What contradicts itself."""
    _check_one_way_in(options)
    if options.policy not in POLICIES:
        raise UsageError(f"--policy is live or file, not '{options.policy}'.")
    if options.unit not in UNITS:
        raise UsageError(f"--latency-unit is one of {', '.join(UNITS)}, not '{options.unit}'.")
    if (options.unit == "spm") != (options.spm_model is not None):
        raise UsageError("--latency-unit spm and --latency-spm-model FILE go together.")
    if options.spm_model is not None and not options.spm_model.is_file():
        raise UsageError(f"The SentencePiece model '{options.spm_model}' does not exist.")
    if options.asr_model == "":
        raise UsageError("--asr-model takes the name or the folder of a model.")
    if idle := OF_SCORES & options.given if options.no_scoring else frozenset():
        raise UsageError("--no-scoring scores nothing.", hint=f"Leave out ⟦{min(idle)}⟧.")
    if options.overwrite and options.output is None:
        raise UsageError("--overwrite replaces what is in a folder.", hint="Name it with --output.")
    if options.resume and options.output is None:
        raise UsageError("--resume goes on in a folder.", hint="Name it with --output.")
    if options.resume and options.overwrite:
        raise UsageError("--resume keeps what --overwrite replaces.", hint="Give one of them.")
    if options.segmentation is not None and options.unit == "spm":
        raise UsageError("--segmentation counts words or characters, not pieces.")
    if options.segment_references is not None and options.segmentation is None:
        raise UsageError("--segment-references belongs to --segmentation.")


def _check_one_way_in(options: EvaluateOptions) -> None:
    """A test set is a tsv or lists, and options about the one say nothing of the other."""
    if (options.data_file is None) == (options.sources is None):
        raise UsageError(
            "Name a test set: --data-file FILE.tsv, or SimulEval's lists with --source and "
            "--target."
        )
    if options.data_file is not None and options.references is not None:
        raise UsageError(
            "--target is the references of SimulEval's lists; those of a tsv stand in a column.",
            hint="Name it with --ref-field. The language of the translation is --tgt.",
        )
    if options.sources is not None and options.audio_root_dir is not None:
        raise UsageError(
            "--audio-root-dir is of a tsv.", hint="Paths of a list start at the list's folder."
        )
    if options.sources is not None and options.ref_field and options.segmentation is None:
        raise UsageError("--ref-field is a column of a tsv.", hint="Name references by --target.")
    if options.segmentation is not None and options.references is not None:
        raise UsageError(
            "--segmentation brings references of its own, and --target is not read.",
            hint="--segment-references names a list of them.",
        )


def _test_set(options: EvaluateOptions, task: Task, notes: list[str]) -> TestSet:
    transcribes = task is Task.ASR
    languages = Languages(
        resolve_language(options.source).code if options.source else None,
        resolve_language(options.target).code if options.target else None,
        sound=sound_choice(options.sound.track, options.sound.channel),
        transcribes=transcribes,
    )
    if options.sources is not None:
        return from_lists(options.sources, options.references, languages)
    assert options.data_file is not None
    column = options.ref_field or ("src_text" if transcribes else "tgt_text")
    needed = not options.no_scoring and options.segmentation is None
    return from_manifest(
        options.data_file, options.audio_root_dir, column, languages, is_scored=needed
    )


def _asked_for(test_set: TestSet, options: EvaluateOptions) -> tuple[Item, ...]:
    end = options.end_index
    items = tuple(
        item
        for item in test_set.items
        if item.index >= options.start_index and (end is None or item.index < end)
    )
    if not items:
        first, last = test_set.items[0].index, test_set.items[-1].index
        upto = "" if end is None else f" and below --end-index {end}"
        raise UsageError(
            f"No item has an index from --start-index {options.start_index}{upto}.",
            hint=f"They go from {first} to {last}.",
        )
    return items


def _latency_metrics(options: EvaluateOptions, notes: list[str]) -> tuple[str, ...]:
    contended = options.jobs > 1 or options.ray is not None
    names = options.latency or DEFAULT_LATENCY
    if not contended or options.allow_contended or options.no_scoring:
        return names
    clocked = [name for name in names if reads_clock(name)]
    if options.computation_aware or (options.latency and clocked):
        what = "--computation-aware" if options.computation_aware else clocked[0]
        how = "--ray" if options.ray is not None else "--jobs"
        raise UsageError(
            f"{what} reads the clock, and with {how} recordings are in each other's way.",
            hint="Run one at a time, or say --allow-contended.",
        )
    notes.extend(
        f"{name} is left out: it reads the clock, and items run at once" for name in clocked
    )
    return tuple(name for name in names if name not in clocked)


def _default_quality(task: Task, test_set: TestSet, options: EvaluateOptions) -> tuple[str, ...]:
    if task is Task.ASR:
        return ("CER",) if written_without_spaces(test_set.target) else ("WER",)
    return ("BLEU", "chrF", "TER") + (("ASR_BLEU",) if task is Task.S2ST else ())


def _values(policy: object) -> Mapping[str, Any]:
    if policy is None:
        return {}
    return {field.name: getattr(policy, field.name) for field in fields(policy)}  # type: ignore[arg-type]


def _digest(items: Sequence[Item]) -> str:
    """Of what is heard: ids, sizes, and the first and last of each recording's bytes. Neither
    where the recordings lie nor what they are compared with shapes the results."""
    whole = hashlib.blake2b(digest_size=16)
    for item in items:
        try:
            size, own = _glance(item.audio)
        except OSError as error:  # its own failure, when it is run
            size, own = 0, str(error.strerror)
        chosen = [asdict(item.sound)] if item.sound != ANY_SOUND else []
        whole.update(json.dumps([item.index, item.id, size, own, *chosen]).encode())
    return whole.hexdigest()


def _glance(recording: Path) -> tuple[int, str]:
    """Its size, and a digest of its first and last bytes."""
    size = recording.stat().st_size
    with recording.open("rb") as file:
        head = file.read(_DIGESTED_BYTES)
        file.seek(max(0, size - _DIGESTED_BYTES))
        tail = file.read(_DIGESTED_BYTES)
    return size, hashlib.blake2b(head + tail, digest_size=16).hexdigest()


def _agent_digest(agent: ForeignAgentConfig) -> str:
    """Of the file; a class of a package has none."""
    if not agent.is_file:
        return ""
    try:
        data = Path(agent.agent).read_bytes()
    except OSError:  # loading it says what is wrong
        return ""
    return hashlib.blake2b(data, digest_size=16).hexdigest()

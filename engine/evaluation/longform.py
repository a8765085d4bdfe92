"""Talks: what was written of each is cut along the sentences of the references, then scored.

The cutting and the latencies are OmniSTEval's (Polák et al., "Better Late Than Never: Evaluation
of Latency Metrics for Simultaneous Speech-to-Text Translation", https://arxiv.org/abs/2509.17349).
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from audio_io.errors import ManifestError, S2stError
from engine.evaluation.lines import lines_for, read_text
from engine.languages import LANGUAGES, written_without_spaces
from engine.metrics.normalise import composed
from engine.metrics.result import ItemResult, TextOutput
from engine.metrics.scores import CONTENDED, Score, ScoreConfig, Transcripts, score

NAMES = {
    "LongYAAL": "long_yaal",
    "StreamLAAL": "long_laal",
    "LongAL": "long_al",
    "LongDAL": "long_dal",
}
"""Our names of OmniSTEval's latencies. Its long_laal is the LAAL of sentences cut out of a stream:
StreamLAAL (Papi et al., 2024), with OmniSTEval's way of cutting."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a talk."""

    recording: str
    """File name of the talk."""
    offset_ms: float
    duration_ms: float
    reference: str


def read_segmentation(path: Path, references: Path | None, column: str) -> list[Sentence]:
    """The sentences of a segmentation: a YAML or JSON list of `wav`, `offset` and `duration` (in
    seconds), or a tsv with the columns `audio`, `offset` and `duration`. The reference stands in
    `column`, or on the same line of `references`.

    Raises:
        ManifestError: it does not say what it should; names the entry.
    """
    entries = _tsv(path) if path.suffix == ".tsv" else _list(path)
    texts = None if references is None else lines_for(read_text(references), len(entries))
    if texts is not None and len(texts) != len(entries):
        raise ManifestError(
            f"{path} has {len(entries)} sentences and {references} has {len(texts)} lines."
        )
    sentences = []
    for number, entry in enumerate(entries, start=1):
        where = f"{path}, sentence {number}"
        try:
            name = entry["wav"] if "wav" in entry else entry["audio"]
            offset_s, duration_s = float(entry["offset"]), float(entry["duration"])
            text = str(entry[column]) if texts is None else texts[number - 1]
        except KeyError as error:
            hint = "" if error.args[0] != column else "Or name them with ⟦segment_references⟧."
            has = ", ".join(map(str, entry))
            raise ManifestError(f"{where} has no {error}; it has: {has}.", hint=hint) from error
        except (TypeError, ValueError) as error:
            raise ManifestError(f"{where}: offset and duration are seconds ({error}).") from error
        if not (math.isfinite(offset_s) and math.isfinite(duration_s)):
            raise ManifestError(f"{where}: offset and duration are seconds.")
        if offset_s < 0 or duration_s <= 0 or not text.strip():
            what = "its reference is empty" if not text.strip() else "it lasts no time"
            raise ManifestError(f"{where}: {what}.")
        sentences.append(
            Sentence(
                Path(str(name)).name, 1000 * offset_s, 1000 * duration_s, composed(text.strip())
            )
        )
    return sentences


def check_covers(sentences: Sequence[Sentence], names: Sequence[str], path: Path) -> None:
    """Every talk has sentences. Raises a `ManifestError` for one that has none."""
    known = {sentence.recording for sentence in sentences} | {
        Path(sentence.recording).stem for sentence in sentences
    }
    for name in names:
        if Path(name).name not in known and Path(name).stem not in known:
            raise ManifestError(f"{path} has no sentence of '{Path(name).name}'.")


def score_talks(
    results: Sequence[ItemResult], sentences: Sequence[Sentence], config: ScoreConfig
) -> tuple[list[Score], list[tuple[str, str]]]:
    """Quality and latency over the sentences of all talks that did not fail; and each reference
    with what was cut out for it."""
    done = [result for result in results if not result.error and result.text is not None]
    if not done:
        names = (*config.quality, *NAMES)
        return [Score(name, None, "", "", 0, "nothing was written") for name in names], []
    by_character = config.unit == "char"
    cut = _resegment(done, sentences, config, by_character)
    from omnisteval import evaluate_instances

    values, _, _ = evaluate_instances(
        cut.instances,
        compute_quality=False,
        is_longform=True,
        fix_emission_ca_flag=True,
    )
    how = f"omnisteval {version('omnisteval')}, {cut.settings}, unit {config.unit}"
    scores = _qualities(cut, config, how)
    for name, key in NAMES.items():
        scores.append(_latency(name, values.get(key), f"{how}, delays", len(cut.instances)))
        if config.computation_aware:
            settings = f"{how}, elapsed, each wait for the machine counted once"
            value = values.get(f"ca_{key}")
            if any(result.at_once > 1 for result in done) and not config.contended:
                scores.append(Score(f"{name}_CA", None, "ms", settings, 0, CONTENDED))
            else:
                scores.append(_latency(f"{name}_CA", value, settings, len(cut.instances)))
    return scores, [(instance.reference, instance.prediction) for instance in cut.instances]


@dataclass(frozen=True, slots=True)
class _Cut:
    instances: list[Any]
    settings: str


def _resegment(
    results: Sequence[ItemResult],
    sentences: Sequence[Sentence],
    config: ScoreConfig,
    by_character: bool,
) -> _Cut:
    from omnisteval import Word, resegment
    from omnisteval.data import fix_emission_ca

    reference_words: list[list[Any]] = []
    written_words: list[list[Any]] = []
    segmentation: list[dict[str, float]] = []
    references: list[str] = []
    for number, result in enumerate(results):
        own = [sentence for sentence in sentences if _is_of(sentence, result)]
        end_ms = max(sentence.offset_ms + sentence.duration_ms for sentence in own)
        words = []
        for place, sentence in enumerate(own):
            text = sentence.reference.lower()
            units = list(text.replace(" ", "")) if by_character else text.split()
            here = len(references)
            words += [Word(unit, emission_cu=sentence.offset_ms, seq_id=here) for unit in units]
            references.append(
                sentence.reference.replace(" ", "") if by_character else sentence.reference
            )
            segmentation.append(
                {
                    "doc_id": number,
                    "seg_id": place,
                    "offset": sentence.offset_ms,
                    "duration": sentence.duration_ms,
                    "time_to_recording_end": end_ms - sentence.offset_ms,
                }
            )
        reference_words.append(words)
        assert result.text is not None
        heard = [
            Word(composed(unit), emission_cu=delay_ms, emission_ca=elapsed_ms)
            for unit, delay_ms, elapsed_ms in zip(
                result.text.units, result.text.delays_ms, result.text.elapsed_ms, strict=True
            )
        ]
        written_words.append(fix_emission_ca(heard))
    language = None if by_character else moses_language(config.target)
    try:
        with _one_process():
            instances, _ = resegment(
                reference_words,
                written_words,
                segmentation,
                references,
                char_level=by_character,
                lang=language,
            )
    except OSError as error:  # its tokenizer is a Perl program
        raise S2stError(
            f"OmniSTEval's tokenizer cannot be run ({error.strerror}).",
            hint="Type: sudo apt install perl",
        ) from error
    settings = f"Moses tokenizer {language}" if language else "no tokenizer"
    return _Cut(instances, settings)


class _OneProcess:
    """What OmniSTEval uses of a `multiprocessing.Pool`."""

    def __enter__(self) -> "_OneProcess":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, do: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
        return [do(task) for task in tasks]


@contextmanager
def _one_process() -> Iterator[None]:
    """OmniSTEval aligns in a pool of forks, of all the processors there are. A fork of a process
    that has threads, or answers signals itself as ours does, may hang for ever, and the run with
    it. The alignment takes seconds for a talk of 1,500 words, and four times as long for twice as
    many."""
    from omnisteval import alignment

    theirs, alignment.Pool = alignment.Pool, _OneProcess
    try:
        yield
    finally:
        alignment.Pool = theirs


def moses_language(code: str) -> str | None:
    """The language as Moses' tokenizer calls it; None where it has none."""
    if written_without_spaces(code):
        return None
    return LANGUAGES[code].alpha2 if code in LANGUAGES else None


def _is_of(sentence: Sentence, result: ItemResult) -> bool:
    name = Path(result.audio)
    return sentence.recording == name.name or Path(sentence.recording).stem == name.stem


def _qualities(cut: _Cut, config: ScoreConfig, how: str) -> list[Score]:
    """Each sentence as an item of its own."""
    sentences = [
        ItemResult(
            index=place,
            id="",
            audio="",
            target=config.target,
            reference=instance.reference,
            source_text=None,
            text=TextOutput(instance.prediction, (), (), ()),
        )
        for place, instance in enumerate(cut.instances)
    ]
    measured = score(
        sentences,
        replace(config, latency=()),
        Transcripts(reason="talks that are cut into sentences have no speech"),
    )
    return [
        each if each.value is None else replace(each, settings=f"{each.settings}, cut by {how}")
        for each in measured
    ]


def _latency(name: str, value: float | None, settings: str, sentences: int) -> Score:
    if value is None or math.isnan(value):
        return Score(name, None, "ms", settings, 0, "nothing was written")
    return Score(name, float(value), "ms", settings, sentences)


def _list(path: Path) -> list[dict[str, Any]]:
    text = read_text(path)
    try:
        entries = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        what = " ".join(str(error).split())[:120]
        raise ManifestError(f"{path} is no YAML or JSON ({what}).") from error
    if not isinstance(entries, list) or not entries:
        raise ManifestError(f"{path} is no list of sentences.")
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            raise ManifestError(f"{path}, sentence {number} is no set of named values.")
    return entries


def _tsv(path: Path) -> list[dict[str, Any]]:
    lines = [line.removesuffix("\r") for line in read_text(path).split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    columns = lines[0].split("\t") if lines else []
    entries = []
    for number, line in enumerate(lines[1:], start=2):
        fields = line.split("\t")
        if len(fields) != len(columns):
            raise ManifestError(
                f"{path}, line {number}: {len(fields)} fields where the header has {len(columns)}."
            )
        entries.append(dict(zip(columns, fields, strict=True)))
    if not entries:
        raise ManifestError(f"{path} has no sentences.")
    return entries

"""Test sets: a tsv manifest, or SimulEval's two lists, as items."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audio_io.errors import ManifestError, S2stError
from audio_io.manifest import ManifestRow, read_manifest
from audio_io.paths import is_file
from audio_io.sound_choice import ANY_SOUND, SoundChoice
from engine.evaluation.lines import lines_for, read_text, stripped
from engine.hearing.which_sound import sound_choice
from engine.languages import resolve_language
from engine.metrics.normalise import composed, normalise
from engine.metrics.result import Item


@dataclass(frozen=True, slots=True)
class TestSet:
    """The items to run, and the languages they are in."""

    __test__ = False  # pytest takes every class with such a name for its own

    items: tuple[Item, ...]
    source: str
    """ISO 639-3, as `target`."""
    target: str
    left_out: tuple[str, ...] = ()
    """Why rows were left out, for people."""
    is_composed: bool = True
    """Whether references were composed (NFC) as they are written; they are now."""


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages that were asked for; None takes what the test set says."""

    source: str | None
    target: str | None
    default_source: str = "eng"
    default_target: str = "spa"
    sound: SoundChoice = ANY_SOUND
    """Which of each recording's sounds is heard; a row says what this leaves open."""
    transcribes: bool = False
    """Whether references are in the language that is spoken."""


def from_manifest(
    path: Path,
    audio_root: Path | None,
    reference_column: str,
    languages: Languages,
    *,
    is_scored: bool = True,
) -> TestSet:
    """The rows of a manifest whose references stand in `reference_column`; unless they are scored,
    they may be missing. Rows in other languages than those asked for are left out.

    Raises:
        ManifestError: a column is missing, a recording does not exist, a reference is empty.
    """
    needed = [reference_column] if is_scored else []
    rows = read_manifest(path, audio_root, needed=needed)
    pairs = [_pair(path, row, languages.transcribes) for row in rows]
    source = languages.source or _only([pair[0] for pair in pairs], path, "src_lang", "source")
    source = source or languages.default_source
    target = source if languages.transcribes else languages.target
    if target is None:
        kept = [pair[1] for pair in pairs if pair[0] in (None, source)]
        target = _only(kept, path, "tgt_lang", "target") or languages.default_target
    items, left_out = [], []
    is_composed = True
    for index, (row, pair) in enumerate(zip(rows, pairs, strict=True)):
        if pair[0] not in (None, source) or pair[1] not in (None, target):
            written = " to ".join(code for code in pair if code is not None)
            left_out.append(f"line {row.line_number} ({row.id}) is in {written}")
            continue
        reference = row.columns.get(reference_column)
        is_composed &= reference is None or composed(reference) == reference
        item = _item(path, row, index, target, reference)
        item = replace(item, sound=languages.sound.over(_sound(path, row)))
        if is_scored:
            where = f"{path}, line {row.line_number}"
            _check_reference(where, item, reference_column, languages.transcribes)
        items.append(item)
    if not items:
        raise ManifestError(
            f"{path} has no row of {source} to {target}.", hint=f"Of its rows, {left_out[0]}."
        )
    return TestSet(tuple(items), source, target, tuple(left_out), is_composed)


def from_lists(sources: Path, references: Path | None, languages: Languages) -> TestSet:
    """SimulEval's lists: one audio path a line, and one reference a line. Paths start where the
    program runs, as they do for SimulEval, or else at the list's folder."""
    names = stripped(read_text(sources))
    while names and not names[-1]:
        names.pop()
    if not names:
        raise ManifestError(f"{sources} is empty.")
    texts: Sequence[str | None] = [None] * len(names)
    if references is not None:
        texts = lines_for(read_text(references), len(names))
    if len(texts) != len(names):
        raise ManifestError(f"{sources} has {len(names)} lines and {references} has {len(texts)}.")
    source = languages.source or languages.default_source
    target = source if languages.transcribes else languages.target or languages.default_target
    items = []
    is_composed = True
    for index, (name, text) in enumerate(zip(names, texts, strict=True)):
        audio = _listed(f"{sources}, line {index + 1}", sources.parent, name)
        if text is not None:
            if not text.strip():
                raise ManifestError(f"{references}, line {index + 1}: the reference is empty.")
            is_composed &= composed(text) == text
        reference = None if text is None else composed(text)
        items.append(Item(index, str(index), audio, target, reference, sound=languages.sound))
    return TestSet(tuple(items), source, target, is_composed=is_composed)


def _listed(where: str, folder: Path, name: str) -> Path:
    if not name:
        raise ManifestError(f"{where} is empty.")
    for start in (Path(), folder):
        if is_file(start / name):
            return (start / name).absolute()
    raise ManifestError(
        f"{where}: the recording '{name}' is not there.",
        hint="Paths start where you are, or at the folder of the list.",
    )


def _item(
    path: Path,
    row: ManifestRow,
    index: int,
    target: str,
    reference: str | None,
) -> Item:
    where = f"{path}, line {row.line_number}"
    if not is_file(row.audio):
        raise ManifestError(
            f"{where}: the recording '{row.columns['audio']}' is not there.",
            hint="Paths start at ⟦audio_root_dir⟧, or else at the manifest's folder.",
        )
    text = composed(reference) if reference else None
    return Item(index, row.id, row.audio, target, text, row.source_text or None)


def _sound(path: Path, row: ManifestRow) -> SoundChoice:
    try:
        return sound_choice(row.columns.get("track"), row.columns.get("channel"))
    except S2stError as error:
        raise ManifestError(f"{path}, line {row.line_number}: {error}") from error


def _check_reference(where: str, item: Item, column: str, transcribes: bool) -> None:
    text = item.reference or ""
    if not text.strip():
        raise ManifestError(
            f"{where}: column '{column}' is empty.", hint="Fill it in, or leave the row out."
        )
    if transcribes and not normalise(text, item.target):
        raise ManifestError(
            f"{where}: column '{column}' holds no words ({text[:40]!r}).",
            hint="Leave the row out: word errors are counted against words.",
        )


def _pair(path: Path, row: ManifestRow, transcribes: bool) -> tuple[str | None, str | None]:
    """The languages of a row, where it says them."""
    try:
        source, target = (
            resolve_language(code).code if code else None
            for code in (row.source_language, row.target_language)
        )
    except S2stError as error:
        raise ManifestError(f"{path}, line {row.line_number}: {error}") from error
    return source, None if transcribes else target


def _only(codes: Sequence[str | None], path: Path, column: str, setting: str) -> str | None:
    """The one code there is; None when no row says any."""
    found = sorted({code for code in codes if code is not None})
    if len(found) > 1:
        raise ManifestError(
            f"{path} has several languages in column '{column}': {', '.join(found)}.",
            hint=f"Choose one with ⟦{setting}⟧; rows in others are left out.",
        )
    return found[0] if found else None

"""What the user named, as a list of recordings: files, folders, globs, manifests, a pipe."""

import glob
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audio_io.addresses import SCHEMES, scheme_of, shown, stem_of
from audio_io.errors import ManifestError, UsageError, on_one_line
from audio_io.manifest import ManifestRow, read_manifest
from audio_io.paths import is_folder, is_there, really
from audio_io.sound_choice import SoundChoice
from cli.file.walk import Walk
from engine.batch.descriptors import STDIN, descriptor_of
from engine.batch.job import Input
from engine.batch.journal import Journal
from engine.hearing.which_sound import sound_choice


@dataclass(frozen=True, slots=True)
class InputOptions:
    output: Path | None = None
    """Folder for all outputs; None puts each beside its input."""
    audio_root: Path | None = None
    """Folder that the audio paths of manifests start at and stay in."""
    allow_addresses: bool = False
    """Whether what a manifest names may lie on the network."""


class _EmptyFolderError(UsageError):
    """A folder holds nothing to translate. Beside others, such as a shell's `*` names, it is passed
    over."""


def find_inputs(arguments: Sequence[str], options: InputOptions, notes: list[str]) -> list[Input]:
    """All recordings, in the order named, none twice, no two with the same output names. What is
    worth knowing of them is added to the notes."""
    found: list[Input] = []
    empty: list[_EmptyFolderError] = []
    for argument in _without_results(arguments, notes):
        try:
            found.extend(_expand(argument, options, notes))
        except _EmptyFolderError as error:
            empty.append(error)
    if empty and not found:
        raise empty[0]
    notes += map(str, empty)
    unique: dict[tuple[object, ...], Input] = {}
    for item in found:  # one recording named twice is one, unless its results are others
        path = really(item.path) if item.path is not None else None
        which = (path, item.address, item.descriptor)
        key = (*which, really(item.folder), item.stem, item.source, item.target)
        unique.setdefault(key, item)
    return _distinct_stems(list(unique.values()))


def _without_results(arguments: Sequence[str], notes: list[str]) -> list[str]:
    """A shell's `*.wav` names what s2st wrote, too. Whoever names only that means it."""
    journals = {folder: Journal(folder) for folder in {Path(each).parent for each in arguments}}
    results = [
        each for each in arguments if Path(each).name in journals[Path(each).parent].outputs()
    ]
    rest = [each for each in arguments if each not in results]
    if not (results and rest):
        return list(arguments)
    more = f" and {len(results) - 1} more" if len(results) > 1 else ""
    notes.append(f"passed over, since s2st wrote it: {results[0]}{more} (name it alone to have it)")
    return rest


def _expand(argument: str, options: InputOptions, notes: list[str]) -> Iterator[Input]:
    if (number := descriptor_of(argument)) is not None:
        label, stem = (argument, f"fd{number}") if number != STDIN else ("standard input", "stdin")
        yield Input(None, label, options.output or Path(), stem, descriptor=number)
        return
    if not argument:
        raise UsageError("An input is empty.", hint="Name a file, a folder, or - for a pipe.")
    if scheme_of(argument):
        yield _address(argument, argument, options)
        return
    path = Path(argument)
    if is_folder(path):
        walk = Walk(path)
        found = list(_walked(walk, options.output))
        if not found and not os.access(path, os.R_OK | os.X_OK):
            yield Input(path, argument, options.output or path, path.name)  # opening it says why
            return
        if not found:
            raise _EmptyFolderError(
                f"The folder '{path}' holds no audio or video files to translate"
                + (f" ({walk.passed_over})." if walk.passed_over else ".")
            )
        _note(walk, notes)
        yield from found
    elif path.suffix.lower() == ".tsv":
        yield from _manifest(path, options)
    elif not is_there(path) and glob.has_magic(argument):
        matches = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207  absolute ones too
        if not matches:
            raise UsageError(f"No file matches '{argument}'.")
        yield from _globbed(argument, [Path(match) for match in matches], options, notes)
    else:
        # One that does not exist fails later by itself, and does not stop the others.
        yield Input(path, argument, options.output or _beside(path), path.stem)


def _address(address: str, label: str, options: InputOptions) -> Input:
    """Its results go where the program runs."""
    if scheme_of(address) not in SCHEMES:
        raise UsageError(
            f"'{shown(address)}' is an address of a kind that is not read.",
            hint=f"There is: {', '.join(SCHEMES)}.",
        )
    label = shown(address) if label == address else label
    return Input(None, label, options.output or Path(), stem_of(address), address=address)


def _beside(path: Path) -> Path:
    """Where results go. Those of a device go where the program runs: `/dev` is no folder for
    files."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return path.parent
    return Path() if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else path.parent


def _globbed(
    pattern: str, matches: list[Path], options: InputOptions, notes: list[str]
) -> Iterator[Input]:
    """What matches, but for files that s2st wrote. A folder's results keep its name."""
    ours = {folder: Journal(folder).outputs() for folder in {path.parent for path in matches}}
    found: list[Input] = []
    for path in matches:
        if is_folder(path):
            walk = Walk(path)
            found.extend(_walked(walk, options.output and options.output / path.name))
            _note(walk, notes)
        elif path.name not in ours[path.parent]:
            found.extend(_expand(str(path), options, notes))
    if not found:
        raise UsageError(
            f"Nothing that matches '{pattern}' is a recording to translate.",
            hint="What s2st wrote itself does not count.",
        )
    yield from found


def _walked(walk: Walk, into: Path | None) -> Iterator[Input]:
    """Results go to the same place below `into`; None puts each beside its input."""
    for path in walk:
        output = into / path.parent.relative_to(walk.root) if into else path.parent
        yield Input(path, str(path), output, path.stem)


def _note(walk: Walk, notes: list[str]) -> None:
    if walk.passed_over:
        notes.append(on_one_line(f"{walk.root}: {walk.passed_over}"))


def _manifest(path: Path, options: InputOptions) -> Iterator[Input]:
    for row in read_manifest(path, options.audio_root, addresses=options.allow_addresses):
        yield Input(
            path=None if row.address else row.audio,
            address=row.address,
            label=row.id,
            folder=options.output or path.parent,
            stem=row.id,
            source=row.source_language,
            target=row.target_language,
            manifest=path,
            sound=_sound(path, row),
        )


def _sound(path: Path, row: ManifestRow) -> SoundChoice:
    try:
        return sound_choice(row.columns.get("track"), row.columns.get("channel"))
    except UsageError as error:
        raise ManifestError(f"{path}, line {row.line_number}: {error}") from error


def _stems_before(inputs: Sequence[Input]) -> dict[Input, str]:
    """What the results of recordings are called in their folders, where there are any."""
    journals = {folder: Journal(folder) for folder in {item.folder for item in inputs}}
    stems: dict[Input, str] = {}
    for item in inputs:
        if item.path is None or item.manifest is not None:
            continue
        stem = journals[item.folder].stem_of(item.path.name, (item.path.stem, item.path.name))
        if stem is not None:
            stems[item] = stem
    return stems


def _distinct_stems(inputs: list[Input]) -> list[Input]:
    """Inputs of one stem and folder keep their extension: `a.mp3` and `a.wav`; but what results are
    named already stays so, whatever recordings come and go. The ids of manifests stay as they
    are."""
    before = _stems_before(inputs)
    claimed = Counter(
        (really(item.folder), item.stem)
        for item in inputs
        if before.get(item, item.stem) == item.stem
    )
    named = []
    for item in inputs:
        stem = before.get(item, item.stem)
        is_free = item.path is not None and item.manifest is None and item not in before
        if is_free and claimed[really(item.folder), item.stem] > 1:
            assert item.path is not None
            stem = item.path.name
        named.append(replace(item, stem=stem))
    seen: dict[tuple[Path, str], Input] = {}
    for item in named:
        key = (really(item.folder), item.stem)
        if key in seen:
            raise UsageError(
                f"'{seen[key].label}' and '{item.label}' would both be written as "
                f"'{item.stem}' in '{item.folder}'.",
                hint="Rename one, or translate them into different folders.",
            )
        seen[key] = item
    return named

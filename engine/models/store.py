"""Models that are fetched once and kept: where they live, what there is, and whether it is whole.

A model is a folder in the models folder: its files, and a `manifest.json` with the size and
SHA-256 of each. Checksums of published files that nobody publishes are recorded there at the first
pull; from then on `verify` holds the files against them.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audio_io.errors import OutputError, UsageError
from audio_io.paths import expanded, is_file, is_folder, is_there, own_folder
from audio_io.whole_file import WholeFile, is_alive
from engine.errors import EngineError
from engine.models import downloads
from engine.models.downloads import Patience, RemoteFile, only_one, sha256_of
from engine.registry import ModelFile, ModelSpec, models

MANIFEST = "manifest.json"
VARIABLE = "S2ST_MODELS"
"""Names the folder they live in."""
_MARK = "s2st model"
"""By which a manifest is known as ours."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DOWNLOADS = ".downloads"


@dataclass(frozen=True, slots=True)
class Installed:
    """A model on this machine."""

    name: str
    folder: Path
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PullPlan:
    """What a pull is about to do."""

    spec: ModelSpec
    folder: Path
    download_bytes: int
    """Of all files, fetched already or not."""
    disk_bytes: int
    """Room it takes while it works: what is fetched, and what is made of it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file is."""

    doing: str
    """fetching, converting or checking."""
    file: str
    done_bytes: int
    whole_bytes: int | None
    """None when it is not known."""


OnProgress = Callable[[Progress], None]


def models_folder() -> Path:
    """Where models live: `VARIABLE`, or the user's data folder."""
    named = os.environ.get(VARIABLE)
    if named:
        return expanded(Path(named)).absolute()
    from platformdirs import user_data_path

    return own_folder(user_data_path) / "models"


def installed() -> list[Installed]:
    """The models on this machine, by name. A folder of the user's that cannot be looked into has
    none; one that was named must be a folder. Raises `EngineError`."""
    folder = models_folder()
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        if os.environ.get(VARIABLE) and not isinstance(error, FileNotFoundError):  # pull makes it
            raise EngineError(
                f"The models folder '{folder}' cannot be read: {error.strerror}.",
                hint=f"{VARIABLE} names it; unset it, or name another.",
            ) from error
        return []
    found = []
    for path in paths:
        if _NAME.fullmatch(path.name) and _is_ours(path):
            found.append(Installed(path.name, path, _size_bytes(path)))
    return found


def path(name: str) -> Path:
    """The folder of a model that is here. Never asks the network. Raises `UsageError` for a name
    that no model has, and `EngineError` for a model that is not here."""
    folder = _folder(name)
    if _is_ours(folder):
        return folder
    known = sorted({*models(), *(model.name for model in installed())})
    if name not in known:
        raise UsageError(f"No model is called '{name}'.", hint=f"There is: {', '.join(known)}.")
    raise EngineError(f"The model '{name}' is not here.", hint=f"Type: s2st models pull {name}")


def pull(
    name: str,
    *,
    progress: OnProgress,
    confirm: Callable[[PullPlan], None],
    patience: Patience | None = None,
) -> Path:
    """Fetch and convert a model of one of the engines; the folder it is in from then on.

    `confirm` is shown what will be done, and raises to have it left. A broken pull goes on where
    it stopped. Raises `EngineError`, one line with what to do.
    """
    folder, known = _folder(name), models()
    if name not in known:
        raise UsageError(f"No model '{name}' can be pulled.", hint=f"There is: {', '.join(known)}.")
    if _is_ours(folder):
        return folder
    _refuse_foreign(folder)
    if not folder.is_absolute():  # `~`, which nobody could replace
        raise EngineError(
            "There is no home folder to keep models in.", hint=f"Name one with {VARIABLE}."
        )
    spec = known[name]
    patience = patience or Patience()
    remotes = [_look_up(file, patience) for file in spec.files]
    whole_bytes = sum(remote.size_bytes or 0 for remote in remotes)
    room_bytes = whole_bytes if spec.kept_as_fetched else 2 * whole_bytes
    confirm(PullPlan(spec, folder, whole_bytes, room_bytes))
    fetched = models_folder() / _DOWNLOADS / name
    with only_one(fetched):
        there_bytes = _size_bytes(fetched)
        downloads.refuse_full_disk(models_folder(), room_bytes - there_bytes)
        for remote in remotes:
            report = _fetching(remote.name, progress)
            downloads.fetch(remote, fetched, report, patience)
        sources = [_source(remote, fetched, progress) for remote in remotes]
        _convert(spec, fetched, folder, progress, sources, spec.licence)
        shutil.rmtree(fetched)
    return folder


def convert(source_dir: Path, target_dir: Path, *, progress: OnProgress) -> Path:
    """Convert a directory of checkpoints into the new directory `target_dir`.

    Raises `UsageError` for directories that cannot be what they should, and `EngineError` for one
    that holds no model, or where the disk is full.
    """
    if not source_dir.is_dir():
        raise UsageError(f"'{source_dir}' is no folder.")
    _refuse_foreign(target_dir)
    if not target_dir.absolute().parent.is_dir():
        raise UsageError(f"The folder for '{target_dir}' does not exist.", hint="Create it first.")
    spec = _of_format(source_dir)
    downloads.refuse_full_disk(target_dir.absolute().parent, _size_bytes(source_dir))
    _convert(spec, source_dir, target_dir, progress, [], "")
    return target_dir


def verify(name: str, *, progress: OnProgress) -> list[str]:
    """Read a model from end to end; the names of its files, all of them right.

    Raises `EngineError` naming what is missing or has changed.
    """
    folder = path(name)
    files = _manifest(folder)["files"]
    wrong = []
    for file in files:
        if fault := _fault_at_a_glance(folder, file):
            wrong.append(fault)
        elif _checked(folder / file["name"], progress) != file["sha256"]:
            wrong.append(f"'{file['name']}' has changed (its checksum is another)")
    _refuse_damaged(name, wrong)
    return [file["name"] for file in files]


def glance(name: str) -> Installed:
    """A model of which every file is there, and as long as it was; nothing is read.

    Raises `EngineError` naming what is missing or has another length.
    """
    folder = path(name)
    files = _manifest(folder)["files"]
    _refuse_damaged(name, [fault for file in files if (fault := _fault_at_a_glance(folder, file))])
    return Installed(name, folder, _size_bytes(folder))


def removable(name: str) -> Path:
    """The folder of a model that can be removed, of which maybe only a part was fetched. Raises as
    `path` does."""
    folder = _folder(name)
    return path(name) if not _is_half_fetched(name) or is_there(folder) else folder


def remove(name: str) -> Path:
    """Delete a model, and what was fetched of it; the folder it was in.

    Raises as `path` does, and `EngineError` where it cannot be deleted.
    """
    folder = removable(name)
    fetched = models_folder() / _DOWNLOADS / name
    half = _is_half_fetched(name)
    try:
        if _is_ours(folder):
            # Under another name first: a folder that is half deleted is no model.
            doomed = folder.with_name(f".{name}.{os.getpid()}.part")
            folder.rename(doomed)
            shutil.rmtree(doomed)
        if half:
            shutil.rmtree(fetched)
    except OSError as error:
        raise EngineError(f"'{folder}' cannot be deleted ({error.strerror}).") from error
    return folder


def _is_half_fetched(name: str) -> bool:
    fetched = models_folder() / _DOWNLOADS / name
    return is_folder(fetched) and not fetched.is_symlink()


def _folder(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"'{name}' is no name of a model.", hint="`s2st models list` says what there is."
        )
    return models_folder() / name


def _is_ours(folder: Path) -> bool:
    if os.path.islink(folder) or not is_file(folder / MANIFEST):  # noqa: PTH114  raises nothing
        return False
    try:
        return bool(_manifest(folder)["made_by"] == _MARK)
    except EngineError:
        return False


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        names = [file["name"] for file in record["files"]]
        plain = all(Path(name).name == name for name in names) and "made_by" in record
        plain = plain and all({"size_bytes", "sha256"} <= file.keys() for file in record["files"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise EngineError(f"'{folder / MANIFEST}' cannot be read ({error}).") from error
    if not plain:
        raise EngineError(f"'{folder / MANIFEST}' is not one of ours.")
    return dict(record)


def _fault_at_a_glance(folder: Path, file: Mapping[str, Any]) -> str:
    there = folder / file["name"]
    if not there.is_file():
        return f"'{file['name']}' is missing"
    if there.stat().st_size != file["size_bytes"]:
        return f"'{file['name']}' is not as long as it was"
    return ""


def _refuse_damaged(name: str, faults: Sequence[str]) -> None:
    if faults:
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise EngineError(
            f"The model '{name}' is damaged: {faults[0]}{more}.",
            hint=f"Type: s2st models rm {name} && s2st models pull {name}",
        )


def _refuse_foreign(folder: Path) -> None:
    if is_there(folder) or os.path.islink(folder):  # noqa: PTH114  raises nothing
        raise UsageError(f"'{folder}' exists already.", hint="Remove it, or name another.")


def _look_up(file: ModelFile, patience: Patience) -> RemoteFile:
    if file.repository:
        return downloads.look_up_on_hub(file.repository, file.name, file.revision, file.sha256)
    return downloads.look_up_url(file.name, file.url, file.sha256, patience)


def _fetching(name: str, progress: OnProgress) -> downloads.OnBytes:
    return lambda done, whole: progress(Progress("fetching", name, done, whole))


def _source(remote: RemoteFile, folder: Path, progress: OnProgress) -> dict[str, Any]:
    """What the manifest keeps of a fetched file."""
    there = folder / remote.name
    return {
        "name": remote.name,
        "url": remote.url,
        "size_bytes": there.stat().st_size,
        "sha256": remote.sha256 or _checked(there, progress),
        "sha256_from": "its publisher" if remote.sha256 else "this pull",
    }


def _checked(file: Path, progress: OnProgress) -> str:
    """The checksum of a file, with progress."""
    step = Progress("checking", file.name, 0, file.stat().st_size)

    def report(count: int) -> None:
        nonlocal step
        step = replace(step, done_bytes=step.done_bytes + count)
        progress(step)

    try:
        return sha256_of(file, report)
    except OSError as error:
        raise EngineError(f"'{file}' cannot be read: {error.strerror}.") from error


def _of_format(folder: Path) -> ModelSpec:
    """A model of the format in which this directory is."""
    known: dict[str, ModelSpec] = {}
    for spec in models().values():
        for name in spec.formats:
            known.setdefault(name, spec)
    kind = ""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        record = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = str(record.get("format") or record.get("model_type") or "")
        kind = kind if "format" in record or kind in known else ""
    if kind not in known:
        first = dict.fromkeys(spec.formats[0] for spec in known.values())
        raise EngineError(
            f"'{folder}' is of the format '{kind}', which is not converted here.",
            hint=f"There is: {', '.join(first)}.",
        )
    return known[kind]


def _convert(
    spec: ModelSpec,
    source: Path,
    target: Path,
    progress: OnProgress,
    sources: list[dict[str, Any]],
    licence: str,
) -> None:
    """Convert into a folder beside the target, which takes its name when it is whole."""
    target = target.absolute()
    _remove_stale(target)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")

    def report(file: str, done: int, whole: int) -> None:
        progress(Progress("converting", file, done, whole))

    try:
        part.mkdir(parents=True)
        spec.convert(source, part, report)
        files = [
            {"name": file.name, "size_bytes": file.stat().st_size, "sha256": sha256_of(file)}
            for file in sorted(part.iterdir())
        ]
        record = {"made_by": _MARK, "version": 1, "licence": licence}
        with WholeFile(part / MANIFEST) as manifest:
            whole = record | {"files": files, "sources": sources}
            json.dump(whole, manifest.open_text(), indent=1)
        part.rename(target)
    except ImportError as error:
        raise EngineError(
            f"Converting a model takes the package {error.name}, which is missing.",
            hint=f"Type: {spec.setup}" if spec.setup else "",
        ) from error
    except OutputError as error:
        raise EngineError(str(error.args[0]), hint=error.hint) from error
    except OSError as error:
        raise downloads.disk_error(target.parent, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _remove_stale(target: Path) -> None:
    """Remove what killed processes left half made of a folder."""
    for stale in target.parent.glob(f".{target.name}.*.part"):
        pid = stale.name.removeprefix(f".{target.name}.").removesuffix(".part")
        if pid.isdigit() and not is_alive(int(pid)):
            shutil.rmtree(stale, ignore_errors=True)


def _size_bytes(folder: Path) -> int:
    """Of all that is in a folder."""
    if not is_folder(folder):
        return 0
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())

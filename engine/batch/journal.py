"""What was finished in an output folder: from what, with which options, as which files.

One JSON line for each finished recording, in a hidden file beside the outputs. It lets a run that
was killed go on where it stopped, keeps our own outputs from being taken for inputs, and tells what
we wrote from what a person made of it.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from audio_io.errors import OutputError, SoundFileError
from audio_io.paths import fitting

NAME = ".s2st-journal.jsonl"
NEVER_FINISHED = ""
"""Instead of a digest, where a later run cannot rely on the outputs: the input was a pipe, or part
of its sound was lost."""


@dataclass(frozen=True, slots=True)
class Record:
    """One finished recording."""

    digest: str
    """Of the input's bytes, or `NEVER_FINISHED`."""
    options: str
    """Fingerprint of everything that shapes the outputs."""
    outputs: Mapping[str, str]
    """File names in the folder, and digests of what was written there."""
    recording: str = ""
    """The input's own name; empty where it has none."""


class Journal:
    """The journal of one folder, read once. Lines that cannot be read count as not written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._seen: dict[str, str | None] = {}
        """Digests of files as they are now; None for those that are not there."""

    def outputs(self) -> Set[str]:
        """Names of all files that were written here."""
        return self._written.keys()

    def finished(self, digest: str, options: str, names: Iterable[str]) -> bool:
        """Whether this input with these options gave files of these names and no others, and they
        are there: as they were written, by whichever run came last, or as somebody changed them."""
        wanted = set(names)
        return any(
            all(self._is(name, {record.outputs[name]}) or self.is_changed(name) for name in wanted)
            for record in reversed(self._finished.get((digest, options), []))
            if wanted and wanted == set(record.outputs)
        )

    def is_changed(self, name: str) -> bool:
        """Whether a file of ours is somebody else's by now: it holds what no run wrote. An empty
        one holds nothing."""
        return (
            name in self._written
            and not self._is(name, self._written[name])
            and self._now(name) not in (None, _DIGEST_OF_NOTHING)
        )

    def stem_of(self, recording: str, stems: Sequence[str]) -> str | None:
        """Which of these the results of the recording of this name have here; the last they had,
        and None without any."""
        for record in reversed(self._of_recordings.get(recording, [])):
            endings = {f".{'.'.join(name.rsplit('.', 2)[1:])}" for name in record.outputs}
            for stem in stems:
                if any(fitting(stem, ending) in record.outputs for ending in endings):
                    return stem
        return None

    def add(self, record: Record) -> None:
        """Note a finished recording. One write, so that runs side by side do not mix lines."""
        line = json.dumps(
            {
                "recording": record.recording,
                "digest": record.digest,
                "options": record.options,
                "outputs": dict(record.outputs),
            }
        )
        try:
            with self._path.open("ab", buffering=0) as file:
                file.write(f"\n{line}\n".encode())
        except OSError as error:
            raise OutputError(
                f"The journal '{self._path}' cannot be written ({error.strerror})."
            ) from error

    def _now(self, name: str) -> str | None:
        if name not in self._seen:
            try:
                self._seen[name] = digest(self._folder / name)
            except SoundFileError:
                self._seen[name] = None
        return self._seen[name]

    def _is(self, name: str, written: Iterable[str]) -> bool:
        """Whether a file is one of those that were written under its name."""
        now = self._now(name)
        return now is not None and (now in written or self._size(name) in written)

    def _size(self, name: str) -> str:
        """By which older journals know a file."""
        try:
            return str((self._folder / name).stat().st_size)
        except OSError:
            return ""

    @cached_property
    def _records(self) -> list[Record]:
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        return [record for line in lines if (record := _parse(line)) is not None]

    @cached_property
    def _finished(self) -> dict[tuple[str, str], list[Record]]:
        """By input and options."""
        found: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in self._records:
            found[record.digest, record.options].append(record)
        return dict(found)

    @cached_property
    def _of_recordings(self) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = defaultdict(list)
        for record in self._records:
            found[record.recording].append(record)
        return dict(found)

    @cached_property
    def _written(self) -> dict[str, set[str]]:
        """What was written under each name, ever."""
        written: dict[str, set[str]] = defaultdict(set)
        for record in self._records:
            for name, what in record.outputs.items():
                written[name].add(what)
        return dict(written)


def digest(path: Path) -> str:
    """BLAKE2b of a file's bytes, as hexadecimal digits. Raises `SoundFileError`."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, _hash).hexdigest()
    except OSError as error:
        raise SoundFileError(f"{path} cannot be read: {error.strerror}.") from error


def _hash() -> Any:
    return hashlib.blake2b(digest_size=16)


_DIGEST_OF_NOTHING: str = _hash().hexdigest()


def _parse(line: str) -> Record | None:
    try:
        fields: Any = json.loads(line)
        outputs = {str(name): str(what) for name, what in fields["outputs"].items()}
        recording = str(fields.get("recording", ""))
        return Record(str(fields["digest"]), str(fields["options"]), outputs, recording)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None

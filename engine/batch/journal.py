"""What was finished in an output folder: from what, with which options, as which files.

One JSON line for each finished recording, in a hidden file beside the outputs. It lets a run that
was killed go on where it stopped, and keeps our own outputs from being taken for inputs.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from audio_io.errors import OutputError, SoundFileError

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
    outputs: Mapping[str, int]
    """File names in the folder, and their sizes in bytes."""


class Journal:
    """The journal of one folder, read once. Lines that cannot be read count as not written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME

    def outputs(self) -> set[str]:
        """Names of all files that were written here."""
        return set(self._newest)

    def finished(self, record: Record) -> bool:
        """Whether the same input with the same options gave these outputs, and they are there.

        The sizes in `record` are not looked at: they are what was written at the time.
        """
        olds = [self._newest.get(name) for name in record.outputs]
        old = olds[0] if olds else None
        return (
            old is not None
            and all(other is old for other in olds)
            and (old.digest, old.options) == (record.digest, record.options)
            and set(old.outputs) == set(record.outputs)
            and all(_size(self._folder / name) == old.outputs[name] for name in old.outputs)
        )

    def add(self, record: Record) -> None:
        """Note a finished recording. One write, so that runs side by side do not mix lines."""
        line = json.dumps(
            {
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

    @cached_property
    def _newest(self) -> dict[str, Record]:
        """The last record of each output."""
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return {}
        records = [record for line in lines if (record := _parse(line)) is not None]
        return {name: record for record in records for name in record.outputs}


def digest(path: Path) -> str:
    """BLAKE2b of a file's bytes, as hexadecimal digits. Raises `SoundFileError`."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise SoundFileError(f"{path} cannot be read: {error.strerror}.") from error


def _parse(line: str) -> Record | None:
    try:
        fields: Any = json.loads(line)
        outputs = {str(name): int(size) for name, size in fields["outputs"].items()}
        return Record(str(fields["digest"]), str(fields["options"]), outputs)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None

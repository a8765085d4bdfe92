"""What a test set came to so far: one line an item, on disk before the next item begins.

The first line says what was run, so that nothing else is ever continued. A line that was only half
written, because the machine stopped, counts as not there.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from audio_io.errors import OutputError
from engine.metrics.result import ItemResult, from_record

NAME = "results.jsonl"


class ResultJournal:
    """The journal of one output folder. One process writes it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    @property
    def exists(self) -> bool:
        return self._path.exists()

    def begin(self, header: Mapping[str, Any]) -> None:
        """Start afresh, whatever was there."""
        self._write(json.dumps({"run": dict(header)}, ensure_ascii=False), "wb")

    def add(self, result: ItemResult) -> None:
        """Note what came of an item; a later note of the same item replaces it."""
        self._write(json.dumps(asdict(result), ensure_ascii=False), "ab")

    def header(self) -> dict[str, Any] | None:
        """What was run; None when that cannot be read."""
        lines = self._lines()
        try:
            run = json.loads(lines[0])["run"] if lines else None
        except (ValueError, TypeError, KeyError):
            return None
        return run if isinstance(run, dict) else None

    def results(self) -> dict[int, ItemResult]:
        """The last note of each item, by its index, in order."""
        found: dict[int, ItemResult] = {}
        for line in self._lines()[1:]:
            try:
                result = from_record(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
            found[result.index] = result
        return dict(sorted(found.items()))

    def _lines(self) -> list[str]:
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        return [line for line in text.split("\n") if line.strip()]

    def _is_cut_off(self) -> bool:
        """Whether the last line was only half written."""
        with self._path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            return size > 0 and file.read(1) != b"\n"

    def _write(self, line: str, mode: str) -> None:
        data = f"{line}\n".encode(errors="backslashreplace")
        try:
            if mode == "ab" and self._is_cut_off():
                data = b"\n" + data
            with self._path.open(mode, buffering=0) as file:
                file.write(data)
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(
                f"The results '{self._path}' cannot be written ({error.strerror})."
            ) from error

"""A walk through a folder: the recordings in it, and what was passed over and why."""

import contextlib
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from audio_io.suffixes import SOUND_SUFFIXES, is_named_like_sound
from engine.batch.journal import NAME, Journal

_MOST_KINDS = 6


class Walk:
    """Recordings below a folder, by suffix, in order. Linked folders are entered, each once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._passed: Counter[str] = Counter()
        self._seen: set[tuple[int, int]] = set()

    def __iter__(self) -> Iterator[Path]:
        top = self.root.stat()
        self._seen.add((top.st_dev, top.st_ino))
        walk = os.walk(self.root, followlinks=True, onerror=self._note_error)
        for name, folders, files in walk:
            folder = Path(name)
            folders[:] = [each for each in sorted(folders) if self._enters(folder / each)]
            ours = Journal(folder).outputs()
            for file in sorted(files):
                if self._takes(folder / file, ours):
                    yield folder / file

    @property
    def passed_over(self) -> str:
        """What of how many, for people; empty where all was taken."""
        told = self._passed.most_common(_MOST_KINDS)
        kinds = [f"{count} {kind}" for kind, count in told]
        if rest := self._passed.total() - sum(count for _, count in told):
            kinds.append(f"{rest} more")
        return f"passed over {', '.join(kinds)}" if kinds else ""

    def _takes(self, path: Path, ours: Collection[str]) -> bool:
        if path.name == NAME:
            return False
        why_not = ""
        if path.name.startswith("."):
            why_not = "hidden"
        elif path.name in ours:
            why_not = "written by s2st"
        elif path.suffix.lower() not in SOUND_SUFFIXES:
            why_not = path.suffix.lower() or "without a suffix"
        else:
            why_not = self._is_none(path)
        if why_not:
            self._passed[why_not] += 1
        return not why_not

    def _is_none(self, path: Path) -> str:
        """Why a file with the name of a recording is none. What cannot be looked at may be one:
        opening it says what is wrong."""
        with contextlib.suppress(OSError):
            if not stat.S_ISREG(path.stat().st_mode):
                return "that is no ordinary file"
            if not is_named_like_sound(path):
                return path.suffix.lower()
        return ""

    def _enters(self, folder: Path) -> bool:
        if folder.name.startswith("."):
            self._passed["hidden"] += 1
            return False
        try:
            status = folder.stat()
        except OSError as error:
            self._note_error(error)
            return False
        place = (status.st_dev, status.st_ino)
        if place in self._seen:
            self._passed["folder(s) seen before"] += 1
            return False
        self._seen.add(place)
        return True

    def _note_error(self, error: OSError) -> None:
        self._passed[f"folder(s) that cannot be read ({error.strerror})"] += 1

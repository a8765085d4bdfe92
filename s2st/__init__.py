"""Live and batch speech translation, as a command: `s2st`, or `python -m s2st`.

Programs talk to the command (`--json`); engines of other packages are described with
`engine.registry`. What is imported from here is only the version.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

__version__: str
ROOMS = frozenset({"cli", "engine", "audio_io"})
"""What the program is made of."""
ROOT = str(Path(__file__).resolve().parent.parent)
"""The folder these lie in, beside this one."""


class _OurRooms:
    """Finds the program's own parts. Their names are common ones: somebody's `cli/` or `engine.py`
    that Python would see before ours is not what the program means."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [ROOT], target) if name in ROOMS else None


sys.meta_path.insert(0, _OurRooms)


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("s2st")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

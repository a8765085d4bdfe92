"""The environment of the programs we call.

What a person has in theirs is not made for them: a locale that is not installed here stops them,
and ssh hands it on from another machine.
"""

import os
import sys

LOCALE = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
"""Part of every system of its kind, whatever else is installed, and UTF-8."""
_HANDED_ON = frozenset(
    {
        *("PATH", "HOME", "TMPDIR"),
        *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
        "ESPEAK_DATA_PATH",
    }
)
"""Where programs, their libraries and their data lie."""
_OURS = "S2ST_"
"""By variables of ours it can be told who started a program."""


def environment() -> dict[str, str]:
    """What every program gets: `LOCALE`, and of ours what it takes to find things."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _HANDED_ON or name.startswith(_OURS)
    }
    return kept | {"LC_ALL": LOCALE}

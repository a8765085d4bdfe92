"""How what is not installed gets here: one line to type, which depends on how we got here."""

from pathlib import Path

_ROOT = Path(__file__).parents[2]


def to_install(extra: str = "") -> str:
    """The line that installs an extra of ours; without one, all that is always needed. Only a clone
    of the repository has its set-up."""
    if (_ROOT / "scripts" / "setup").is_file():
        return f"scripts/setup {extra}".strip()
    return f"pip install 's2st[{extra}]'" if extra else "pip install s2st"

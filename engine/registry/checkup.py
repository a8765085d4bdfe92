"""The shape of one finding of `s2st doctor`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One part that was tried."""

    name: str
    works: bool
    seen: str
    """What it did, or what went wrong."""
    remedy: str = ""
    """The line to type when it does not work."""
    needed: bool = True
    """Whether an engine is incomplete without it."""

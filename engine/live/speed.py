"""Whether an engine keeps up with speech on this machine."""

from dataclasses import dataclass

from engine.agent import StreamRequest
from engine.registry import EngineSpec, LoadOptions, engines


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast an engine is here."""

    needed_s: float
    """Seconds of computing for each second of sound."""
    instead: str
    """Another engine for the same, that is complete here; empty where there is none, or need."""

    @property
    def keeps_up(self) -> bool:
        return self.needed_s <= 1.0

    def __str__(self) -> str:
        return f"{self.needed_s:.1f} s of computing for each second of sound, on this machine"


def judge_speed(
    spec: EngineSpec, request: StreamRequest, options: LoadOptions, needed_s: float
) -> Speed:
    """Of what `Agent.measure` found."""
    speed = Speed(needed_s, "")
    if speed.keeps_up:
        return speed
    others = (
        other.name
        for other in engines()
        if other.name != spec.name
        and not other.uncovered(request)
        and not other.missing(request, options)
    )
    return Speed(needed_s, next(others, ""))

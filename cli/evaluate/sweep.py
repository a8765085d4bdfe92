"""`--sweep NAME=A,B`: the runs of a test set that differ in one setting."""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Any

from audio_io.errors import UsageError
from engine.agent import StreamRequest
from engine.registry import EngineSpec
from engine.simuleval.process import ForeignAgentConfig

SEGMENT = "source_segment_size"
MIN_CONFIDENCE = "min_confidence"


@dataclass(frozen=True, slots=True)
class Variant:
    """One run over the test set; without a sweep there is one."""

    setting: str
    """`name=value` of a sweep, or empty."""
    request: StreamRequest
    segment_ms: int
    foreign: ForeignAgentConfig | None


def variants(
    sweep: str | None, base: Variant, spec: EngineSpec | None, given: Collection[str]
) -> tuple[Variant, ...]:
    """One for each value; the base alone without a sweep. Raises a `UsageError`, also where what is
    swept, or a field of the policy that was `given`, means nothing to the engine in one of them."""
    if sweep is None:
        return (base,)
    name, found, values = sweep.partition("=")
    wanted = [value.strip() for value in values.split(",") if value.strip()]
    if not (found and name and wanted):
        raise UsageError(
            f"--sweep '{sweep}' is not NAME=VALUE,VALUE.",
            hint="For example --sweep source_segment_size=320,640,1280.",
        )
    name = name.strip()
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name):
        raise UsageError(f"--sweep '{name}' is no name of a setting.")
    for value in wanted:
        # It becomes part of a folder's name.
        if not value.isprintable() or "/" in value or "\\" in value or len(value) > 100:
            raise UsageError(f"--sweep: the value {value[:40]!r} cannot name a folder.")
    made = tuple(_set(name, value, base) for value in dict.fromkeys(wanted))
    if spec is not None:
        for variant in made:
            idle = spec.idle(variant.request.policy)
            said = {each: f"With {variant.setting} ⟦{each}⟧" for each in given}
            for each, words in ({name.replace("-", "_"): f"--sweep {name}"} | said).items():
                if each in idle:
                    raise UsageError(f"{words} means nothing here: {idle[each]}.")
    return made


def _set(name: str, value: str, base: Variant) -> Variant:
    """The variant in which one setting has this value."""
    setting, known_as = f"{name}={value}", name.replace("-", "_")
    if known_as == SEGMENT:
        return replace(base, setting=setting, segment_ms=_number(name, value, int, least=1))
    if base.foreign is not None:  # its options are its own, spelled as they are
        words = (*base.foreign.options, f"--{name}", value)
        return replace(base, setting=setting, foreign=replace(base.foreign, options=words))
    if known_as == MIN_CONFIDENCE:
        threshold = _number(name, value, float, least=0, most=1)
        request = replace(base.request, min_confidence=threshold)
        return replace(base, setting=setting, request=request)
    policy: Any = base.request.policy
    known = {field.name: field for field in fields(policy)} if policy is not None else {}
    if known_as not in known:
        names = ", ".join([SEGMENT, MIN_CONFIDENCE, *known])
        raise UsageError(f"--sweep knows no '{name}' of this engine.", hint=f"There is: {names}.")
    try:
        kind = type(getattr(policy, known_as))
        policy = replace(policy, **{known_as: _parse(name, value, kind)})
    except ValueError as error:
        raise UsageError(f"--sweep {setting}: {error}.") from error
    return replace(base, setting=setting, request=replace(base.request, policy=policy))


def _parse(name: str, value: str, kind: type) -> object:
    if kind is bool:
        if value.lower() not in ("true", "false", "yes", "no"):
            raise UsageError(f"--sweep {name} is true or false, not '{value}'.")
        return value.lower() in ("true", "yes")
    return _number(name, value, kind) if kind in (int, float) else value


def _number(
    name: str, value: str, kind: type, least: float = -math.inf, most: float = math.inf
) -> Any:
    try:
        number = kind(value)
    except ValueError:
        raise UsageError(f"--sweep {name} is a number, not '{value}'.") from None
    if not (math.isfinite(number) and least <= number <= most):
        raise UsageError(f"--sweep {name} cannot be {value}.")
    return number

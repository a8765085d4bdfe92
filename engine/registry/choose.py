"""Engines by name: what they cover, what they need, and which one fits a request.

An engine is known by the `EngineSpec` that an entry point names. Other packages add theirs in the
group `s2st.engines`; they come after the built-in ones.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points

from audio_io.errors import S2stError
from engine.agent import StreamRequest, Task
from engine.errors import EngineError, LanguageError, UnknownEngineError
from engine.languages import language_name
from engine.registry.spec import EngineSpec, LoadOptions, Missing, ModelSpec

logger = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "s2st.engines"
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine, and why it was taken."""

    spec: EngineSpec
    why: str
    unspoken: tuple[str, ...] = ()
    """Targets of which speech was wanted, and which it only writes."""


BUILT_IN = (
    EntryPoint("cascade", "engine.cascade.spec:SPEC", ENTRY_POINT_GROUP),
    EntryPoint("seamless", "engine.seamless.spec:SPEC", ENTRY_POINT_GROUP),
    EntryPoint("m4t", "engine.m4t.spec:SPEC", ENTRY_POINT_GROUP),
)
"""In the order in which `auto` tries them."""
AGENT = EntryPoint("agent", "engine.simuleval.foreign_agent:agent_spec", ENTRY_POINT_GROUP)
"""Of the `LoadOptions` that name a SimulEval agent, the agent as an engine."""


def engines() -> Iterator[EngineSpec]:
    """All engines in the order in which `auto` tries them. Other packages are looked at only when
    ours are through: that takes a while."""
    found: list[EngineSpec] = []
    for point in BUILT_IN:
        found.append(point.load())
        yield found[-1]
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            spec = point.load()
        except Exception as error:  # foreign code: whatever it raises must not stop ours
            logger.warning(
                "The engine '%s' (%s) cannot be used: %s", point.name, point.value, error
            )
            continue
        if not isinstance(spec, EngineSpec):
            logger.warning("%s is not an EngineSpec and is left out", point.value)
        elif any(spec.name == other.name for other in found):
            logger.warning("A second engine called '%s' (%s) is left out", spec.name, point.value)
        else:
            found.append(spec)
            yield spec


def models() -> dict[str, ModelSpec]:
    """The models of all engines, by name."""
    found: dict[str, ModelSpec] = {}
    for spec in engines():
        for model in spec.models:
            found.setdefault(model.name, model)
    return found


def find_engine(name: str, options: LoadOptions) -> EngineSpec:
    """The engine of this name, which was chosen before, maybe by another process. Raises
    `UnknownEngineError` where it is not here."""
    if options.agent is not None:
        return AGENT.load()(options)  # type: ignore[no-any-return]
    for spec in engines():
        if spec.name == name:
            return spec
    raise UnknownEngineError(f"No engine is called '{name}'.")


def choose_engine(
    name: str,
    request: StreamRequest,
    specs: Iterable[EngineSpec] | None = None,
    options: LoadOptions | None = None,
) -> Choice:
    """The engine called `name`, or for `auto` the first that covers the request and has all it
    needs. One that only writes some of the targets is taken where none speaks them
    all. Never downloads. Raises `LanguageError` where none covers it, `UnknownEngineError` for a
    name that is none, `EngineError` for one that is not complete, and what its `check` raises; each
    says what would help."""
    options = options or LoadOptions()
    if options.agent is not None:
        return Choice(AGENT.load()(options), "as asked")
    choice = _covering(name, request, specs, options)
    choice.spec.check(request)
    return choice


def _covering(
    name: str,
    request: StreamRequest,
    specs: Iterable[EngineSpec] | None,
    options: LoadOptions,
) -> Choice:
    try:
        return _choose(name, request, engines() if specs is None else specs, options)
    except LanguageError:
        every = list(engines() if specs is None else specs)
        for spec in every:
            unspoken = spec.unspoken(request) if name in (AUTO, spec.name) else ()
            written = request.without_speech_of(unspoken)
            if unspoken and not spec.uncovered(written):
                return replace(_choose(name, written, every, options), unspoken=unspoken)
        raise


def _choose(
    name: str,
    request: StreamRequest,
    specs: Iterable[EngineSpec],
    options: LoadOptions,
) -> Choice:
    if name != AUTO:
        return Choice(_named(name, request, specs, options), "as asked")
    uncovered: list[str] = []
    incomplete: list[tuple[EngineSpec, list[Missing]]] = []
    refused: list[S2stError] = []
    for spec in specs:
        reason = spec.uncovered(request)
        if reason:
            uncovered.append(f"{spec.title} {reason}")
            continue
        try:
            missing = spec.missing(request, options)
        except S2stError as error:  # of what was asked; the next one may take it
            refused.append(error)
            continue
        if not missing:
            skipped = [f"{other.name} is not complete" for other, _ in incomplete]
            why = "the first that covers " + describe(request)
            return Choice(spec, "; ".join([why, *skipped]))
        incomplete.append((spec, missing))
    if refused:
        raise refused[0]
    if incomplete and not uncovered:
        raise _incomplete(*incomplete[0])
    if incomplete:
        lacking = [f"{spec.title} {_lacks(spec, missing)}" for spec, missing in incomplete]
        raise EngineError(
            f"No engine is ready here for {describe(request)}: {'; '.join(uncovered + lacking)}.",
            hint=f"Type: {_remedies(incomplete[0][1])} ({_listing(request)})",
        )
    raise LanguageError(
        f"No engine here covers {describe(request)}: {'; '.join(uncovered)}.",
        hint="`s2st languages` lists what each one covers.",
    )


def _listing(request: StreamRequest) -> str:
    """Where the engines stand side by side."""
    asked = f"⟦source⟧ {request.source or 'auto'} ⟦targets⟧ {','.join(request.targets)}"
    return f"`s2st languages {asked}` compares the engines"


def _lacks(spec: EngineSpec, missing: Sequence[Missing]) -> str:
    """What keeps an engine from being taken, and what is to be expected of it then."""
    pace = f", and is {spec.pace}" if spec.has_weights and spec.pace else ""
    return f"lacks {' and '.join(item.what for item in missing)}{pace}"


def _remedies(missing: Sequence[Missing]) -> str:
    return " && ".join(dict.fromkeys(item.remedy for item in missing))


def describe(request: StreamRequest) -> str:
    """A request in words: `English to Spanish`."""
    source = "any language" if request.source is None else language_name(request.source)
    if request.task is Task.ASR:
        return f"{source} as text"
    return f"{source} to {' and '.join(language_name(target) for target in request.targets)}"


def _named(
    name: str,
    request: StreamRequest,
    specs: Iterable[EngineSpec],
    options: LoadOptions,
) -> EngineSpec:
    every = list(specs)
    named = [spec for spec in every if spec.name == name]
    if not named:
        known = ", ".join([AUTO, *(spec.name for spec in every)])
        raise UnknownEngineError(f"No engine is called '{name}'.", hint=f"There is: {known}.")
    [spec] = named
    reason = spec.uncovered(request)
    if reason:
        raise LanguageError(
            f"T{spec.title[1:]} {reason}.",
            hint=f"{_listing(request)}.",
        )
    missing = spec.missing(request, options)
    if missing:
        others = [
            other
            for other in every
            if not other.uncovered(request) and _is_complete(other, request, options)
        ]
        raise _incomplete(spec, missing, others)
    return spec


def _is_complete(spec: EngineSpec, request: StreamRequest, options: LoadOptions) -> bool:
    try:
        return not spec.missing(request, options)
    except S2stError:
        return False


def _incomplete(
    spec: EngineSpec, missing: list[Missing], others: Sequence[EngineSpec] = ()
) -> EngineError:
    """With what would complete it, and which others could do the same now."""
    return EngineError(
        f"The engine '{spec.name}' {_lacks(spec, missing)}.",
        hint="Type: "
        + _remedies(missing)
        + "".join(f", or take {other.title}: ⟦engine⟧ {other.name}" for other in others[:1]),
    )

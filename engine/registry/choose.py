"""Engines by name: what they cover, what they need, and which one fits a request.

Nothing heavy is imported here; an engine's code is reached by its dotted path when it is loaded.
Other packages add engines by an entry point in the group `s2st.engines` that names an
`EngineSpec`; theirs come after the built-in ones.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import entry_points

from engine.agent import StreamRequest, Task
from engine.errors import EngineError, LanguageError, UnknownEngineError
from engine.languages import LANGUAGES, language_name
from engine.models.languages import SEAMLESS_SOURCES, SEAMLESS_SPEECH, SEAMLESS_WRITES
from engine.registry.spec import EngineSpec, LoadOptions, Missing

__all__ = ["EngineSpec", "LoadOptions", "Missing", "choose_engine", "engines"]
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


BUILT_IN: tuple[EngineSpec, ...] = (
    EngineSpec(
        name="cascade",
        summary="offline draft engine: pocketsphinx, Apertium, espeak-ng",
        sources=frozenset({"eng"}),
        text_targets=frozenset({"spa", "cat", "glg", "epo", "por", "ita", "fra"}),
        speech_targets=frozenset({"spa", "cat", "glg", "epo", "por", "ita", "fra"}),
        input_rate_hz=16_000,
        output_rate_hz=22_050,
        loader="engine.cascade.loading:load",
        probe="engine.cascade.loading:missing",
        refuses="engine.cascade.loading:check_speakers",
        checkup="engine.cascade.checkup:findings",
        policies={
            "file": "engine.cascade.config:FILE_POLICY",
            "live": "engine.cascade.config:LIVE_POLICY",
        },
        draft=True,
        notice=(
            "cascade is a draft engine: on clean, read English about one word in four is wrong, "
            "on spontaneous or noisy speech about every second one. "
            "Take its translations for a hint, and check them."
        ),
        remarks={
            "glg": "spoken with a Portuguese voice: espeak-ng has no Galician one",
            "por": "lower quality: translated by way of Spanish",
            "ita": "lower quality: translated by way of Catalan",
            "fra": "lower quality: translated by way of Catalan",
        },
    ),
    EngineSpec(
        name="seamless",
        summary="SeamlessStreaming, simultaneous; large weights, not for commercial use",
        sources=SEAMLESS_SOURCES,
        text_targets=SEAMLESS_WRITES,
        speech_targets=SEAMLESS_SPEECH,
        input_rate_hz=16_000,
        output_rate_hz=16_000,
        loader="engine.seamless.spec:load",
        probe="engine.seamless.spec:missing",
        checkup="engine.seamless.spec:findings",
        hears_any=True,
        tells_source=False,
        has_weights=True,
        batches=True,
        file_block_ms=320,
        policies={
            "file": "engine.seamless.config:DEFAULT_POLICY",
            "live": "engine.seamless.config:DEFAULT_POLICY",
        },
    ),
    EngineSpec(
        name="m4t",
        summary="SeamlessM4T v2, utterances or streams; large weights, not for commercial use",
        sources=SEAMLESS_SOURCES,
        text_targets=SEAMLESS_WRITES,
        speech_targets=SEAMLESS_SPEECH,
        input_rate_hz=16_000,
        output_rate_hz=16_000,
        loader="engine.m4t.spec:load",
        probe="engine.m4t.spec:missing",
        checkup="engine.m4t.spec:findings",
        hears_any=True,
        tells_source=False,
        has_weights=True,
        batches=True,
        file_block_ms=10_000,
        policies={
            "file": "engine.m4t.config:FILE_POLICY",
            "live": "engine.m4t.config:LIVE_POLICY",
        },
        idle="engine.m4t.config:idle",
    ),
)


def engines() -> Iterator[EngineSpec]:
    """All engines in the order in which `auto` tries them. Other packages are looked at only when
    ours are through: that takes a while."""
    found = list(BUILT_IN)
    yield from BUILT_IN
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


def choose_engine(
    name: str,
    request: StreamRequest,
    mode: str,
    specs: Iterable[EngineSpec] | None = None,
    options: LoadOptions | None = None,
) -> Choice:
    """The engine called `name`, or for `auto` the first that covers the request, suits the mode
    and has all it needs. One that only writes some of the targets is taken where none speaks them
    all. Never downloads. Raises an error that says what would help."""
    options = options or LoadOptions()
    if options.agent is not None:
        return Choice(_agent_spec(options), "as asked")
    choice = _covering(name, request, mode, specs, options)
    choice.spec.check(request)
    return choice


def _covering(
    name: str,
    request: StreamRequest,
    mode: str,
    specs: Iterable[EngineSpec] | None,
    options: LoadOptions,
) -> Choice:
    try:
        return _choose(name, request, mode, engines() if specs is None else specs, options)
    except LanguageError:
        every = list(engines() if specs is None else specs)
        for spec in every:
            unspoken = spec.unspoken(request) if name in (AUTO, spec.name) else ()
            written = request.without_speech_of(unspoken)
            if unspoken and not spec.uncovered(written):
                return replace(_choose(name, written, mode, every, options), unspoken=unspoken)
        raise


def _choose(
    name: str,
    request: StreamRequest,
    mode: str,
    specs: Iterable[EngineSpec],
    options: LoadOptions,
) -> Choice:
    if name != AUTO:
        return Choice(_named(name, request, mode, specs, options), "as asked")
    reasons: list[str] = []
    incomplete: list[tuple[EngineSpec, list[Missing]]] = []
    for spec in specs:
        reason = spec.uncovered(request) or _unsuited(spec, mode)
        if reason:
            reasons.append(f"{spec.title} {reason}")
            continue
        missing = spec.missing(request, options)
        if not missing:
            skipped = [f"{other.name} is not complete" for other, _ in incomplete]
            why = "the first that covers " + describe(request)
            return Choice(spec, "; ".join([why, *skipped]))
        incomplete.append((spec, missing))
    if incomplete:
        raise _incomplete(*incomplete[0])
    raise LanguageError(
        f"No engine here covers {describe(request)}: {'; '.join(reasons)}.",
        hint="`s2st languages` lists what each one covers.",
    )


def _agent_spec(options: LoadOptions) -> EngineSpec:
    """A SimulEval agent as an engine. What it really covers only it knows."""
    assert options.agent is not None
    every = frozenset(LANGUAGES)
    return EngineSpec(
        name="agent",
        summary=f"the SimulEval agent {options.agent.agent}",
        sources=every,
        text_targets=every,
        speech_targets=every,
        input_rate_hz=options.agent_rate_hz,
        output_rate_hz=24_000,
        loader="engine.simuleval.foreign_agent:load",
        probe="engine.simuleval.foreign_agent:missing",
        hears_any=True,
        tells_source=False,
    )


def describe(request: StreamRequest) -> str:
    """A request in words: `English to Spanish`."""
    source = "any language" if request.source is None else language_name(request.source)
    if request.task is Task.ASR:
        return f"{source} as text"
    return f"{source} to {' and '.join(language_name(target) for target in request.targets)}"


def _named(
    name: str,
    request: StreamRequest,
    mode: str,
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
            f"T{spec.title[1:]} {reason}.", hint="`s2st languages` lists what each engine covers."
        )
    reason = _unsuited(spec, mode)
    if reason:
        raise UnknownEngineError(f"The engine '{name}' {reason}.")
    missing = spec.missing(request, options)
    if missing:
        others = [
            other
            for other in every
            if not (other.uncovered(request) or _unsuited(other, mode))
            and not other.missing(request, options)
        ]
        raise _incomplete(spec, missing, others)
    return spec


def _unsuited(spec: EngineSpec, mode: str) -> str:
    return "" if mode in spec.modes else f"does not suit `s2st {mode}`"


def _incomplete(
    spec: EngineSpec, missing: list[Missing], others: Sequence[EngineSpec] = ()
) -> EngineError:
    """With what would complete it, and which others could do the same now."""
    what = " and ".join(item.what for item in missing)
    return EngineError(
        f"The engine '{spec.name}' lacks {what}.",
        hint="Type: "
        + " && ".join(item.remedy for item in missing)
        + "".join(f", or take {other.title}: --engine {other.name}" for other in others[:1]),
    )

"""Engines by name: what they cover, what they need, and which one fits a request.

Nothing heavy is imported here; an engine's code is reached by its dotted path when it is loaded.
Other packages add engines by an entry point in the group `s2st.engines` that names an
`EngineSpec`; theirs come after the built-in ones.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from audio_io.errors import UsageError
from engine.agent import Agent, StreamRequest, Task
from engine.checkup import Finding
from engine.errors import EngineError, LanguageError, UnknownEngineError
from engine.languages import LANGUAGES, language_name
from engine.model_languages import SEAMLESS_SOURCES, SEAMLESS_SPEECH, SEAMLESS_TEXT

if TYPE_CHECKING:
    from engine.agent_process import ForeignAgentConfig

logger = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "s2st.engines"
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What every engine may be told when it is loaded."""

    voice_detector: str = "pocketsphinx"
    """Name of the voice detector in front of the engine."""
    agent: "ForeignAgentConfig | None" = None
    """A SimulEval agent that stands in for an engine."""
    agent_rate_hz: int | None = None
    """Sample rate it hears; None for the recording's own."""
    agent_segment_ms: int = 320
    """Sound it is sent at a time."""
    model_dir: str | None = None
    """Folder of weights; None takes the engine's own."""
    device: str = "auto"
    """Where it computes: cuda, mps or cpu; auto takes the first there is."""
    dtype: str = "auto"
    """Its numbers: fp32, bf16, fp16 or int8; auto suits the device."""
    compiled: bool = False
    """Whether torch compiles it: slow to start, faster after."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Something an engine needs that is not on this machine."""

    what: str
    remedy: str
    """The line to type."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One engine, described without loading it."""

    name: str
    summary: str
    sources: frozenset[str]
    """Languages it hears, ISO 639-3."""
    text_targets: frozenset[str]
    """Languages it writes."""
    speech_targets: frozenset[str]
    """Languages it speaks."""
    input_rate_hz: int | None
    """Sample rate of the sound it wants; None hears each recording at its own."""
    output_rate_hz: int
    """Sample rate of the speech it makes."""
    loader: str
    """`module:function` that takes `LoadOptions` and gives the agent."""
    probe: str
    """`module:function` that takes a `StreamRequest` and `LoadOptions` and lists what is `Missing`
    for them. Loads nothing heavy."""
    hears_any: bool = False
    """Whether it need not be told which language is spoken."""
    tells_source: bool = True
    """Whether it also writes what it heard when it translates."""
    has_weights: bool = False
    """Whether it loads a model that may lie elsewhere, and compute on another device."""
    batches: bool = False
    """Whether it computes several streams together (`Agent.step_many`). `--jobs` then runs them in
    one process, with one copy of its weights."""
    file_block_ms: int = 100
    """Sound of a recording that it is given at a time. Where streams are computed together, as
    much as it takes for a step, so that their steps fall together."""
    modes: frozenset[str] = frozenset({"file", "live", "evaluate"})
    """The commands it suits."""
    policies: Mapping[str, str] = field(default_factory=dict)
    """`module:name` of its default `StreamRequest.policy` in the modes `file` and `live`. Its
    fields can be set by name."""
    idle: str = ""
    """`module:function` that names the fields which mean nothing to a policy, and why."""
    checkup: str = ""
    """`module:function` that tries every part and gives a `Finding` of each; for `s2st doctor`."""
    draft: bool = False
    """Whether its translations are only a hint."""
    notice: str = ""
    """What a user must know on every run; empty for an engine that needs no warning."""
    remarks: Mapping[str, str] = field(default_factory=dict)
    """What is special about a target language."""

    @property
    def title(self) -> str:
        """What to call it where a sentence is about it."""
        return f"the draft engine '{self.name}'" if self.draft else f"the engine '{self.name}'"

    def uncovered(self, request: StreamRequest) -> str:
        """Why the engine does not cover a request; empty when it does."""
        if request.source is None and not self.hears_any:
            return f"must be told the language; it hears {_names(self.sources)}"
        if request.source is not None and request.source not in self.sources:
            return (
                f"hears only {_names(self.sources)}, not {language_name(request.source)} "
                f"({request.source})"
            )
        if request.task is Task.ASR:
            return ""
        for target in request.targets:
            covered, verb = self.text_targets, "writes"
            if request.speaks(target):
                covered, verb = covered & self.speech_targets, "speaks"
            if target not in covered:
                return f"{verb} only {_names(covered)}, not {language_name(target)} ({target})"
        return ""

    def unspoken(self, request: StreamRequest) -> tuple[str, ...]:
        """Targets of which speech is wanted, and which the engine only writes."""
        only_written = self.text_targets - self.speech_targets
        return tuple(
            target
            for target in request.targets
            if request.speaks(target) and target in only_written
        )

    def missing(self, request: StreamRequest, options: LoadOptions) -> list[Missing]:
        """What is not on this machine. Raises `UsageError` for options it does not know."""
        found: list[Missing] = _resolve(self.probe)(request, options)
        return found

    def policy(self, mode: str, values: Mapping[str, Any] | None = None) -> Any:
        """The policy of a stream, with these values of its fields; None for an engine that has
        none. Raises `UsageError` for fields it has not, and for values that cannot be."""
        policy: Any = _resolve(self.policies[mode]) if mode in self.policies else None
        known = {each.name for each in fields(policy)} if policy is not None else set()
        for name in values or ():
            if name not in known:
                raise UsageError(f"{_option(name)} means nothing to the engine '{self.name}'.")
        if policy is None or not values:
            return policy
        try:
            made = replace(policy, **values)
        except ValueError as error:
            raise UsageError(f"The engine '{self.name}' cannot do that: {error}.") from error
        idle = _resolve(self.idle)(made) if self.idle else {}
        for name in values:
            if name in idle:
                raise UsageError(f"{_option(name)} means nothing here: {idle[name]}.")
        return made

    def findings(self) -> Iterator[Finding]:
        """What works of the engine on this machine, found by trying."""
        if self.checkup:
            yield from _resolve(self.checkup)()

    def load(self, options: LoadOptions) -> Agent[Any, Any, Any]:
        """The engine itself. Raises `EngineError` when something it needs is missing."""
        agent: Agent[Any, Any, Any] = _resolve(self.loader)(options)
        return agent


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
        text_targets=frozenset(SEAMLESS_TEXT),
        speech_targets=SEAMLESS_SPEECH,
        input_rate_hz=16_000,
        output_rate_hz=16_000,
        loader="engine.seamless.entry:load",
        probe="engine.seamless.entry:missing",
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
        text_targets=frozenset(SEAMLESS_TEXT),
        speech_targets=SEAMLESS_SPEECH,
        input_rate_hz=16_000,
        output_rate_hz=16_000,
        loader="engine.m4t.entry:load",
        probe="engine.m4t.entry:missing",
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
        loader="engine.foreign_agent:load",
        probe="engine.foreign_agent:missing",
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


def _names(codes: frozenset[str]) -> str:
    names = sorted(language_name(code) for code in codes)
    if len(names) > 8:
        return f"{len(names)} languages"
    return " and ".join(names) if len(names) < 3 else ", ".join(names[:-1]) + f" and {names[-1]}"


def _option(field_name: str) -> str:
    """What the command line calls a field of a policy."""
    return "--" + field_name.removesuffix("_s").replace("_", "-")


def _resolve(path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)

"""One engine, described without loading it: what it covers, what it needs, what it may be told.

Nothing heavy is imported here; an engine's code is reached by its dotted path when it is loaded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from audio_io.errors import UsageError
from engine.agent import Agent, StreamRequest, Task
from engine.languages import language_name
from engine.registry.checkup import Finding

if TYPE_CHECKING:
    from engine.simuleval.process import ForeignAgentConfig


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
    refuses: str = ""
    """`module:function` that raises a `UsageError` for what a `StreamRequest` asks and this engine,
    now chosen, cannot do on this machine. Loads nothing."""
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
            return f"must be told the language; it hears {names_of(self.sources)}"
        if request.source is not None and request.source not in self.sources:
            return (
                f"hears only {names_of(self.sources)}, not {language_name(request.source)} "
                f"({request.source})"
            )
        if request.task is Task.ASR:
            return ""
        for target in request.targets:
            covered, verb = self.text_targets, "writes"
            if request.speaks(target):
                covered, verb = covered & self.speech_targets, "speaks"
            if target not in covered:
                return f"{verb} only {names_of(covered)}, not {language_name(target)} ({target})"
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

    def check(self, request: StreamRequest) -> None:
        """Raises `UsageError` for a request that it cannot meet, though it covers the languages."""
        if self.refuses:
            _resolve(self.refuses)(request)

    def policy(self, mode: str, values: Mapping[str, Any] | None = None) -> Any:
        """The policy of a stream, with these values of its fields; None for an engine that has
        none. Raises `UsageError` for fields it has not, and for values that cannot be."""
        policy: Any = _resolve(self.policies[mode]) if mode in self.policies else None
        known = {each.name for each in fields(policy)} if policy is not None else set()
        for name in values or ():
            if name not in known:
                raise UsageError(f"{option_of(name)} means nothing to the engine '{self.name}'.")
        if policy is None or not values:
            return policy
        try:
            made = replace(policy, **values)
        except ValueError as error:
            raise UsageError(f"The engine '{self.name}' cannot do that: {error}.") from error
        for name in values:
            self.check_counts(name, made, option_of(name))
        return made

    def check_counts(self, name: str, policy: Any, said: str) -> None:
        """Raises `UsageError`, which calls the field as it was `said`, for one that means nothing
        to a policy."""
        idle = _resolve(self.idle)(policy) if self.idle else {}
        if name in idle:
            raise UsageError(f"{said} means nothing here: {idle[name]}.")

    def findings(self) -> Iterator[Finding]:
        """What works of the engine on this machine, found by trying."""
        if self.checkup:
            yield from _resolve(self.checkup)()

    def load(self, options: LoadOptions) -> Agent[Any, Any, Any]:
        """The engine itself. Raises `EngineError` when something it needs is missing."""
        agent: Agent[Any, Any, Any] = _resolve(self.loader)(options)
        return agent


def names_of(codes: frozenset[str]) -> str:
    """Languages in words; where they are many, how many."""
    names = sorted(language_name(code) for code in codes)
    if len(names) > 8:
        return f"{len(names)} languages"
    return " and ".join(names) if len(names) < 3 else ", ".join(names[:-1]) + f" and {names[-1]}"


def option_of(field_name: str) -> str:
    """What the command line calls a field of a policy."""
    return "--" + field_name.removesuffix("_s").replace("_", "-")


def _resolve(path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)

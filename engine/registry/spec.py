"""One engine, described without loading it: what it covers, what it needs, what it may be told.

Nothing heavy is imported here, nor by the `spec.py` of an engine: its functions import what they
take when they are called.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from audio_io.errors import UsageError
from engine.agent import Agent, StreamRequest, Task
from engine.languages import language_name

if TYPE_CHECKING:
    from engine.simuleval.process import ForeignAgentConfig

Converter: TypeAlias = Callable[[Path, Path, Callable[[str, int, int], None]], None]
"""Makes the model in a second directory, which exists, of the published one in the first. The third
is told each file's name, its bytes that are done, and those of the whole."""


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
class Finding:
    """One part that was tried, for `s2st doctor`."""

    name: str
    works: bool
    seen: str
    """What it did, or what went wrong."""
    remedy: str = ""
    """The line to type when it does not work."""
    needed: bool = True
    """Whether an engine is incomplete without it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of an engine's policy that people may set for a stream."""

    field: str
    """Its name in the policy."""
    kind: type[bool] | type[int] | type[float] | type[str]
    help: str
    """What it does, in Rich's markup."""
    name: str = ""
    """What people call it; empty where that is the field with hyphens."""
    unit: str = ""
    """What stands for its value in a list of settings: SECONDS, MS, NAME."""
    least: float | None = None
    most: float | None = None

    @property
    def called(self) -> str:
        """What people call it, with hyphens between its words."""
        return self.name or self.field.replace("_", "-")


class SettingError(UsageError):
    """A setting that means nothing to an engine, or nothing as that is set."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A published file of a model: of a repository on the Hugging Face Hub, or at an address."""

    name: str
    """As it is called there."""
    repository: str = ""
    """`owner/name` on the Hub; empty where `url` counts."""
    url: str = ""
    size_bytes: int | None = None
    """For telling people beforehand; None when it is not known."""
    sha256: str | None = None
    """None when it is not known before the first pull."""
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model that can be fetched."""

    name: str
    summary: str
    files: tuple[ModelFile, ...]
    licence: str
    """Named, with what it forbids, in words to be shown before the model is fetched."""
    convert: Converter
    """Makes what is loaded of what was fetched. Raises `EngineError` for what is no such model."""
    formats: tuple[str, ...]
    """By what a directory of such a model is known: `format` of its `config.json`, or `model_type`
    where that names none. An empty one is for directories that say neither."""
    setup: str = ""
    """The line to type where a package is missing that converting it takes."""
    parameters: int | None = None
    """Numbers of 4 bytes in its weights, where the sizes of its files are not known beforehand."""
    kept_as_fetched: bool = False
    """Whether files are loaded as they are published, and so take room once."""

    @property
    def size_bytes(self) -> int:
        """To be fetched, as far as it is known beforehand."""
        return sum(file.size_bytes or 0 for file in self.files) or 4 * (self.parameters or 0)


def _meets_all(_: StreamRequest) -> None:
    """The `check` of an engine that does all that it covers."""


def _finds_nothing() -> Iterator[Finding]:
    return iter(())


def _all_count(_: Any) -> Mapping[str, str]:
    return {}


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
    load: Callable[[LoadOptions], Agent[Any, Any, Any]]
    """The engine itself. Raises `EngineError` when something it needs is missing."""
    missing: Callable[[StreamRequest, LoadOptions], list[Missing]]
    """What is not on this machine. Loads nothing heavy. Raises `UsageError` for options it does not
    know."""
    check: Callable[[StreamRequest], None] = _meets_all
    """Raises `UsageError` for what is asked and this engine, now chosen, cannot do on this machine,
    though it covers the languages. Loads nothing."""
    findings: Callable[[], Iterator[Finding]] = _finds_nothing
    """What works of it on this machine, found by trying."""
    models: tuple[ModelSpec, ...] = ()
    """Those it loads, to be pulled beforehand."""
    hears_any: bool = False
    """Whether it need not be told which language is spoken."""
    tells_source: bool = True
    """Whether it also writes what it heard when it translates."""
    has_weights: bool = False
    """Whether it loads a model that may lie elsewhere, and compute on another device."""
    batches: bool = False
    """Whether it computes several streams together (`Agent.step_many`). Recordings that run
    at once then do so in one process, with one copy of its weights."""
    file_block_ms: int = 100
    """Sound of a recording that it is given at a time. Where streams are computed together, as
    much as it takes for a step, so that their steps fall together."""
    policies: Mapping[str, Any] = field(default_factory=dict)
    """Its default `StreamRequest.policy` in the modes `file` and `live`, a frozen dataclass. Its
    fields can be set by name."""
    settings: tuple[Setting, ...] = ()
    """The fields of it that people are offered, in the order of a list of them."""
    idle: Callable[[Any], Mapping[str, str]] = _all_count
    """The fields which mean nothing to a policy, and why."""
    draft: bool = False
    """Whether its translations are only a hint."""
    notice: str = ""
    """What a user must know on every run that is not to be quiet; empty for an engine that needs no
    warning."""
    pace: str = ""
    """How it stands with real time, as far as that is known: what follows "it is"."""
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

    def policy(self, mode: str, values: Mapping[str, Any] | None = None) -> Any:
        """The policy of a stream, with these values of its fields; None for an engine that has
        none. Raises `SettingError` for fields it has not or that mean nothing, and `UsageError` for
        values that cannot be."""
        policy: Any = self.policies.get(mode)
        known = {each.name for each in fields(policy)} if policy is not None else set()
        for name in values or ():
            if name not in known:
                raise SettingError(f"⟦{name}⟧ means nothing to the engine '{self.name}'.")
        if policy is None or not values:
            return policy
        try:
            made = replace(policy, **values)
        except ValueError as error:
            raise UsageError(f"The engine '{self.name}' cannot do that: {error}.") from error
        idle = self.idle(made)
        for name in values:
            if name in idle:
                raise SettingError(f"⟦{name}⟧ means nothing here: {idle[name]}.")
        return made


def names_of(codes: frozenset[str]) -> str:
    """Languages in words; where they are many, how many."""
    names = sorted(language_name(code) for code in codes)
    if len(names) > 8:
        return f"{len(names)} languages"
    return " and ".join(names) if len(names) < 3 else ", ".join(names[:-1]) + f" and {names[-1]}"

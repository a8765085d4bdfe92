"""The way in to engines with weights: what they lack on this machine, and what stands before them.

Loads nothing heavy.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from audio_io.errors import S2stError, UsageError
from audio_io.paths import is_there
from engine.agent import Agent, Chain, StreamRequest
from engine.errors import EngineError
from engine.hearing.vad.choice import NO_DETECTOR, load_detector, missing_detector
from engine.registry import Finding, LoadOptions, Missing, ModelSpec

AUTO = "auto"
DEVICES = (AUTO, "cpu", "cuda", "mps")
DTYPES = (AUTO, "fp32", "fp16", "bf16", "int8")
_DEVICES = "auto, cpu, cuda, cuda:1, mps"


@dataclass(frozen=True, slots=True)
class Weights:
    """What an engine needs, and how it is made of it: three of the functions that its `EngineSpec`
    wants."""

    engine: str
    """Its name."""
    model: ModelSpec
    packages: Sequence[str]
    agent: Callable[[Path, LoadOptions], Agent[Any, Any, Any]]
    """Makes the agent of a folder of weights."""

    def missing(self, _: StreamRequest, options: LoadOptions) -> list[Missing]:
        """What is not on this machine. Raises `UsageError` for what no machine has."""
        if options.device.partition(":")[0] not in DEVICES:
            raise UsageError(f"'{options.device}' is no device.", hint=f"There is: {_DEVICES}.")
        if options.dtype not in DTYPES:
            known = ", ".join(DTYPES)
            raise UsageError(f"'{options.dtype}' is no number format.", hint=f"There is: {known}.")
        found = (
            []
            if options.voice_detector == NO_DETECTOR
            else missing_detector(options.voice_detector)
        )
        found += [
            Missing(f"the package '{package}'", self.model.setup)
            for package in self.packages
            if find_spec(package) is None
        ][:1]
        if options.model_dir is None:
            found += self._missing_weights()
        return found

    def load(self, options: LoadOptions) -> Agent[Any, Any, Any]:
        """The agent, behind a voice detector. Raises `EngineError` where weights or packages are
        missing."""
        from engine.models import store

        named = options.model_dir
        folder = Path(named) if named is not None else store.path(self.model.name)
        try:
            agent = self.agent(folder, options)
        except ModuleNotFoundError as error:
            raise EngineError(
                f"The engine '{self.engine}' needs the package '{error.name}', which is not "
                "installed.",
                hint=f"Type: {self.model.setup}",
            ) from error
        return behind_detector(agent, options)

    def findings(self) -> Iterator[Finding]:
        """Weights that are here at a glance, and what they would run on."""
        if self.missing(StreamRequest(None, ()), LoadOptions()):
            return
        from engine.models import store

        name, model = f"weights of {self.engine}", store.glance(self.model.name)
        seen = f"{model.size_bytes / 1e9:.1f} GB, as long as they were"
        try:
            from engine.models.placement import choose_device, choose_dtype, free_memory_bytes

            device = choose_device("auto")
            dtype = str(choose_dtype("auto", device)).removeprefix("torch.")
            free_bytes = free_memory_bytes(device)
        except (ImportError, OSError, RuntimeError, S2stError) as error:
            reason = f"but torch does not work here ({str(error).splitlines()[0]})"
            yield Finding(name, False, f"{seen}, {reason}", self.model.setup, False)
            return
        seen += f"; on {device} as {dtype}"
        if free_bytes is not None:
            seen += f", where {free_bytes / 1e9:.1f} GB of memory are free"
        yield Finding(name, True, seen, needed=False)

    def _missing_weights(self) -> list[Missing]:
        from engine.models import store

        name = self.model.name
        pull = f"s2st models pull {name}"
        try:
            store.path(name)
        except S2stError:
            folder = store.models_folder() / name
            if is_there(folder):
                what = f"its weights: '{folder}' is none of our models, or has lost its manifest"
                return [Missing(what, f"mv '{folder}' '{folder}.old' && {pull}")]
            size = f"{self.model.size_bytes / 1e9:.1f} GB, {self.model.licence}"
            return [Missing(f"its weights ({size})", pull)]
        try:
            store.glance(name)
        except S2stError as error:
            again = f"s2st models rm {name} && {pull}"
            return [Missing(f"whole weights: {str(error.args[0]).rstrip('.')}", again)]
        return []


def behind_detector(agent: Agent[Any, Any, Any], options: LoadOptions) -> Agent[Any, Any, Any]:
    """The agent behind a voice detector, unless there is to be none. Utterances end as the
    reference of SeamlessStreaming ends them, and after 20 s: no model hears more at once."""
    if options.voice_detector == NO_DETECTOR:
        return agent
    from engine.hearing.segmenter import Segmenter, SegmenterConfig

    config = SegmenterConfig(silence_ms=700, long_ms=12_000, most_ms=20_000)
    return Chain(Segmenter(load_detector(options.voice_detector), config), agent)

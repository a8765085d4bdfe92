"""The way in to engines with weights: what they lack on this machine, and what stands before them.

Loads nothing heavy.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from audio_io.errors import S2stError
from engine.agent import Agent, Chain
from engine.errors import EngineError
from engine.hearing.vad.choice import NO_DETECTOR, load_detector
from engine.models import store
from engine.registry.checkup import Finding
from engine.registry.spec import LoadOptions, Missing


@dataclass(frozen=True, slots=True)
class Weights:
    """What an engine needs."""

    engine: str
    """Its name, which is its extra's, too."""
    model: str
    """In the catalogue."""
    packages: Sequence[str]

    def missing(self, options: LoadOptions) -> list[Missing]:
        """What is not on this machine."""
        found = [
            Missing(f"the package '{package}'", f"scripts/setup {self.engine}")
            for package in self.packages
            if find_spec(package) is None
        ][:1]
        if options.model_dir is None:
            found += self._missing_weights()
        return found

    def findings(self) -> Iterator[Finding]:
        """Weights that are here at a glance, and what they would run on."""
        if self.missing(LoadOptions()):
            return
        name, model = f"weights of {self.engine}", store.glance(self.model)
        seen = f"{model.size_bytes / 1e9:.1f} GB, as long as they were"
        try:
            from engine.models.placement import choose_device, choose_dtype, free_memory_bytes

            device = choose_device("auto")
            dtype = str(choose_dtype("auto", device)).removeprefix("torch.")
            free_bytes = free_memory_bytes(device)
        except (ImportError, OSError, RuntimeError, S2stError) as error:
            reason = f"but torch does not work here ({str(error).splitlines()[0]})"
            yield Finding(name, False, f"{seen}, {reason}", f"scripts/setup {self.engine}", False)
            return
        seen += f"; on {device} as {dtype}"
        if free_bytes is not None:
            seen += f", where {free_bytes / 1e9:.1f} GB of memory are free"
        yield Finding(name, True, seen, needed=False)

    def folder(self, options: LoadOptions) -> Path:
        """Where they are. Raises `EngineError` where they are not here."""
        named = options.model_dir
        return Path(named) if named is not None else store.path(self.model)

    @contextmanager
    def needed_packages(self) -> Iterator[None]:
        """Around the imports that take them: one that is missing is an `EngineError`."""
        try:
            yield
        except ModuleNotFoundError as error:
            raise EngineError(
                f"The engine '{self.engine}' needs the package '{error.name}', which is not "
                "installed.",
                hint=f"Type: scripts/setup {self.engine}",
            ) from error

    def _missing_weights(self) -> list[Missing]:
        pull = f"s2st models pull {self.model}"
        try:
            store.path(self.model)
        except S2stError:
            folder = store.models_folder() / self.model
            if folder.exists():
                what = f"its weights: '{folder}' is none of our models, or has lost its manifest"
                return [Missing(what, f"mv '{folder}' '{folder}.old' && {pull}")]
            spec = store.CATALOGUE[self.model]
            return [Missing(f"its weights ({spec.size_bytes / 1e9:.1f} GB, {spec.licence})", pull)]
        try:
            store.glance(self.model)
        except S2stError as error:
            again = f"s2st models rm {self.model} && {pull}"
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

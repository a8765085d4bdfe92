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
from engine import models
from engine.agent import Agent, Chain
from engine.engine_spec import LoadOptions, Missing
from engine.errors import EngineError
from engine.vad.choice import NO_DETECTOR, load_detector


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
        if options.model_dir is None and not self._is_here():
            spec = models.CATALOGUE[self.model]
            what = f"its weights ({spec.size_bytes / 1e9:.1f} GB, {spec.licence})"
            found.append(Missing(what, f"s2st models pull {self.model}"))
        return found

    def folder(self, options: LoadOptions) -> Path:
        """Where they are. Raises `EngineError` where they are not here."""
        named = options.model_dir
        return Path(named) if named is not None else models.path(self.model)

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

    def _is_here(self) -> bool:
        try:
            models.path(self.model)
        except S2stError:
            return False
        return True


def behind_detector(agent: Agent[Any, Any, Any], options: LoadOptions) -> Agent[Any, Any, Any]:
    """The agent behind a voice detector, unless there is to be none. Utterances end as the
    reference of SeamlessStreaming ends them, and after 20 s: no model hears more at once."""
    if options.voice_detector == NO_DETECTOR:
        return agent
    from engine.segmenter import Segmenter, SegmenterConfig

    config = SegmenterConfig(silence_ms=700, long_ms=12_000, most_ms=20_000)
    return Chain(Segmenter(load_detector(options.voice_detector), config), agent)

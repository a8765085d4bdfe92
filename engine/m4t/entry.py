"""The way in: what the engine lacks on this machine, and the engine itself. Loads nothing heavy
before it is asked to."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from audio_io.errors import S2stError
from engine import models
from engine.agent import Agent, Chain, StreamRequest
from engine.errors import EngineError
from engine.registry import LoadOptions, Missing
from engine.vad.choice import NO_DETECTOR, load_detector

MODEL = "seamless-m4t-v2-large"
PACKAGES = ("torch", "transformers", "safetensors", "kaldi_native_fbank")


def missing(request: StreamRequest, options: LoadOptions) -> list[Missing]:
    """What a request would need that is not on this machine."""
    found = [
        Missing(f"the package '{package}'", "scripts/setup m4t")
        for package in PACKAGES
        if find_spec(package) is None
    ][:1]
    if options.model_dir is None and not _is_here():
        spec = models.CATALOGUE[MODEL]
        size_gb = spec.size_bytes / 1e9
        found.append(
            Missing(f"its weights ({size_gb:.1f} GB, {spec.licence})", f"s2st models pull {MODEL}")
        )
    return found


def load(options: LoadOptions) -> Agent[Any, Any, Any]:
    """The whole engine: `AudioChunk` in, `Event` out."""
    try:
        from engine.m4t.agent import M4tAgent
        from engine.m4t.loading import load_model
    except ModuleNotFoundError as error:
        raise EngineError(
            f"The engine 'm4t' needs the package '{error.name}', which is not installed.",
            hint="Type: scripts/setup m4t",
        ) from error
    from engine.segmenter import Segmenter, SegmenterConfig

    folder = Path(options.model_dir) if options.model_dir is not None else models.path(MODEL)
    model = load_model(
        folder, device=options.device, dtype=options.dtype, compiled=options.compiled
    )
    agent = M4tAgent(model)
    if options.voice_detector == NO_DETECTOR:
        return agent
    # The model leaves out what comes after 15 to 30 s.
    config = SegmenterConfig(silence_ms=700, long_ms=12_000, most_ms=20_000)
    return Chain(Segmenter(load_detector(options.voice_detector), config), agent)


def _is_here() -> bool:
    try:
        models.path(MODEL)
    except S2stError:
        return False
    return True

"""The way in: what the engine lacks on this machine, and the engine itself. Loads nothing heavy
before it is asked to."""

from collections.abc import Iterator
from typing import Any

from engine.agent import Agent, StreamRequest
from engine.models.weights import Weights, behind_detector
from engine.registry.checkup import Finding
from engine.registry.spec import LoadOptions, Missing

WEIGHTS = Weights(
    "m4t",
    "seamless-m4t-v2-large",
    ("torch", "transformers", "safetensors", "kaldi_native_fbank"),
)


def missing(request: StreamRequest, options: LoadOptions) -> list[Missing]:
    """What a request would need that is not on this machine."""
    return WEIGHTS.missing(options)


def findings() -> Iterator[Finding]:
    """What works of it on this machine, as far as that is seen without loading it."""
    return WEIGHTS.findings()


def load(options: LoadOptions) -> Agent[Any, Any, Any]:
    """The whole engine: `AudioChunk` in, `Event` out."""
    with WEIGHTS.needed_packages():
        from engine.m4t.agent import M4tAgent
        from engine.m4t.loading import load_model
    model = load_model(
        WEIGHTS.folder(options),
        device=options.device,
        dtype=options.dtype,
        compiled=options.compiled,
    )
    return behind_detector(M4tAgent(model), options)

"""SeamlessStreaming as an engine: what it covers and needs, and what it may be told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.agent import Agent
from engine.layers.seamless_languages import SEAMLESS_SOURCES, SEAMLESS_SPEECH, SEAMLESS_WRITES
from engine.models.weights import Weights
from engine.registry import EngineSpec, LoadOptions, ModelFile, ModelSpec, Setting
from engine.registry.extras import to_install
from engine.seamless.config import DEFAULT_POLICY


def _convert(source: Path, target: Path, progress: Callable[[str, int, int], None]) -> None:
    from engine.seamless.conversion import convert

    convert(source, target, progress)


def _agent(folder: Path, options: LoadOptions) -> Agent[Any, Any, Any]:
    from engine.seamless.agent import SeamlessAgent
    from engine.seamless.loading import load_model

    return SeamlessAgent(
        load_model(folder, device=options.device, dtype=options.dtype, compiled=options.compiled)
    )


MODEL = ModelSpec(
    name="seamless-streaming",
    summary="Meta's SeamlessStreaming: simultaneous translation, 101 languages in, "
    "96 as text, 36 as speech",
    licence="CC-BY-NC 4.0: not for commercial use",
    formats=("seamless-streaming", ""),
    convert=_convert,
    setup=to_install("seamless"),
    files=(
        ModelFile(
            "seamless_streaming_unity.pt",
            repository="facebook/seamless-streaming",
            size_bytes=3_587_576_654,
        ),
        ModelFile(
            "seamless_streaming_monotonic_decoder.pt",
            repository="facebook/seamless-streaming",
            size_bytes=4_273_639_264,
        ),
        ModelFile(
            "spm_char_lang38_tc.model",
            repository="facebook/seamless-streaming",
            size_bytes=368_901,
        ),
        ModelFile("tokenizer.model", repository="facebook/seamless-m4t-large"),
        ModelFile(
            "vocoder_v2.pt",
            url="https://dl.fbaipublicfiles.com/seamless/models/vocoder_v2.pt",
        ),
    ),
)
WEIGHTS = Weights(
    "seamless", MODEL, ("torch", "safetensors", "sentencepiece", "kaldi_native_fbank"), _agent
)
SETTINGS = (
    Setting(
        "decision_threshold",
        float,
        "Write when the model is this sure of having heard enough; less means less lag (0.5).",
        least=0.0,
        most=1.0,
    ),
    Setting(
        "decision_method",
        str,
        "How the heads' sureness becomes one: min, mean or median (min).",
        unit="NAME",
    ),
    Setting("segment_ms", int, "Sound gathered before each step (320).", least=1),
    Setting("min_starting_wait", int, "Frames of 10 ms before the first step (192).", least=0),
    Setting("max_len_a", float, "Longest sentence in tokens: a * states", least=0.0),
    Setting("max_len_b", int, "+ b (0 and 100).", least=0),
    Setting("max_consecutive_write", int, "Tokens written in one step at most (50).", least=1),
    Setting("min_unit_chunk_size", int, "Units of 20 ms before anything is spoken (50).", least=0),
    Setting("block_ngrams", bool, "Wait instead of repeating two or three tokens."),
    Setting("early_stop", bool, "Let a sentence end before its source does."),
    Setting(
        "encoder_window_ms",
        int,
        "Encode only so much of the newest sound anew at each step: less work in long "
        "utterances. Not the reference, which encodes all of it.",
        name="encoder-window",
        unit="MS",
        least=1000,
    ),
)
SPEC = EngineSpec(
    name="seamless",
    summary="SeamlessStreaming, simultaneous; large weights, not for commercial use",
    sources=SEAMLESS_SOURCES,
    text_targets=SEAMLESS_WRITES,
    speech_targets=SEAMLESS_SPEECH,
    input_rate_hz=16_000,
    output_rate_hz=16_000,
    load=WEIGHTS.load,
    missing=WEIGHTS.missing,
    findings=WEIGHTS.findings,
    models=(MODEL,),
    hears_any=True,
    tells_source=False,
    has_weights=True,
    batches=True,
    file_block_ms=320,
    policies={"file": DEFAULT_POLICY, "live": DEFAULT_POLICY},
    settings=SETTINGS,
    pace="far slower than real time without a GPU (with one: not measured)",
)

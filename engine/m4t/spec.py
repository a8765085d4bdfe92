"""SeamlessM4T v2 as an engine: what it covers and needs, and what it may be told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.agent import Agent
from engine.layers.seamless_languages import SEAMLESS_SOURCES, SEAMLESS_SPEECH, SEAMLESS_WRITES
from engine.m4t.config import FILE_POLICY, LIVE_POLICY, idle
from engine.models.weights import Weights
from engine.registry import EngineSpec, LoadOptions, ModelFile, ModelSpec, Setting
from engine.registry.extras import to_install


def _keep(source: Path, target: Path, progress: Callable[[str, int, int], None]) -> None:
    from engine.m4t.conversion import keep

    keep(source, target, progress)


def _agent(folder: Path, options: LoadOptions) -> Agent[Any, Any, Any]:
    from engine.m4t.agent import M4tAgent
    from engine.m4t.loading import load_model

    return M4tAgent(
        load_model(folder, device=options.device, dtype=options.dtype, compiled=options.compiled)
    )


MODEL = ModelSpec(
    name="seamless-m4t-v2-large",
    summary="Meta's SeamlessM4T v2: translation of whole utterances and while they are "
    "heard, 101 languages in, 96 as text, 36 as speech",
    licence="CC-BY-NC 4.0: not for commercial use",
    formats=("seamless-m4t-v2", "seamless_m4t_v2"),
    convert=_keep,
    setup=to_install("m4t"),
    parameters=2_309_249_669,
    kept_as_fetched=True,
    files=tuple(
        ModelFile(name, repository="facebook/seamless-m4t-v2-large")
        for name in (
            "config.json",
            "generation_config.json",
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        )
    ),
)
WEIGHTS = Weights(
    "m4t", MODEL, ("torch", "transformers", "safetensors", "kaldi_native_fbank"), _agent
)
SETTINGS = (
    Setting(
        "mode",
        str,
        "complete: each utterance as a whole (file, push-to-talk); streamatt: word by word, "
        "as the attention allows (live); chunked: overlapping windows, the simple way.",
        unit="NAME",
    ),
    Setting(
        "beams",
        int,
        "Hypotheses that are followed; 1 is greedy (5 with complete, else 1).",
        least=1,
        most=64,
    ),
    Setting(
        "temperature",
        float,
        "Draw the words at random, the more so the higher; 0 takes the likeliest (0).",
        least=0.0,
    ),
    Setting("max_length", int, "Tokens of a sentence at most (256).", least=1),
    Setting(
        "window_s",
        float,
        "chunked: sound translated at a time. Windows of 2 s cost half the quality of 8 s (8).",
        name="window",
        unit="SECONDS",
    ),
    Setting(
        "overlap_s",
        float,
        "chunked: sound that a window shares with the one before (0.5).",
        name="overlap",
        unit="SECONDS",
    ),
    Setting(
        "frames",
        int,
        "streamatt: a word waits while it rests on so many of the newest states of 160 ms; "
        "more is surer and later (2).",
        least=0,
    ),
    Setting(
        "attention_layer",
        int,
        "streamatt: decoder layer whose attention is asked (3).",
        least=0,
    ),
    Setting("history_words", int, "streamatt: committed words kept as context (20).", least=1),
)
SPEC = EngineSpec(
    name="m4t",
    summary="SeamlessM4T v2, utterances or streams; large weights, not for commercial use",
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
    file_block_ms=10_000,
    policies={"file": FILE_POLICY, "live": LIVE_POLICY},
    settings=SETTINGS,
    idle=idle,
    pace="of a speed that was not measured",
)

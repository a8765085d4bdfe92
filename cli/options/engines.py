"""Options of engines with weights, as the field names them, and what they come to.

They are the same for `file`, `live` and `evaluate`, which have them all as one `EngineOptions`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from audio_io.errors import UsageError
from cli.options.declared import PolicyOption, Settings
from cli.options.shared import AgentOptions
from engine.registry import EngineSpec, LoadOptions

WEIGHTS = "Engines with weights"
SEAMLESS = "Engine seamless"
M4T = "Engine m4t"
COMPILING = "--compile: the first steps take minutes"
NOT_THE_REFERENCE = "--encoder-window: this is not the reference's model; what it writes may differ"
ABOUT_WEIGHTS = frozenset({"model_dir", "device", "dtype", "compiled"})
"""Those that mean nothing to an engine without weights."""


def _seamless(kind: Any, *names: str, **words: Any) -> Any:
    return kind, names, {"rich_help_panel": SEAMLESS, **words}


def _m4t(kind: Any, *names: str, **words: Any) -> Any:
    return kind, names, {"rich_help_panel": M4T, **words}


POLICY: dict[str, Any] = {
    "decision_threshold": _seamless(
        float | None,
        min=0.0,
        max=1.0,
        help="Write when the model is this sure of having heard enough; less means less lag (0.5).",
    ),
    "decision_method": _seamless(
        str | None,
        metavar="NAME",
        help="How the heads' sureness becomes one: min, mean or median (min).",
    ),
    "segment_ms": _seamless(int | None, min=1, help="Sound gathered before each step (320)."),
    "min_starting_wait": _seamless(
        int | None, min=0, help="Frames of 10 ms before the first step (192)."
    ),
    "max_len_a": _seamless(float | None, min=0.0, help="Longest sentence in tokens: a * states"),
    "max_len_b": _seamless(int | None, min=0, help="+ b (0 and 100)."),
    "max_consecutive_write": _seamless(
        int | None, min=1, help="Tokens written in one step at most (50)."
    ),
    "min_unit_chunk_size": _seamless(
        int | None, min=0, help="Units of 20 ms before anything is spoken (50)."
    ),
    "block_ngrams": _seamless(
        bool | None,
        "--block-ngrams/--no-block-ngrams",
        help="Wait instead of repeating two or three tokens.",
    ),
    "early_stop": _seamless(
        bool | None,
        "--early-stop/--no-early-stop",
        help="Let a sentence end before its source does.",
    ),
    "encoder_window_ms": _seamless(
        int | None,
        "--encoder-window",
        metavar="MS",
        min=1000,
        help="Encode only so much of the newest sound anew at each step: less work in long "
        "utterances. Not the reference, which encodes all of it.",
    ),
    "mode": _m4t(
        str | None,
        metavar="NAME",
        help="complete: each utterance as a whole (file, push-to-talk); streamatt: word by word, "
        "as the attention allows (live); chunked: overlapping windows, the simple way.",
    ),
    "beams": _m4t(
        int | None,
        min=1,
        max=64,
        help="Hypotheses that are followed; 1 is greedy (5 with complete, else 1).",
    ),
    "temperature": _m4t(
        float | None,
        min=0.0,
        help="Draw the words at random, the more so the higher; 0 takes the likeliest (0).",
    ),
    "max_length": _m4t(int | None, min=1, help="Tokens of a sentence at most (256)."),
    "window_s": _m4t(
        float | None,
        "--window",
        metavar="SECONDS",
        help="chunked: sound translated at a time. Windows of 2 s cost half the quality of "
        "8 s (8).",
    ),
    "overlap_s": _m4t(
        float | None,
        "--overlap",
        metavar="SECONDS",
        help="chunked: sound that a window shares with the one before (0.5).",
    ),
    "frames": _m4t(
        int | None,
        min=0,
        help="streamatt: a word waits while it rests on so many of the newest states of 160 ms; "
        "more is surer and later (2).",
    ),
    "attention_layer": _m4t(
        int | None, min=0, help="streamatt: decoder layer whose attention is asked (3)."
    ),
    "history_words": _m4t(
        int | None, min=1, help="streamatt: committed words kept as context (20)."
    ),
}
"""By field of an engine's policy: what one stream may ask of it."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What is said about weights and policy."""

    model_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar="S2ST_MODEL_DIR",
            help="Weights in a folder of your own. Not given: those of `s2st models`.",
            rich_help_panel=WEIGHTS,
        ),
    ] = None
    device: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            envvar="S2ST_DEVICE",
            help="cuda, mps or cpu; auto takes the first there is.",
            rich_help_panel=WEIGHTS,
        ),
    ] = "auto"
    dtype: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            envvar="S2ST_DTYPE",
            help="fp32, bf16, fp16, or int8 on a cpu; auto suits the device.",
            rich_help_panel=WEIGHTS,
        ),
    ] = "auto"
    compiled: Annotated[
        bool,
        typer.Option(
            "--compile",
            help="Compile the model with torch.compile: minutes at the first steps, faster after.",
            rich_help_panel=WEIGHTS,
        ),
    ] = False
    no_vad: Annotated[
        bool,
        typer.Option(
            "--no-vad",
            help="No voice detector: the whole stream is one utterance (m4t's mode complete cuts "
            "it every 30 s).",
            rich_help_panel=WEIGHTS,
        ),
    ] = False
    speakers: Annotated[
        tuple[str, ...],
        typer.Option(
            "--speaker",
            metavar="[LANG=]NAME",
            help="Voice of a target, by the engine's own name or number; repeat it for others.",
            rich_help_panel=WEIGHTS,
        ),
    ] = ()
    policy: Annotated[Mapping[str, Any], Settings] = field(default_factory=dict)
    """Those of the engine's policy that were given, by the names of its fields."""
    given: frozenset[str] = frozenset()
    """What the command line gave."""

    def load_options(self, voice_detector: str, agent: AgentOptions) -> LoadOptions:
        """What the engine is told when it is loaded. Raises a `UsageError`."""
        if self.model_dir is not None and not self.model_dir.is_dir():
            raise UsageError(f"The model folder '{self.model_dir}' does not exist.")
        return LoadOptions(
            voice_detector="none" if self.no_vad else voice_detector,
            agent=agent.config(),
            agent_rate_hz=agent.agent_rate_hz,
            model_dir=str(self.model_dir.absolute()) if self.model_dir is not None else None,
            device=self.device,
            dtype=self.dtype,
            compiled=self.compiled,
        )

    @property
    def notes(self) -> list[str]:
        """What should be known of what was asked."""
        notes = [COMPILING] if self.compiled else []
        if self.policy.get("encoder_window_ms") is not None:
            notes.append(NOT_THE_REFERENCE)
        return notes

    def refuse_what_means_nothing(self, spec: EngineSpec) -> None:
        """Raise a `UsageError` for options about weights that the command line gave, where the
        engine has none. What the configuration says is for engines that have."""
        asked = ABOUT_WEIGHTS & self.given
        if spec.has_weights or not asked:
            return
        option = min(asked).replace("_", "-").replace("compiled", "compile")
        raise UsageError(
            f"--{option} means nothing to the engine '{spec.name}', which has no weights.",
            hint="Name another with --engine.",
        )


def settings() -> Iterator[PolicyOption]:
    """What one stream may ask of an engine's policy."""
    for name, (kind, names, words) in POLICY.items():
        option = names or ("--" + name.replace("_", "-"),)
        yield PolicyOption(name, kind, typer.Option(*option, show_default=False, **words))

"""Options of engines with weights, as the field names them, and what they come to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from audio_io.errors import UsageError
from cli.options import AgentOptions
from engine.registry import LoadOptions

WEIGHTS = "Engines with weights"

ModelDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        envvar="S2ST_MODEL_DIR",
        help="Weights in a folder of your own. Not given: those of `s2st models`.",
        rich_help_panel=WEIGHTS,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        envvar="S2ST_DEVICE",
        help="cuda, mps or cpu; auto takes the first there is.",
        rich_help_panel=WEIGHTS,
    ),
]
Dtype = Annotated[
    str,
    typer.Option(
        "--dtype",
        metavar="NAME",
        envvar="S2ST_DTYPE",
        help="fp32, bf16, fp16, or int8 on a cpu; auto suits the device.",
        rich_help_panel=WEIGHTS,
    ),
]
NoVad = Annotated[
    bool,
    typer.Option(
        "--no-vad",
        help="No voice detector: the whole stream is one utterance.",
        rich_help_panel=WEIGHTS,
    ),
]
DecisionThreshold = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Write when the model is this sure of having heard enough; less means less lag (0.5).",
        rich_help_panel=WEIGHTS,
    ),
]
DecisionMethod = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="How the heads' sureness becomes one: min, mean or median (min).",
        rich_help_panel=WEIGHTS,
    ),
]
SegmentMs = Annotated[
    int | None,
    typer.Option(min=1, help="Sound gathered before each step (320).", rich_help_panel=WEIGHTS),
]
MinStartingWait = Annotated[
    int | None,
    typer.Option(
        min=0, help="Frames of 10 ms before the first step (192).", rich_help_panel=WEIGHTS
    ),
]
MaxLenA = Annotated[
    float | None,
    typer.Option(min=0.0, help="Longest sentence in tokens: a * states", rich_help_panel=WEIGHTS),
]
MaxLenB = Annotated[
    int | None, typer.Option(min=0, help="+ b (0 and 100).", rich_help_panel=WEIGHTS)
]
MaxConsecutiveWrite = Annotated[
    int | None,
    typer.Option(min=1, help="Tokens written in one step at most (50).", rich_help_panel=WEIGHTS),
]
MinUnitChunkSize = Annotated[
    int | None,
    typer.Option(
        min=0, help="Units of 20 ms before anything is spoken (50).", rich_help_panel=WEIGHTS
    ),
]
BlockNgrams = Annotated[
    bool | None,
    typer.Option(
        "--block-ngrams/--no-block-ngrams",
        help="Wait instead of repeating two or three tokens.",
        rich_help_panel=WEIGHTS,
        show_default=False,
    ),
]
EarlyStop = Annotated[
    bool | None,
    typer.Option(
        "--early-stop/--no-early-stop",
        help="Let a sentence end before its source does.",
        rich_help_panel=WEIGHTS,
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """The options about weights and policy, word for word."""

    model_dir: Path | None = None
    device: str = "auto"
    dtype: str = "auto"
    no_vad: bool = False
    policy: Mapping[str, Any] = field(default_factory=dict)
    """Those of the engine's policy that were given, by the names of its fields."""

    def load_options(self, voice_detector: str, agent: AgentOptions) -> LoadOptions:
        """What the engine is told when it is loaded. Raises a `UsageError`."""
        if self.model_dir is not None and not self.model_dir.is_dir():
            raise UsageError(f"The model folder '{self.model_dir}' does not exist.")
        return LoadOptions(
            voice_detector="none" if self.no_vad else voice_detector,
            agent=agent.config(),
            agent_rate_hz=agent.rate_hz,
            model_dir=str(self.model_dir.absolute()) if self.model_dir is not None else None,
            device=self.device,
            dtype=self.dtype,
        )


def given(**values: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}

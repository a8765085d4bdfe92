"""Options of engines with weights, as the field names them, and what they come to.

They are the same for `file`, `live` and `evaluate`: a command that `takes_engine_options` has them
all, and is handed them as one `EngineOptions`.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from audio_io.errors import UsageError
from cli.options.shared import AgentOptions, is_given, split_words
from engine.registry import EngineSpec, LoadOptions

WEIGHTS = "Engines with weights"
SEAMLESS = "Engine seamless"
M4T = "Engine m4t"
COMPILING = "--compile: the first steps take minutes"
NOT_THE_REFERENCE = "--encoder-window: this is not the reference's model; what it writes may differ"
HANDED = "engine_options"
"""The parameter of a command that is given them."""


def _option(kind: Any, *names: str, panel: str, default: Any = None, **words: Any) -> Any:
    """The annotation and the default of one option."""
    return Annotated[kind, typer.Option(*names, rich_help_panel=panel, **words)], default


def _weights(kind: Any, *names: str, **words: Any) -> Any:
    return _option(kind, *names, panel=WEIGHTS, **words)


def _seamless(kind: Any, *names: str, **words: Any) -> Any:
    return _option(kind, *names, panel=SEAMLESS, show_default=False, **words)


def _m4t(kind: Any, *names: str, **words: Any) -> Any:
    return _option(kind, *names, panel=M4T, show_default=False, **words)


LOADING: dict[str, Any] = {
    "model_dir": _weights(
        Path | None,
        metavar="DIR",
        envvar="S2ST_MODEL_DIR",
        help="Weights in a folder of your own. Not given: those of `s2st models`.",
    ),
    "device": _weights(
        str,
        "--device",
        default="auto",
        metavar="NAME",
        envvar="S2ST_DEVICE",
        help="cuda, mps or cpu; auto takes the first there is.",
    ),
    "dtype": _weights(
        str,
        "--dtype",
        default="auto",
        metavar="NAME",
        envvar="S2ST_DTYPE",
        help="fp32, bf16, fp16, or int8 on a cpu; auto suits the device.",
    ),
    "compiled": _weights(
        bool,
        "--compile",
        default=False,
        help="Compile the model with torch.compile: minutes at the first steps, faster after.",
    ),
    "no_vad": _weights(
        bool,
        "--no-vad",
        default=False,
        help="No voice detector: the whole stream is one utterance (m4t's mode complete cuts it "
        "every 30 s).",
    ),
    "speaker": _weights(
        list[str] | None,
        metavar="[LANG=]NAME",
        help="Voice of a target, by the engine's own name or number; repeat it for others.",
    ),
}
"""By parameter: how the engine is loaded and asked. Each has its place in `EngineOptions`."""
ABOUT_WEIGHTS = ("model_dir", "device", "dtype", "compiled")
"""Those that mean nothing to an engine without weights."""

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


def takes_engine_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command with the options above, in place of its parameter `engine_options`."""
    options = {**LOADING, **POLICY}
    hints = get_type_hints(command, include_extras=True)
    own = inspect.signature(command).parameters.values()
    takes_context = "ctx" in hints
    keyword_only = inspect.Parameter.KEYWORD_ONLY

    def given_all(ctx: typer.Context, **words: Any) -> None:
        loading = {name: words.pop(name) for name in LOADING}
        policy = {name: words.pop(name) for name in POLICY}
        given = {name: value for name, value in policy.items() if value is not None}
        words[HANDED] = EngineOptions(
            **{name: value for name, value in loading.items() if name != "speaker"},
            speakers=tuple(split_words(loading["speaker"])),
            asked=frozenset(name for name in ABOUT_WEIGHTS if is_given(ctx, name)),
            policy=given,
        )
        if takes_context:
            words["ctx"] = ctx
        command(**words)

    parameters = [inspect.Parameter("ctx", keyword_only, annotation=typer.Context)]
    for parameter in own:
        if parameter.name == "ctx":
            continue
        if parameter.name != HANDED:
            parameters.append(parameter.replace(annotation=hints[parameter.name]))
            continue
        parameters += [
            inspect.Parameter(name, keyword_only, annotation=annotation, default=default)
            for name, (annotation, default) in options.items()
        ]
    given_all.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [parameter.replace(kind=keyword_only) for parameter in parameters]
    )
    given_all.__annotations__ = {each.name: each.annotation for each in parameters}
    given_all.__name__, given_all.__doc__ = command.__name__, command.__doc__
    return given_all


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """The options about weights and policy, word for word."""

    model_dir: Path | None = None
    device: str = "auto"
    dtype: str = "auto"
    compiled: bool = False
    no_vad: bool = False
    speakers: tuple[str, ...] = ()
    asked: frozenset[str] = frozenset()
    """Those about weights that the command line gave."""
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
        if spec.has_weights or not self.asked:
            return
        option = min(self.asked).replace("_", "-").replace("compiled", "compile")
        raise UsageError(
            f"--{option} means nothing to the engine '{spec.name}', which has no weights.",
            hint="Name another with --engine.",
        )

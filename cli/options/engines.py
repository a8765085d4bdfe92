"""Options of engines with weights, as the field names them, and what they come to.

They are the same for `file`, `live` and `evaluate`, which have them all as one `EngineOptions`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from audio_io.errors import UsageError
from audio_io.paths import is_folder
from cli.options.declared import PolicyOption, Settings
from cli.options.shared import AgentOptions
from engine.registry import AUTO, BUILT_IN, EngineSpec, LoadOptions, engines

WEIGHTS = "Engines with weights"
COMPILING = "--compile: the first steps take minutes"
NOT_THE_REFERENCE = "--encoder-window: this is not the reference's model; what it writes may differ"
ABOUT_WEIGHTS = frozenset({"model_dir", "device", "dtype", "compiled"})
"""Those that mean nothing to an engine without weights."""
NOT_BESIDE_AN_AGENT = frozenset(
    {"voice_detector", "no_vad", "min_confidence", "unclear", "speakers", "policy"}
)
"""Those of engines that no agent is told."""


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
        if agent.agent is not None:
            self._refuse_beside_an_agent()
        if self.model_dir is not None and not is_folder(self.model_dir):
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

    def check_device(self, spec: EngineSpec, ray: str | None = None) -> None:
        """Raise an `EngineError` where the device that was named is not here. On a cluster it need
        not be."""
        if not spec.has_weights or ray is not None or (self.device, self.dtype) == (AUTO, AUTO):
            return
        from engine.models.placement import choose_device, choose_dtype  # brings torch

        choose_dtype(self.dtype, choose_device(self.device))

    def _refuse_beside_an_agent(self) -> None:
        if "engine" in self.given:
            raise UsageError(
                "--engine and --agent each name what to run.", hint="Give one of them."
            )
        if asked := NOT_BESIDE_AN_AGENT & self.given:
            raise UsageError(
                f"⟦{min(asked)}⟧ means nothing to a SimulEval agent.",
                hint="What it takes goes into --agent-args.",
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
        raise UsageError(
            f"⟦{min(asked)}⟧ means nothing to the engine '{spec.name}', which has no weights.",
            hint="Name another with --engine.",
        )


def settings(*, others: bool = True) -> Iterator[PolicyOption]:
    """What one stream may ask of an engine's policy; `others`: also of engines from other packages.
    Two engines that call a field alike share the option, which stands with the first."""
    taken: set[str] = set()
    for spec in engines() if others else islice(engines(), len(BUILT_IN)):
        for each in spec.settings:
            if each.field in taken:
                continue
            taken.add(each.field)
            name = f"--{each.called}"
            info = typer.Option(
                f"{name}/--no-{each.called}" if each.kind is bool else name,
                metavar=each.unit or None,
                min=each.least,
                max=each.most,
                help=each.help,
                show_default=False,
                rich_help_panel=f"Engine {spec.name}",
            )
            yield PolicyOption(each.field, each.kind | None, info)

"""One utterance through the model, segment by segment: one encoding, any number of targets."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audio_io.chunk import Samples
from engine.errors import EngineError
from engine.layers.features import BINS, FilterBank
from engine.seamless.config import StreamingPolicy
from engine.seamless.loading import SeamlessModel
from engine.seamless.policy import TextState, Turn, decode
from engine.seamless.speech import SpeechState, next_units


@dataclass(slots=True)
class TargetState:
    """One language of the open utterance."""

    text: TextState = field(default_factory=TextState)
    speech: SpeechState = field(default_factory=SpeechState)


@dataclass(slots=True)
class UtteranceState:
    """Belongs to one utterance of one stream."""

    targets: dict[str, TargetState]
    bank: FilterBank = field(default_factory=FilterBank)
    frames: NDArray[np.float32] = field(default_factory=lambda: np.zeros((512, BINS), np.float32))
    """Room for frames; the first `heard_frames` are filled."""
    heard_frames: int = 0
    heard_samples: int = 0
    steps: int = 0

    def hear(self, samples: Samples) -> None:
        new = self.bank.hear(samples)
        self.heard_samples += len(samples)
        while self.heard_frames + len(new) > len(self.frames):
            self.frames = np.concatenate([self.frames, np.zeros_like(self.frames)])
        if len(new):
            end = self.heard_frames + len(new)
            self.frames[self.heard_frames : end] = new
            self.heard_frames = end


@dataclass(frozen=True, slots=True)
class Said:
    """What one step brought in one language."""

    turn: Turn | None
    """None when nothing was decoded yet."""
    samples: Samples | None
    """Speech at 16 kHz; None when there is none yet."""
    trace: Mapping[str, Any] | None


@torch.inference_mode()
def step_utterance(
    model: SeamlessModel,
    state: UtteranceState,
    samples: Samples,
    policy: StreamingPolicy,
    *,
    finished: bool,
    speakers: Mapping[str, int],
    duration_factor: float = 1.0,
) -> dict[str, Said]:
    """The next segment of an utterance; `finished` says that it is the last. `speakers` names the
    targets to speak, and their voices. Raises `EngineError` when the numbers overflow."""
    clock = _Clock()
    state.hear(samples)
    number, state.steps = state.steps, state.steps + 1
    clock.lap("features")
    source = None
    too_short = state.heard_frames < model.config.encoder.fbank_stride
    if not too_short and (finished or state.heard_frames >= policy.min_starting_wait):
        frames = torch.from_numpy(state.frames[: state.heard_frames])
        source = model.encoder(frames.to(model.device, model.dtype))
        clock.lap("encoder")
    said, write = {}, policy.write
    for language, target in state.targets.items():
        turn, units, speech = None, None, None
        if source is not None:
            spoken = language in speakers
            turn = decode(
                model.decoder,
                source,
                model.pieces.prefix(language),
                target.text,
                write,
                source_finished=finished,
                comma=model.pieces.comma if spoken else None,
            )
            _check_finite(turn, model)
            clock.lap("decoder")
            if turn.features is not None and spoken:
                units = next_units(
                    model.units,
                    turn,
                    target.text.tokens,
                    model.pieces,
                    target.speech,
                    source_finished=finished,
                    least_units=policy.min_unit_chunk_size,
                    duration_factor=policy.duration_factor * duration_factor,
                    keep_symbols=policy.trace,
                )
                clock.lap("text_to_unit")
            if units is not None:
                index = model.config.vocoder_language_index[language]
                sound = model.vocoder(units, index, speakers[language])
                speech = np.ascontiguousarray(sound.float().cpu().numpy())
                clock.lap("vocoder")
        trace = None
        if policy.trace:
            trace = _record(number, state, target, turn, units, speech, finished, clock)
        said[language] = Said(turn, speech, trace)
    return said


class _Clock:
    """Milliseconds by part."""

    def __init__(self) -> None:
        self._last_s = time.perf_counter()
        self.parts_ms: dict[str, float] = {}

    def lap(self, part: str) -> None:
        now_s = time.perf_counter()
        self.parts_ms[part] = self.parts_ms.get(part, 0.0) + 1000 * (now_s - self._last_s)
        self._last_s = now_s


def _check_finite(turn: Turn, model: SeamlessModel) -> None:
    if any(math.isnan(p_choose) for _, p_choose in turn.decisions):
        name = str(model.dtype).removeprefix("torch.")
        raise EngineError(
            f"The model's numbers overflow in {name}.", hint="Take --dtype fp32 or bf16."
        )


def _record(
    number: int,
    state: UtteranceState,
    target: TargetState,
    turn: Turn | None,
    units: Tensor | None,
    speech: Samples | None,
    finished: bool,
    clock: _Clock,
) -> dict[str, Any]:
    """A step under the names of the reference's recordings."""
    record: dict[str, Any] = {
        "step": number,
        "samples_heard": state.heard_samples,
        "fbank_frames": state.heard_frames,
        "source_finished": finished,
        "action": "WRITE" if turn is not None and (turn.written or turn.finished) else "READ",
        "decisions": [] if turn is None else [list(decision) for decision in turn.decisions],
        "target_indices": list(target.text.tokens),
        "finished": turn is not None and turn.finished,
        "durations": target.speech.durations,
        "unit_argmax": target.speech.symbols,
        "units": None if units is None else units.tolist(),
        "speech_samples": None if speech is None else len(speech),
        "compute_ms": {part: round(ms, 3) for part, ms in clock.parts_ms.items()},
    }
    return record

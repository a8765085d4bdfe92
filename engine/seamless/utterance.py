"""One utterance through the model, segment by segment: one encoding, any number of targets."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audio_io.chunk import Samples
from engine.errors import EngineError
from engine.layers.features import BINS, SHIFT_MS, FilterBank
from engine.seamless.config import StreamingPolicy
from engine.seamless.loading import SeamlessModel
from engine.seamless.policy import Row, TextState, Turn, decode
from engine.seamless.speech import Speaking, SpeechState, next_units


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
    states: Tensor | None = None
    """What the encoder made of it last, (A, M), where it looks back through a window only."""

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
class Segment:
    """The next of an utterance's sound, and what is to be made of it."""

    utterance: UtteranceState
    samples: Samples
    policy: StreamingPolicy
    finished: bool
    """Whether it is the last."""
    speakers: Mapping[str, int] = field(default_factory=dict)
    """The targets to speak, and their voices."""
    duration_factors: Mapping[str, float] = field(default_factory=dict)
    """By target: less is faster speech. One that is missing counts as 1."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one step brought in one language."""

    turn: Turn | None
    """None when nothing was decoded yet."""
    samples: Samples | None
    """Speech at 16 kHz; None when there is none yet."""
    trace: Mapping[str, Any] | None


@torch.inference_mode()
def step_utterances(
    model: SeamlessModel, segments: Sequence[Segment]
) -> list[dict[str, Said] | EngineError]:
    """A step of each utterance, none of them twice: what each language came to, or the error of an
    utterance whose numbers overflow.

    They are computed together; each comes to what it comes to alone but for rounding.
    """
    clock = _Clock(model.device if any(segment.policy.trace for segment in segments) else None)
    for segment in segments:
        segment.utterance.hear(segment.samples)
    clock.lap("features")
    ready = [number for number, segment in enumerate(segments) if _is_enough(model, segment)]
    sources = encode(model, [(segments[each].utterance, segments[each].policy) for each in ready])
    clock.lap("encoder")
    places = [
        (number, language) for number in ready for language in segments[number].utterance.targets
    ]
    rows = [
        _row(model, segments[number], language, ready.index(number)) for number, language in places
    ]
    turns = dict(zip(places, decode(model.decoder, sources, rows) if rows else [], strict=True))
    clock.lap("decoder")
    failed: dict[int, EngineError] = {}
    for (number, _), turn in turns.items():
        if not _is_finite(turn):
            failed[number] = _overflow(model)
    units = _units(model, segments, {at: turn for at, turn in turns.items() if at[0] not in failed})
    if any(segment.speakers for segment in segments):
        clock.lap("text_to_unit")
    speech = _speech(model, segments, units)
    if speech:
        clock.lap("vocoder")
    for (number, _), samples in speech.items():
        if not np.isfinite(samples).all():
            failed[number] = _overflow(model)
    results: list[dict[str, Said] | EngineError] = []
    for number, segment in enumerate(segments):
        step, segment.utterance.steps = segment.utterance.steps, segment.utterance.steps + 1
        said = {}
        for language, target in segment.utterance.targets.items():
            at = number, language
            made = turns.get(at), units.get(at), speech.get(at)
            trace = None
            if segment.policy.trace:
                trace = _record(step, segment, target, *made, clock, len(segments))
            said[language] = Said(made[0], made[2], trace)
        results.append(failed.get(number, said))
    return results


def step_utterance(
    model: SeamlessModel,
    state: UtteranceState,
    samples: Samples,
    policy: StreamingPolicy,
    *,
    finished: bool,
    speakers: Mapping[str, int],
) -> dict[str, Said]:
    """As `step_utterances`, of one. Raises its `EngineError`."""
    [said] = step_utterances(model, [Segment(state, samples, policy, finished, speakers)])
    if isinstance(said, EngineError):
        raise said
    return said


def encode(
    model: SeamlessModel, heard: Sequence[tuple[UtteranceState, StreamingPolicy]]
) -> list[Tensor]:
    """States (A, M) of each utterance as far as it was heard.

    With an `encoder_window_ms` only so much of the newest sound is encoded, and older states stay
    as they were when they left it. That bounds the work, and is another model than the reference.
    """
    config = model.config.encoder
    # Frames of one state; and states that would see the edge of the window.
    stride = config.fbank_stride * config.adaptor_stride**config.adaptor_layers
    edge = config.adaptor_layers
    firsts, pieces = [], []
    for utterance, policy in heard:
        first = 0
        if policy.encoder_window_ms is not None and utterance.states is not None:
            window = policy.encoder_window_ms // SHIFT_MS
            kept = len(utterance.states) - 1  # the last one saw the end of the sound
            first = max(0, min((utterance.heard_frames - window) // stride, kept - edge))
        frames = torch.from_numpy(utterance.frames[first * stride : utterance.heard_frames])
        firsts.append(first)
        pieces.append(frames.to(model.device, model.dtype))
    states = model.encoder.encode(pieces)
    for number, (utterance, policy) in enumerate(heard):
        if firsts[number]:
            assert utterance.states is not None
            older = utterance.states[: firsts[number] + edge]
            states[number] = torch.cat([older, states[number][edge:]])
        if policy.encoder_window_ms is not None:
            utterance.states = states[number]
    return states


def _is_enough(model: SeamlessModel, segment: Segment) -> bool:
    """Whether there is sound enough to be encoded."""
    heard, least = segment.utterance.heard_frames, model.config.encoder.fbank_stride
    return heard >= (least if segment.finished else max(least, segment.policy.min_starting_wait))


def _row(model: SeamlessModel, segment: Segment, language: str, source: int) -> Row:
    return Row(
        source,
        model.pieces.prefix(language),
        segment.utterance.targets[language].text,
        segment.policy.write,
        segment.finished,
        model.pieces.comma if language in segment.speakers else None,
    )


_At = tuple[int, str]
"""Number of a segment, and a language."""


def _units(
    model: SeamlessModel, segments: Sequence[Segment], turns: Mapping[_At, Turn]
) -> dict[_At, Tensor]:
    """Units that are to be spoken now."""
    speaking = {}
    for (number, language), turn in turns.items():
        segment = segments[number]
        if turn.features is None or language not in segment.speakers:
            continue
        target, policy = segment.utterance.targets[language], segment.policy
        speaking[number, language] = Speaking(
            turn,
            target.text.tokens,
            target.speech,
            source_finished=segment.finished,
            least_units=policy.min_unit_chunk_size,
            duration_factor=policy.duration_factor * segment.duration_factors.get(language, 1.0),
            keep_symbols=policy.trace,
        )
    units = next_units(model.units, model.pieces, list(speaking.values()))
    found = zip(speaking, units, strict=True)
    return {at: each for at, each in found if each is not None}


def _speech(
    model: SeamlessModel, segments: Sequence[Segment], units: Mapping[_At, Tensor]
) -> dict[_At, Samples]:
    """The sound of units, at 16 kHz."""
    sounds = model.vocoder(
        list(units.values()),
        [model.config.vocoder_language_index[language] for _, language in units],
        [segments[number].speakers[language] for number, language in units],
    )
    return {
        at: np.ascontiguousarray(sound.float().cpu().numpy())
        for at, sound in zip(units, sounds, strict=True)
    }


class _Clock:
    """Milliseconds by part."""

    def __init__(self, device: torch.device | None) -> None:
        """With a device, each lap waits until that has computed what it was given."""
        self._device = device
        self._last_s = time.perf_counter()
        self.parts_ms: dict[str, float] = {}

    def lap(self, part: str) -> None:
        if self._device is not None and self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now_s = time.perf_counter()
        self.parts_ms[part] = self.parts_ms.get(part, 0.0) + 1000 * (now_s - self._last_s)
        self._last_s = now_s


def _is_finite(turn: Turn) -> bool:
    return not any(math.isnan(p_choose) for _, p_choose in turn.decisions)


def _overflow(model: SeamlessModel) -> EngineError:
    name = str(model.dtype).removeprefix("torch.")
    return EngineError(
        f"The model's numbers overflow in {name}.", hint="Take ⟦dtype⟧ fp32 or bf16."
    )


def _record(
    number: int,
    segment: Segment,
    target: TargetState,
    turn: Turn | None,
    units: Tensor | None,
    speech: Samples | None,
    clock: _Clock,
    streams: int,
) -> dict[str, Any]:
    """A step under the names of the reference's recordings. Times are those of all the streams that
    took the step together."""
    record: dict[str, Any] = {
        "step": number,
        "samples_heard": segment.utterance.heard_samples,
        "fbank_frames": segment.utterance.heard_frames,
        "source_finished": segment.finished,
        "action": "WRITE" if turn is not None and (turn.written or turn.finished) else "READ",
        "decisions": [] if turn is None else [list(decision) for decision in turn.decisions],
        "target_indices": list(target.text.tokens),
        "finished": turn is not None and turn.finished,
        "durations": target.speech.durations,
        "unit_argmax": target.speech.symbols,
        "units": None if units is None else units.tolist(),
        "speech_samples": None if speech is None else len(speech),
        "compute_ms": {part: round(ms, 3) for part, ms in clock.parts_ms.items()},
        "streams": streams,
    }
    if segment.policy.encoder_window_ms is not None:
        record["encoder_window_ms"] = segment.policy.encoder_window_ms  # not the reference
    return record

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

    They are encoded and decoded together, and spoken one by one; each comes to what it comes to
    alone but for rounding.
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
    results: list[dict[str, Said] | EngineError] = []
    for number, segment in enumerate(segments):
        own = {language: turn for (each, language), turn in turns.items() if each == number}
        try:
            results.append(_say(model, segment, own, clock, len(segments)))
        except EngineError as error:
            results.append(error)
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


def _say(
    model: SeamlessModel,
    segment: Segment,
    turns: Mapping[str, Turn],
    shared: "_Clock",
    streams: int,
) -> dict[str, Said]:
    """Each language of one utterance: what was decided, and its speech where that is due."""
    utterance, policy = segment.utterance, segment.policy
    number, utterance.steps = utterance.steps, utterance.steps + 1
    said = {}
    for language, target in utterance.targets.items():
        clock = shared.copy()
        turn = turns.get(language)
        units, speech = None, None
        if turn is not None:
            _check_finite(turn, model)
            if turn.features is not None and language in segment.speakers:
                hurry = segment.duration_factors.get(language, 1.0)
                units = next_units(
                    model.units,
                    turn,
                    target.text.tokens,
                    model.pieces,
                    target.speech,
                    source_finished=segment.finished,
                    least_units=policy.min_unit_chunk_size,
                    duration_factor=policy.duration_factor * hurry,
                    keep_symbols=policy.trace,
                )
                clock.lap("text_to_unit")
            if units is not None:
                index = model.config.vocoder_language_index[language]
                sound = model.vocoder(units, index, segment.speakers[language])
                speech = np.ascontiguousarray(sound.float().cpu().numpy())
                if not np.isfinite(speech).all():
                    raise _overflow(model)
                clock.lap("vocoder")
        trace = None
        if policy.trace:
            trace = _record(number, segment, target, turn, units, speech, clock, streams)
        said[language] = Said(turn, speech, trace)
    return said


class _Clock:
    """Milliseconds by part."""

    def __init__(self, device: torch.device | None) -> None:
        """With a device, each lap waits until that has computed what it was given."""
        self._device = device
        self._last_s = time.perf_counter()
        self.parts_ms: dict[str, float] = {}

    def copy(self) -> "_Clock":
        """Goes on from now, with what was measured so far."""
        other = _Clock(self._device)
        other.parts_ms = dict(self.parts_ms)
        return other

    def lap(self, part: str) -> None:
        if self._device is not None and self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now_s = time.perf_counter()
        self.parts_ms[part] = self.parts_ms.get(part, 0.0) + 1000 * (now_s - self._last_s)
        self._last_s = now_s


def _check_finite(turn: Turn, model: SeamlessModel) -> None:
    if any(math.isnan(p_choose) for _, p_choose in turn.decisions):
        raise _overflow(model)


def _overflow(model: SeamlessModel) -> EngineError:
    name = str(model.dtype).removeprefix("torch.")
    return EngineError(
        f"The model's numbers overflow in {name}.", hint="Take --dtype fp32 or bf16."
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
    """A step under the names of the reference's recordings. Times of features, encoder and decoder
    are those of all the streams that took the step together."""
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

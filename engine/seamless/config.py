"""What a SeamlessStreaming model is made of, and what one stream may ask of it."""

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import EngineError

FORMAT = "seamless-streaming"
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    model_dim: int
    layers: int
    attention_heads: int
    ffn_dim: int
    fbank_bins: int
    fbank_stride: int
    """Frames stacked into one."""
    depthwise_kernel: int
    max_left_position: int
    """Relative positions further to the left count as this one."""
    max_right_position: int
    adaptor_layers: int
    adaptor_kernel: int
    adaptor_stride: int
    adaptor_ffn_dim: int


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """The monotonic text decoder."""

    model_dim: int
    layers: int
    attention_heads: int
    ffn_dim: int
    max_positions: int
    energy_layers: int
    """Linear layers of each energy projection."""
    energy_temperature: float
    pre_decision_ratio: int
    """Encoder states that are averaged before a decision."""


@dataclass(frozen=True, slots=True)
class UnitConfig:
    """The text-to-unit model."""

    model_dim: int
    encoder_layers: int
    decoder_layers: int
    attention_heads: int
    ffn_dim: int
    conv_kernel: int
    duration_hidden_dim: int
    duration_kernel: int
    char_vocab_size: int


@dataclass(frozen=True, slots=True)
class VocoderConfig:
    embedding_dim: int
    language_dim: int
    speaker_dim: int
    unit_vocab_size: int
    upsample_rates: tuple[int, ...]
    upsample_kernels: tuple[int, ...]
    initial_channels: int
    resblock_kernels: tuple[int, ...]
    resblock_dilations: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """`config.json` of a model directory."""

    name: str
    files: Mapping[str, str]
    """File names by part: unity, monotonic_decoder, vocoder, text_tokenizer, char_tokenizer."""
    text_languages: tuple[str, ...]
    """In the order of their symbols."""
    speech_languages: tuple[str, ...]
    num_units: int
    vocoder_language_index: Mapping[str, int]
    vocoder_speaker_index: Mapping[str, tuple[int, ...]]
    encoder: EncoderConfig
    decoder: DecoderConfig
    unit: UnitConfig
    vocoder: VocoderConfig


def read_config(folder: Path) -> ModelConfig:
    """The configuration of a model directory. Raises `EngineError` for one that is none."""
    path = folder / "config.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        what = f"{path.name}: {error.strerror}"
        raise EngineError(f"'{folder}' is no model directory ({what}).") from error
    except ValueError as error:
        raise EngineError(f"'{path}' is no JSON ({error}).") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        seen = record.get("format") if isinstance(record, dict) else type(record).__name__
        raise EngineError(f"'{path}' is not of {FORMAT}; its format is {seen}.")
    if record.get("version") != 1:
        raise EngineError(f"'{path}' has version {record.get('version')}; this program knows 1.")
    try:
        return ModelConfig(
            name=str(record["name"]),
            files=dict(record["files"]),
            text_languages=tuple(record["text_languages"]),
            speech_languages=tuple(record["speech_languages"]),
            num_units=int(record["num_units"]),
            vocoder_language_index=dict(record["vocoder_language_index"]),
            vocoder_speaker_index={
                code: tuple(speakers) for code, speakers in record["vocoder_speaker_index"].items()
            },
            encoder=_part(EncoderConfig, record["encoder"]),
            decoder=_part(DecoderConfig, record["monotonic_decoder"]),
            unit=_part(UnitConfig, record["text_to_unit"]),
            vocoder=_part(VocoderConfig, record["vocoder"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EngineError(f"'{path}' does not say what it should ({error}).") from error


def _part(kind: type[Part], record: Mapping[str, Any]) -> Part:
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: _frozen(value) for name, value in record.items() if name in known})


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


class DecisionMethod(enum.Enum):
    """How the p_choose of all heads become one."""

    MIN = "min"
    MEAN = "mean"
    MEDIAN = "median"


@dataclass(frozen=True, slots=True)
class WritePolicy:
    """When the text decoder writes."""

    decision_threshold: float = 0.5
    decision_method: DecisionMethod = DecisionMethod.MIN
    p_choose_start_layer: int = 0
    max_len_a: float = 0.0
    max_len_b: int = 100
    max_consecutive_write: int = 50
    block_ngrams: bool = False
    early_stop: bool = False


@dataclass(frozen=True, slots=True)
class StreamingPolicy:
    """What one stream may ask; names and defaults of the reference's `streaming_evaluate`."""

    decision_threshold: float = 0.5
    """Write while p_choose is at least this. Smaller means less lag."""
    decision_method: str = "min"
    """How the p_choose of all heads become one: min, mean or median."""
    p_choose_start_layer: int = 0
    """Heads of the layers before this one are not asked."""
    max_len_a: float = 0.0
    """A sentence has at most `max_len_a * A + max_len_b` tokens, A states of the source."""
    max_len_b: int = 100
    max_consecutive_write: int = 50
    """Tokens written in one step at most."""
    block_ngrams: bool = False
    """READ instead of repeating the last two or three tokens."""
    early_stop: bool = False
    """Whether a sentence may end before its source does."""
    segment_ms: int = 320
    """Sound that is gathered before each step."""
    min_starting_wait: int = 192
    """Frames of 10 ms before the first step; less only where the utterance ends."""
    min_unit_chunk_size: int = 50
    """Units of 20 ms that must be due before anything is spoken."""
    duration_factor: float = 1.0
    """Of the units of each character; less is faster speech."""
    encoder_window_ms: int | None = None
    """Newest sound that is encoded anew at each step; older states stay as they are. Not the
    reference, which encodes the whole utterance (None)."""
    trace: bool = False
    """Whether each step leaves a record of everything in it."""

    def __post_init__(self) -> None:
        known = [method.value for method in DecisionMethod]
        if self.decision_method not in known:
            raise ValueError(f"decision_method is {', '.join(known)}, not {self.decision_method}")
        if not 0.0 <= self.decision_threshold <= 1.0:
            raise ValueError(f"decision_threshold {self.decision_threshold} is not from 0 to 1")
        if min(self.segment_ms, self.max_consecutive_write) < 1:
            raise ValueError("segment_ms and max_consecutive_write are at least 1")
        if min(self.max_len_a, self.max_len_b, self.min_starting_wait) < 0:
            raise ValueError("max_len_a, max_len_b and min_starting_wait are not negative")
        if self.min_unit_chunk_size < 0 or not 0.1 <= self.duration_factor <= 10:
            raise ValueError("min_unit_chunk_size is not negative, duration_factor from 0.1 to 10")
        if self.encoder_window_ms is not None and self.encoder_window_ms < 1000:
            raise ValueError(f"encoder_window_ms {self.encoder_window_ms} is less than 1000")

    @property
    def write(self) -> WritePolicy:
        return WritePolicy(
            self.decision_threshold,
            DecisionMethod(self.decision_method),
            self.p_choose_start_layer,
            self.max_len_a,
            self.max_len_b,
            self.max_consecutive_write,
            self.block_ngrams,
            self.early_stop,
        )


DEFAULT_POLICY = StreamingPolicy()

"""The shape of a voice detector."""

from typing import Protocol, TypeVar

from audio_io.chunk import Samples

DetectorState = TypeVar("DetectorState")


class VoiceDetector(Protocol[DetectorState]):
    """Tells speech from everything else, frame by frame. Shared by streams; memory is outside."""

    sample_rate_hz: int
    frame_samples: int
    """How many samples every frame holds."""
    reaction_ms: int
    """How long silence lasts before the detector notices it."""

    def new_state(self) -> DetectorState:
        """One stream's memory."""

    def in_speech(self, frame: Samples, state: DetectorState) -> bool:
        """Whether somebody speaks, as far as is known after this frame, shape (frame_samples,)."""

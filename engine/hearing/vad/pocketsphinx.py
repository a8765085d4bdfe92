"""Voice detection by pocketsphinx's endpointer (WebRTC's detector and a majority window)."""

from dataclasses import dataclass

import pocketsphinx

from audio_io.chunk import Samples
from audio_io.pcm import to_pcm16


@dataclass(frozen=True, slots=True)
class EndpointerConfig:
    window_ms: int = 240
    """Frames that vote on whether speech has begun or ended. Longer is slower and steadier."""
    ratio: float = 0.9
    """Share of the window that must agree."""

    def __post_init__(self) -> None:
        if not 90 <= self.window_ms <= 2000 or not 0.5 <= self.ratio < 1.0:
            raise ValueError(f"window_ms {self.window_ms} or ratio {self.ratio} is out of range")


class EndpointerDetector:
    """`VoiceDetector` whose state is a `pocketsphinx.Endpointer`."""

    sample_rate_hz = 16_000
    frame_samples = 480

    def __init__(self, config: EndpointerConfig | None = None) -> None:
        self._config = config or EndpointerConfig()
        self.reaction_ms = self._config.window_ms

    def new_state(self) -> pocketsphinx.Endpointer:
        return pocketsphinx.Endpointer(
            window=self._config.window_ms / 1000,
            ratio=self._config.ratio,
            sample_rate=self.sample_rate_hz,
        )

    def in_speech(self, frame: Samples, state: pocketsphinx.Endpointer) -> bool:
        state.process(to_pcm16(frame))
        return bool(state.in_speech)

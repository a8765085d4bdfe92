"""Voice detection by Silero's network, which hears speech in noise that fools a level meter.

Model: github.com/snakers4/silero-vad (MIT). Needs the extra `silero`; sound is handed over as
arrays, so torchaudio is not needed.
"""

from dataclasses import dataclass
from typing import Any

import torch
from silero_vad import load_silero_vad

from audio_io.chunk import Samples


@dataclass(frozen=True, slots=True)
class SileroConfig:
    start_probability: float = 0.5
    """Speech begins at a frame of at least this probability."""
    end_probability: float = 0.35
    """Speech goes on while frames are above this one."""
    silence_ms: int = 96
    """Frames below `end_probability` for this long end the speech."""


@dataclass(slots=True)
class SileroState:
    memory: Any
    """The network's recurrent state, shape (2, 1, 128)."""
    context: Any
    """The last 64 samples of the frame before, shape (1, 64)."""
    speaking: bool = False
    quiet_ms: float = 0.0


class SileroDetector:
    """`VoiceDetector` with the network's memory in the stream's state."""

    sample_rate_hz = 16_000
    frame_samples = 512

    def __init__(self, config: SileroConfig | None = None) -> None:
        self._config = config or SileroConfig()
        self.reaction_ms = self._config.silence_ms
        # The packaged module keeps its memory in itself; its inner network takes it as arguments.
        self._network = load_silero_vad(onnx=False)._model

    def new_state(self) -> SileroState:
        return SileroState(memory=torch.zeros(0), context=torch.zeros(1, 64))

    def in_speech(self, frame: Samples, state: SileroState) -> bool:
        with torch.inference_mode():
            sound = torch.cat([state.context, torch.from_numpy(frame)[None]], dim=1)
            output, state.memory = self._network(sound, state.memory)
        state.context = sound[:, -64:]
        probability = float(output.item())
        if probability >= self._config.start_probability:
            state.speaking, state.quiet_ms = True, 0.0
        elif probability < self._config.end_probability:
            state.quiet_ms += 1000 * self.frame_samples / self.sample_rate_hz
            state.speaking = state.speaking and state.quiet_ms < self._config.silence_ms
        else:
            state.quiet_ms = 0.0
        return state.speaking

"""What one stream may ask of SeamlessM4T v2."""

import math
from dataclasses import dataclass

COMPLETE = "complete"
CHUNKED = "chunked"
STREAMATT = "streamatt"
MODES = (COMPLETE, CHUNKED, STREAMATT)
FRAME_MS = 160
"""One state of the encoder: 8 times 2 frames of 10 ms."""
RING_S = 10.0
"""Sound that the overlapping windows may reach back."""
LEAST_HOP_S = 0.5
"""Windows follow each other no faster, so that text does not either."""


@dataclass(frozen=True, slots=True)
class M4tPolicy:
    """How a stream is cut, heard and written."""

    mode: str = COMPLETE
    """complete: each utterance once it has ended. chunked: overlapping windows. streamatt: words
    while they are heard, as the attention allows."""
    beams: int = 0
    """Hypotheses that are followed; 1 is greedy. 0 takes 5 for complete utterances, 1 elsewhere."""
    temperature: float = 0.0
    """Tokens are drawn at random, the more so the higher; 0 takes the likeliest."""
    max_length: int = 256
    """Tokens of one sentence at most. Short sound has fewer: 20, and 15 for each second."""
    block_loops: bool = True
    """Whether words that go round in circles are left out before they are committed."""
    gate_noise: bool = True
    """Whether silence and steady noise are kept from the model, which would imagine words."""
    window_s: float = 8.0
    """Chunked: sound translated at a time. Windows of 2 s halve the quality of 8 s."""
    overlap_s: float = 0.5
    """Chunked: sound that a window shares with the one before."""
    hop_ms: int = 500
    """Streamatt: sound gathered before each step."""
    frames: int = 2
    """Streamatt: a word waits while its attention rests on this many of the last encoder states, of
    160 ms each. More is surer and later."""
    attention_layer: int = 3
    """Streamatt: the decoder's layer whose attention is asked, counted from 0."""
    history_words: int = 20
    """Streamatt: committed words kept as context; what they attend to is the sound kept."""
    max_history_s: float = 20.0
    """Streamatt: sound kept at most, whatever is attended to."""
    no_repeat_ngram: int = 5
    """Streamatt: this many tokens never follow each other twice within the history; 0 allows it."""
    clause_words: int = 12
    """Streamatt: words after which a clause without punctuation is spoken."""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode is {', '.join(MODES)}, not {self.mode}")
        for name in ("temperature", "window_s", "overlap_s", "max_history_s"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name} is a number, not {getattr(self, name)}")
        if self.beams < 0 or self.temperature < 0:
            raise ValueError("beams and temperature are not negative")
        if self.beams > 1 and self.mode == STREAMATT:
            raise ValueError(
                f"mode streamatt cannot follow {self.beams} beams: a committed word cannot be "
                "taken back when another beam wins"
            )
        if self.mode == STREAMATT and self.temperature > 0:
            raise ValueError("mode streamatt takes the likeliest token: temperature is 0")
        if self.beams > 1 and self.temperature > 0:
            raise ValueError("a temperature draws one hypothesis: beams is 1 with it")
        if min(self.max_length, self.clause_words, self.history_words) < 1:
            raise ValueError("max_length, clause_words and history_words are at least 1")
        if min(self.frames, self.attention_layer, self.no_repeat_ngram) < 0:
            raise ValueError("frames, attention_layer and no_repeat_ngram are not negative")
        self._check_windows()

    def _check_windows(self) -> None:
        if self.overlap_s < 0:
            raise ValueError(f"an overlap is no less than 0, and not {self.overlap_s:g} s")
        if self.window_s <= self.overlap_s:
            raise ValueError(
                f"a window of {self.window_s:g} s is not longer than its overlap of "
                f"{self.overlap_s:g} s"
            )
        if self.window_s > RING_S:
            raise ValueError(f"a window has {RING_S:g} s at most, not {self.window_s:g}")
        if self.window_s - self.overlap_s < LEAST_HOP_S:
            raise ValueError(f"a window is at least {LEAST_HOP_S:g} s longer than its overlap")
        if self.hop_ms < 100:
            raise ValueError(f"hop_ms {self.hop_ms} is less than 100")
        least_s = (self.frames + 1) * FRAME_MS / 1000 + self.hop_ms / 1000
        if not 0 < self.max_history_s <= 30:
            raise ValueError("max_history_s is 30 at most: the model drops the rest")
        if least_s > self.max_history_s:
            raise ValueError(
                f"{self.frames} frames of {FRAME_MS} ms and a hop do not fit into the "
                f"{self.max_history_s:g} s of sound that are kept"
            )

    @property
    def hypotheses(self) -> int:
        """The beams there are in the end."""
        whole = self.mode == COMPLETE and self.temperature == 0
        return self.beams or (5 if whole else 1)


IN_MODES = {
    "window_s": CHUNKED,
    "overlap_s": CHUNKED,
    **dict.fromkeys(
        ("hop_ms", "frames", "attention_layer", "history_words", "max_history_s"), STREAMATT
    ),
    **dict.fromkeys(("no_repeat_ngram", "clause_words"), STREAMATT),
}
"""Fields that mean something in one mode only."""


def idle(policy: M4tPolicy) -> dict[str, str]:
    """The fields that mean nothing to a policy, and why."""
    return {
        name: f"it is of mode {mode}, and this is mode {policy.mode}"
        for name, mode in IN_MODES.items()
        if mode != policy.mode
    }


FILE_POLICY = M4tPolicy()
"""For streams nobody waits for."""
LIVE_POLICY = M4tPolicy(mode=STREAMATT)
"""For streams somebody waits for."""

"""`EchoGuard`: holds back our own voice, which the microphone hears from the loudspeaker.

    played      ......PPPPPPPPPP............
    microphone  sss.....ppppppSSSSSSpp...sss   p its echo, s speech, S speech over the echo
    let out     sss...........SSSSSS.....sss

A frame is held while the echo expected in it, and noise, explain it. It is let out when it is
louder than that in enough bands. The recogniser should rather miss a weak syllable than hear us.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from audio_io.chunk import Samples, silence
from audio_io.echo_estimate import Bands, EchoEstimate, EchoEstimateConfig, Knowledge

_INAUDIBLE = 1e-7
"""Power, summed over bands, below which nothing counts as played: about -75 dBFS."""
_MUTED = 1e-10
"""The same below which a microphone hears nothing at all, so that it says nothing of its noise."""
_LOUDEST_COMFORT = 10 ** (-30 / 20)
"""Noise as loud as this stands for what is held in a room that is louder."""
_FLOOR_SPANS = 10
"""Pieces of `noise_ms` of which each has its own lowest level."""

_FIRST_FRAMES = 8
"""Frames before which there is no lowest level yet."""
_MINIMUM_BIAS = 1.3
"""Mean power of a noise against the lowest that its smoothed power reaches."""


@dataclass(frozen=True, slots=True)
class EchoGuardConfig:
    frame_ms: int = 16
    """What is decided on at once, and how much the sound is delayed, but for one sample."""
    bands: int = 20
    """Mel bands."""
    lowest_hz: float = 150.0
    """Where the bands begin."""
    highest_hz: float = 7000.0
    """Where they end, or at half the sample rate."""
    echo_margin_db: float = 6.0
    """How much louder than expected an echo may be: rooms are not smooth."""
    new_margin_db: float = 8.0
    """What is added to it for an echo that was learnt just now."""
    new_ms: float = 1500.0
    """Time constant with which that goes."""
    noise_margin_db: float = 4.0
    """The same of the noise."""
    open_at_once_db: float = 0.6
    """What a frame has beyond both margins, a mean over the bands and `fast_ms`, that opens."""
    open_later_db: float = 0.35
    """The same over `slow_ms`, for talkers who are hardly louder than echo and noise."""
    fast_ms: float = 23.0
    """Time constant. Shorter opens sooner, also for a crackle."""
    slow_ms: float = 72.0
    """Time constant."""
    stay_open: float = 0.6
    """Share of those levels that is enough while it is open."""
    shortest_hang_ms: float = 32.0
    """How long it stays open after a first sign of a talker; as much longer as it has talked."""
    longest_hang_ms: float = 200.0
    """How long it stays open at most when nothing speaks for a talker any more."""
    audible_db: float = 0.7
    """Rise above the noise, a mean over the bands, below which an echo is not worth holding."""
    noise_ms: int = 3200
    """The lowest level of so long a time is the noise."""
    fade_ms: float = 4.0
    """Length of the fades."""
    comfort_noise: bool = False
    """Whether noise as faint as the room's stands for what is held, instead of silence. The draft
    recogniser hears more words in it."""
    estimate: EchoEstimateConfig = field(default_factory=EchoEstimateConfig)
    """How the echo is learnt."""

    def __post_init__(self) -> None:
        if self.frame_ms < 4 or self.bands < 4 or self.noise_ms < _FLOOR_SPANS * self.frame_ms:
            raise ValueError("frame_ms, bands or noise_ms is too small")
        if not 0 <= self.shortest_hang_ms <= self.longest_hang_ms:
            raise ValueError("shortest_hang_ms cannot be below 0 or above longest_hang_ms")


class EchoGuard:
    """Of one microphone. Not for two threads at once."""

    def __init__(self, sample_rate_hz: int, config: EchoGuardConfig | None = None) -> None:
        self._config = config = config or EchoGuardConfig()
        self._frame = round(sample_rate_hz * config.frame_ms / 1000)
        self._frame_ms = 1000 * self._frame / sample_rate_hz
        # Two frames: the one that is decided on, and the one before.
        self._window = np.hanning(2 * self._frame + 1)[:-1].astype(np.float32)
        self._mel = _mel_bands(sample_rate_hz, 2 * self._frame, config)
        self._white_power = float(np.square(self._window).sum() * self._mel.sum())
        """What the bands add up to for white noise of power 1."""
        self._ones = np.ones(config.bands, dtype=np.float32)
        self._estimate = EchoEstimate(self._frame_ms, config.bands, config.estimate)
        self._steps = [
            1 - float(np.exp(-self._frame_ms / time_ms))
            for time_ms in (config.fast_ms, config.slow_ms)
        ]
        self._fade_in = np.ones(self._frame, dtype=np.float32)
        fade = min(self._frame, round(sample_rate_hz * config.fade_ms / 1000))
        self._fade_in[:fade] = np.arange(fade) / max(fade, 1)
        self._span_frames = max(1, round(config.noise_ms / self._frame_ms / _FLOOR_SPANS))
        self._held_samples = 0
        self._heard_samples = 0
        self._waiting = np.zeros((2, 0), dtype=np.float32)
        """Microphone and played: what does not fill a frame yet."""
        self._ready = silence(self.delay_samples)
        """What was decided on and is not let out yet."""
        self.reset()

    @property
    def delay_samples(self) -> int:
        """How much later than it came in sound is let out; the first samples are zeros."""
        return self._frame - 1

    @property
    def held_samples(self) -> int:
        """Samples replaced by silence so far."""
        return self._held_samples

    @property
    def heard_samples(self) -> int:
        """Samples decided on so far."""
        return self._heard_samples

    @property
    def holding(self) -> bool:
        """Whether sound is held back now."""
        return self._holding

    @property
    def talking_over(self) -> bool:
        """Whether somebody speaks over our own voice now."""
        return self._talking_over

    @property
    def knowledge(self) -> Knowledge:
        """Whether an echo was found."""
        return self._estimate.knowledge

    @property
    def echo_delay_ms(self) -> float | None:
        """How much later than it was said to be played our voice is heard; None: not known."""
        known = self._estimate.knowledge is Knowledge.LEARNT
        return self._estimate.delay_ms if known else None

    def reset(self) -> None:
        """After a device changed: forget delay, coupling and noise. What waits is still let out,
        and the counters go on."""
        self._estimate.reset()
        self._waiting = self._waiting * np.array([[1], [0]], dtype=np.float32)
        """Heard and played, less than a frame. What was played before is not the new device's."""
        self._before = np.zeros((2, self._frame), dtype=np.float32)
        self._frames = 0
        self._smooth: Bands = np.zeros(self._config.bands, dtype=np.float32)
        self._floor: Bands = np.zeros(self._config.bands, dtype=np.float32)
        self._lowest = np.full((_FLOOR_SPANS, self._config.bands), np.inf, dtype=np.float32)
        self._span_left = self._span_frames
        self._excess_db = (0.0, 0.0)
        self._talked_ms = 0.0
        """How long somebody has talked over the echo; 0 when nobody does."""
        self._hang_ms = 0.0
        self._holding = False
        self._talking_over = False
        self._room = 0.0
        """Level of the room's noise, as an amplitude, before our own voice was in it."""
        self._dice = np.random.default_rng(0)

    def process(self, microphone: Samples, played: Samples) -> Samples:
        """As many samples as came in, `delay_samples` later, our own voice replaced by silence,
        or by noise as faint as the room's.

        `played` is what left the loudspeaker at the moments of `microphone`, as far as the devices
        tell; zeros where it was quiet.

        Raises:
            ValueError: the two have different lengths.
        """
        if len(microphone) != len(played):
            raise ValueError(f"{len(microphone)} samples heard, but {len(played)} played")
        sound = np.concatenate([self._waiting, np.array((microphone, played))], axis=1)
        whole = sound.shape[1] // self._frame * self._frame
        frames = [
            self._pass_frame(sound[:, start : start + self._frame])
            for start in range(0, whole, self._frame)
        ]
        self._waiting = sound[:, whole:]
        ready = np.concatenate([self._ready, *frames])
        self._ready = ready[len(microphone) :]
        return np.asarray(ready[: len(microphone)], dtype=np.float32)

    def _pass_frame(self, frame: NDArray[np.float32]) -> Samples:
        spectra = np.fft.rfft(np.concatenate([self._before, frame], axis=1) * self._window)
        heard, played = (spectra.real**2 + spectra.imag**2).astype(np.float32) @ self._mel
        self._before = frame
        if not math.isfinite(float((heard + played) @ self._ones)):
            # What a broken driver says must not stay in the memory.
            heard, played = np.zeros_like(heard), np.zeros_like(played)
        audible = float(played @ self._ones) > _INAUDIBLE
        was_holding = self._holding
        noise = self._noise(heard)
        if not self._estimate.possible:
            # Not while our own voice may be in it: a room that seems to get louder sounds as if
            # somebody began to speak.
            known = self._frames * self._frame_ms >= self._config.noise_ms
            level = math.sqrt(float(noise @ self._ones) / self._white_power)
            self._room = min(level, _LOUDEST_COMFORT) if known else 0.0
        self._decide(*self._estimate.step(played if audible else None, heard, noise))
        self._heard_samples += self._frame
        microphone: Samples = frame[0]
        if self._holding:
            self._held_samples += self._frame
        if not self._holding and not was_holding:
            return microphone
        # Digital silence would make the room's own noise, when it comes back, sound like speech.
        comfort = silence(self._frame)
        if self._config.comfort_noise:
            comfort = self._room * self._dice.standard_normal(self._frame, dtype=np.float32)
        if self._holding and was_holding:
            return comfort
        kept, filled = (comfort, microphone) if self._holding else (microphone, comfort)
        return kept * self._fade_in + filled * (1 - self._fade_in)

    def _decide(self, heard: Bands, echo: Bands, noise: Bands) -> None:
        knowledge, config = self._estimate.knowledge, self._config
        self._talking_over = False
        if not self._estimate.possible or knowledge is not Knowledge.LEARNT:
            self._holding = self._estimate.possible and knowledge is Knowledge.UNKNOWN
            self._talked_ms = self._hang_ms = 0.0
            self._excess_db = (0.0, 0.0)
            return
        new = float(np.exp(-self._estimate.practised_ms / config.new_ms))
        margin = _ratio(config.echo_margin_db + config.new_margin_db * new)
        explained = echo * margin + noise * _ratio(config.noise_margin_db) + 1e-12
        beyond_db = self._mean_db(np.minimum(np.maximum(heard / explained, 1.0), 100.0))
        at_once_db, later_db = (
            before_db + step * (beyond_db - before_db)
            for before_db, step in zip(self._excess_db, self._steps, strict=True)
        )
        self._excess_db = (at_once_db, later_db)
        sign = max(at_once_db / config.open_at_once_db, later_db / config.open_later_db)
        if sign > (config.stay_open if self._talked_ms else 1.0):
            self._talked_ms += self._frame_ms
            hang_ms = config.shortest_hang_ms + self._talked_ms
            self._hang_ms = min(hang_ms, config.longest_hang_ms)
        elif self._talked_ms:
            self._hang_ms -= self._frame_ms
            if self._hang_ms <= 0:
                self._talked_ms = 0.0
        audible = self._mean_db(1 + echo / (noise + 1e-12)) > config.audible_db
        self._talking_over = audible and self._talked_ms > 0
        self._holding = audible and not self._talking_over

    def _mean_db(self, ratios: Bands) -> float:
        """Mean over the bands."""
        return 10 * float(np.log10(ratios) @ self._ones) / len(self._ones)

    def _noise(self, heard: Bands) -> Bands:
        """The noise's power: the lowest that the smoothed power was (Martin's minimum statistics,
        IEEE Trans. Speech and Audio Processing 9(5), 2001, with a fixed factor for its bias)."""
        if float(heard @ self._ones) < _MUTED:
            return self._floor
        # The first frames are averaged: one of them alone may be low by chance.
        step = max(0.2, 1 / (self._frames + 1))
        self._smooth = self._smooth + step * (heard - self._smooth)
        self._frames += 1
        if self._frames < _FIRST_FRAMES:
            self._floor = np.asarray(_MINIMUM_BIAS * self._smooth, dtype=np.float32)
            return self._floor
        if not self._span_left:
            self._lowest[1:] = self._lowest[:-1]
            self._lowest[0] = np.inf
            self._span_left = self._span_frames
        self._span_left -= 1
        np.minimum(self._lowest[0], self._smooth, out=self._lowest[0])
        self._floor = np.asarray(_MINIMUM_BIAS * self._lowest.min(axis=0), dtype=np.float32)
        return self._floor


def _mel_bands(sample_rate_hz: int, window_samples: int, config: EchoGuardConfig) -> Bands:
    """Weights that turn a power spectrum into the mean power of bands, shape (bins, bands)."""
    hertz = np.fft.rfftfreq(window_samples, 1 / sample_rate_hz)
    ends_hz = np.array([config.lowest_hz, min(config.highest_hz, sample_rate_hz / 2)])
    mel, ends = (2595 * np.log10(1 + value / 700) for value in (hertz, ends_hz))
    edges = np.linspace(ends[0], ends[1], config.bands + 2)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    place = mel[:, None]
    rising, falling = (place - low) / (middle - low), (high - place) / (high - middle)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    weights /= np.maximum(weights.sum(axis=0), 1e-9) * window_samples
    return np.asarray(weights, dtype=np.float32)


def _ratio(decibels: float) -> float:
    return float(10.0 ** (decibels / 10))

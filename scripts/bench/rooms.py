"""Made-up rooms: what a loudspeaker plays, what of it comes back, and who talks meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soundfile as sf

from audio_io.chunk import Samples, silence
from audio_io.manifest import ManifestRow
from audio_io.resample import StreamResampler
from engine.cascade.tts.espeak import EspeakSynthesizer

RATE_HZ = 16_000
SPEECH_DBFS = -26.0
"""Level of a talker at the microphone, over the frames in which there is speech."""
PLAYED_DBFS = -20.0
FRAME = RATE_HZ // 50
"""Samples of the frames that everything here is counted in, 20 ms."""
BELOW_ACTIVE_DB = 20.0
"""A frame holds speech when it is at most this far below the level of all speech."""
RT60_S = 0.3
SPEAKERS = ("", "f2", "m3", "f4")
TEXTS = (
    "Muchas gracias por la invitación.",
    "Mañana por la mañana lloverá en el norte del país.",
    "¿Puede usted repetir la pregunta, por favor?",
    "Los resultados del año pasado fueron mejores de lo que esperábamos.",
    "De acuerdo.",
    "El autobús llega a la plaza mayor a las ocho y media.",
    "Ella dijo que no quería vender la casa de sus padres.",
    "Hay que cerrar las ventanas antes de salir.",
    "Tenemos tres preguntas sobre el nuevo proyecto y una propuesta.",
    "Vamos a ver.",
    "El médico me recomendó caminar una hora cada día.",
    "En la segunda parte hablaremos de la historia de la ciudad.",
)


@dataclass(frozen=True, slots=True)
class Route:
    """The way from what was played to the microphone."""

    delay_ms: float
    room: bool = False
    """Whether a decaying tail follows the direct sound, as loud as that."""

    def __str__(self) -> str:
        return f"{'room' if self.room else 'plain'} {self.delay_ms:.0f} ms"

    def response(self, random: np.random.Generator) -> Samples:
        """The impulse response, the loudspeaker's band limits included."""
        tail = round(RT60_S * RATE_HZ)
        response = np.zeros(max(0, round(self.delay_ms * RATE_HZ / 1000)) + 2 * tail)
        start = len(response) - 2 * tail
        response[start] = 1.0
        if self.room:
            decay = 10.0 ** (-3.0 * np.arange(tail) / tail)  # 60 dB in RT60
            noise = random.standard_normal(tail) * decay
            first = RATE_HZ * 3 // 1000  # the first reflection comes 3 ms later
            response[start + first : start + first + tail] += noise / np.sqrt(np.sum(noise**2))
        spectrum = np.fft.rfft(response)
        hertz = np.fft.rfftfreq(len(response), 1 / RATE_HZ)
        with np.errstate(divide="ignore"):
            limits = 1 / np.sqrt(1 + (250 / np.maximum(hertz, 1)) ** 4)  # a small loudspeaker
            limits /= np.sqrt(1 + (hertz / 6500) ** 8)
        limited: Samples = np.fft.irfft(spectrum * limits, len(response)).astype(np.float32)
        return limited


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to hear, apart and together; all of one length."""

    played: Samples
    echo: Samples
    talker: Samples
    noise: Samples

    @property
    def microphone(self) -> Samples:
        return self.echo + self.talker + self.noise


def own_voice(length: int, random: np.random.Generator) -> Samples:
    """Spanish clauses one after the other, with pauses of 0.4 to 1.6 s, from half a second on."""
    synthesizer, out, position = EspeakSynthesizer(), silence(length), RATE_HZ // 2
    while position < length:
        text, speaker = str(random.choice(TEXTS)), str(random.choice(SPEAKERS))
        spoken = np.concatenate(list(synthesizer.speak(text, "spa", speaker or None)))
        clause = StreamResampler(synthesizer.sample_rate_hz, RATE_HZ).process(spoken, last=True)
        clause = clause[: length - position]
        out[position : position + len(clause)] = clause
        position += len(clause) + round(random.uniform(0.4, 1.6) * RATE_HZ)
    return at_level(out, PLAYED_DBFS)


def talker(
    rows: Sequence[ManifestRow], start_s: float, length: int, random: np.random.Generator
) -> Samples:
    """Recordings in a random order, each at the same level, with pauses of 0.3 to 1.5 s."""
    out, position = silence(length), round(start_s * RATE_HZ)
    order: list[int] = []
    while position < length:
        order = order or list(random.permutation(len(rows)))
        samples, rate_hz = sf.read(rows[order.pop()].audio, dtype="float32", always_2d=True)
        said = StreamResampler(rate_hz, RATE_HZ).process(samples.mean(axis=1), last=True)
        said = at_level(said, SPEECH_DBFS)[: length - position]
        out[position : position + len(said)] = said
        position += len(said) + round(random.uniform(0.3, 1.5) * RATE_HZ)
    return out


def scene(
    played: Samples,
    said: Samples,
    route: Route | None,
    echo_db: float,
    noise_dbfs: float,
    random: np.random.Generator,
) -> Scene:
    """`echo_db`: the level of the echo against a talker's. Without a route there is no echo."""
    echo = silence(len(played))
    if route is not None:
        echo = at_level(_convolved(played, route.response(random)), SPEECH_DBFS + echo_db)
    noise = _pink(len(played), random)
    return Scene(played, echo, said, noise * np.float32(10.0 ** (noise_dbfs / 20)))


def at_level(samples: Samples, dbfs: float) -> Samples:
    """The same sound, its active frames at this level (as ITU-T P.56 measures, but simpler)."""
    level = active_level(samples)
    return samples * np.float32(10.0 ** (dbfs / 20) / level) if level > 0 else samples


def active_level(samples: Samples) -> float:
    """Root mean square of the frames that are at most `BELOW_ACTIVE_DB` below it."""
    power = frame_power(samples)
    active = power[power > 0]
    for _ in range(5):
        if not len(active):
            return 0.0
        mean = float(np.mean(active))
        active = power[power > mean * 10.0 ** (-BELOW_ACTIVE_DB / 10)]
    return float(np.sqrt(np.mean(active)))


def frame_power(samples: Samples) -> Samples:
    """Mean square of each whole frame."""
    whole = len(samples) // FRAME * FRAME
    frames = samples[:whole].reshape(-1, FRAME).astype(np.float64)
    power: Samples = np.mean(frames**2, axis=1)
    return power


def _convolved(sound: Samples, response: Samples) -> Samples:
    size = 1 << (len(sound) + len(response)).bit_length()
    product = np.fft.rfft(sound, size) * np.fft.rfft(response, size)
    out: Samples = np.fft.irfft(product, size)[: len(sound)].astype(np.float32)
    return out


def _pink(length: int, random: np.random.Generator) -> Samples:
    """Noise that falls by 3 dB an octave above 100 Hz, with a root mean square of 1."""
    spectrum = np.fft.rfft(random.standard_normal(length))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(length, 1 / RATE_HZ), 100.0))
    noise = np.fft.irfft(spectrum, length)
    pink: Samples = (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)
    return pink

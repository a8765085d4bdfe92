"""Two recordings into one, block by block."""

from pathlib import Path

import numpy as np
import soundfile

from audio_io.chunk import AudioChunk, Samples
from audio_io.errors import SoundFileError
from audio_io.limit import PeakLimited
from audio_io.wav import WavFile

BLOCK_SAMPLES = 65536


def mix_into(out: WavFile, speech: Path, original: Path, original_db: float) -> None:
    """Write to `out` the speech with the original under it, `original_db` louder (negative:
    quieter) than it was. All have one rate; the longer of the two gives the length. Where the sum
    is too loud it is made quieter."""
    gain = 10.0 ** (original_db / 20.0)
    limited, written_samples = PeakLimited(out), 0
    try:
        with soundfile.SoundFile(speech) as over, soundfile.SoundFile(original) as under:
            while True:
                a: Samples = over.read(BLOCK_SAMPLES, dtype="float32")
                b: Samples = under.read(BLOCK_SAMPLES, dtype="float32")
                if not len(a) and not len(b):
                    limited.flush()
                    return
                block = np.zeros(max(len(a), len(b)), dtype=np.float32)
                block[: len(a)] += a
                block[: len(b)] += gain * b
                limited.write(AudioChunk(block, out.sample_rate_hz, written_samples))
                written_samples += len(block)
    except soundfile.LibsndfileError as error:
        raise SoundFileError(f"Speech and original cannot be mixed ({error}).") from error

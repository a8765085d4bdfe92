"""espeak-ng, a formant voice for many languages, called as a program (it is GPL-3)."""

import re
import shutil
import struct
import subprocess
from collections.abc import Iterator

from audio_io.chunk import Samples
from audio_io.errors import UsageError
from audio_io.pcm import from_pcm16
from engine.errors import EngineError, LanguageError
from engine.programs.environment import environment
from engine.programs.last_words import last_line
from engine.streams.child import how_it_ended

VOICES = {
    "spa": "es",
    "cat": "ca",
    "glg": "pt",  # there is no Galician voice; Portuguese is the nearest
    "epo": "eo",
    "por": "pt",
    "ita": "it",
    "fra": "fr",
}
INSTALL = "apt install espeak-ng"
TIMEOUT_S = 60.0
"""A sentence takes 20 to 50 ms; longer means that it hangs."""

_SPEAKER = re.compile(r"[A-Za-z0-9]{1,20}")
_PHONEMES = re.compile(r"\[\[|\]\]")


def check_variant(name: str) -> None:
    """Raises `UsageError` for what is no variant of this machine's espeak-ng, which itself would
    speak with the usual voice and say nothing of it."""
    program = shutil.which("espeak-ng")
    if program is None:
        return
    asked = [program, "--voices=variant"]
    try:
        done = subprocess.run(
            asked, capture_output=True, timeout=TIMEOUT_S, env=environment(), check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return  # whoever speaks with it will say so
    files = re.findall(r"!v/(.+?)\s*(?:\(.*)?$", done.stdout.decode(errors="replace"), re.MULTILINE)
    known = {file for file in files if _SPEAKER.fullmatch(file)}
    # It numbers men from 1 and women from 11.
    known |= {str(n) for n in range(1, 20) if (f"m{n}" if n < 10 else f"f{n - 10}") in known}
    if known and name not in known:
        raise UsageError(
            f"espeak-ng has no variant '{name[:40]}' here.",
            hint="For example f2 or m3; `espeak-ng --voices=variant` lists them by their files.",
        )


class EspeakSynthesizer:
    """`Synthesizer`, one process for each utterance. Speakers are espeak-ng's variants (`f2`)."""

    targets = frozenset(VOICES)
    sample_rate_hz = 22_050

    def speak(self, text: str, target: str, speaker: str | None) -> Iterator[Samples]:
        if target not in VOICES:
            raise LanguageError(f"espeak-ng has no voice for '{target}' here.")
        if speaker is not None and not _SPEAKER.fullmatch(speaker):
            raise LanguageError(f"'{speaker}' is not an espeak-ng variant such as f2 or m3.")
        voice = VOICES[target] + (f"+{speaker}" if speaker else "")
        # Text goes by standard input, where it can't be an option; [[ ]] would be read as phonemes.
        spoken = _PHONEMES.sub(" ", text)
        yield self._samples(self._run(voice, spoken), voice)

    def _run(self, voice: str, text: str) -> bytes:
        program = shutil.which("espeak-ng")
        if program is None:
            raise EngineError("espeak-ng is not installed.", hint=INSTALL)
        try:
            done = subprocess.run(
                [program, "-v", voice, "-b", "1", "-z", "--stdin", "--stdout"],
                input=text.encode("utf-8", "replace"),
                capture_output=True,
                timeout=TIMEOUT_S,
                env=environment(),
                start_new_session=True,  # Ctrl-C in a terminal is ours to handle
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise EngineError(f"espeak-ng gave no sound within {TIMEOUT_S:.0f} s.") from error
        except OSError as error:
            raise EngineError(
                f"espeak-ng could not be started ({error.strerror}).", hint=INSTALL
            ) from error
        if done.returncode != 0:
            seen = last_line(done.stderr).rstrip(".")
            raise EngineError(
                f"espeak-ng failed with {how_it_ended(done.returncode)}"
                f"{f': {seen}' if seen else ''}.",
                hint=f"Try `espeak-ng -v {voice} hello`, or {INSTALL}.",
            )
        return done.stdout

    def _samples(self, wav: bytes, voice: str) -> Samples:
        """The sound of a wav whose sizes are unknown, as espeak-ng writes it to a pipe."""
        start = wav.find(b"data")
        if wav[:4] != b"RIFF" or start < 36:
            raise EngineError(
                f"espeak-ng gave no sound for voice '{voice}'.", hint=f"Reinstall it: {INSTALL}"
            )
        (rate,) = struct.unpack_from("<I", wav, 24)
        if rate != self.sample_rate_hz:
            raise EngineError(
                f"espeak-ng speaks voice '{voice}' at {rate} Hz, not {self.sample_rate_hz}.",
                hint="Only its own voices are supported, not MBROLA's.",
            )
        sound = wav[start + 8 :]
        return from_pcm16(sound[: len(sound) // 2 * 2])

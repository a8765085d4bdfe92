"""Whisper, run by faster-whisper: what is understood of a stretch of speech.

Loaded only where it listens, in the process of `engine.whisper.output_asr`. Models are
CTranslate2's files: numbers and words, nothing that runs when it is read.
"""

import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audio_io.chunk import Samples
from audio_io.paths import expanded, is_folder
from engine.errors import EngineError, LanguageError
from engine.languages import LANGUAGES, language_name
from engine.registry.extras import to_install

RATE_HZ = 16_000
SHORTEST_SAMPLES = RATE_HZ // 10
"""Whisper makes words out of less sound than this; none are said in it."""
OWN_CODES = {"jav": "jw", "cmn_Hant": "zh", "ary": "ar", "arz": "ar", "zlm": "ms"}
"""Languages that Whisper calls by another code than ISO 639-1's, or counts with a wider one."""
FILES = ("model.bin", "tokenizer.json")
"""Without these a folder is no model. faster-whisper would fetch a tokenizer that is not there."""


@dataclass(frozen=True, slots=True)
class OutputAsrConfig:
    """A Whisper model, and how it listens."""

    model: str
    """A name faster-whisper knows (`small`), or the folder of a converted model."""
    language: str
    """Of the speech in files, and what the model must know; ISO 639-3."""
    device: str = "cpu"
    compute_type: str = "default"
    """CTranslate2's name for how it counts; `default` is how the model was saved."""
    threads: int = 1
    beam_size: int = 5
    queue_ms: float = 30_000.0
    """Speech of a live session that may wait to be heard; more is not checked."""
    background: bool = False
    """Whether it gives way to whatever else this machine does."""
    timeout_s: float = 600.0
    """For one answer. Loading, which may fetch the model, may take as long as it does."""

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError("a model has a name")
        if min(self.threads, self.beam_size, self.queue_ms, self.timeout_s) <= 0:
            raise ValueError("threads, beam_size, queue_ms and timeout_s are above 0")


class Whisper:
    """A loaded model. For one thread."""

    def __init__(self, config: OutputAsrConfig) -> None:
        """May fetch a model that has a name and is not on this machine yet.

        Raises:
            EngineError: faster-whisper or the model is missing.
            LanguageError: the model does not know the language.
        """
        try:
            import ctranslate2
            import faster_whisper
        except ModuleNotFoundError as error:
            raise EngineError(
                f"Listening to speech with Whisper needs the package '{error.name}', which is not "
                "installed.",
                hint=f"Type: {to_install('whisper')}",
            ) from error
        if not logging.getLogger().isEnabledFor(logging.WARNING):
            ctranslate2.set_log_level(logging.ERROR)  # it has a log of its own
        # The lock its progress bars would make, though none is shown, outlives a killed process.
        faster_whisper.transcribe.tqdm.set_lock(threading.RLock())
        self._config = config
        self._codes: dict[str, str] = {}
        code = _known_code(config.language)
        if config.model.endswith(".en") and code != "en":  # before it is fetched
            raise _only_english(config)
        folder, name = _find(config.model)
        try:
            self._model: Any = faster_whisper.WhisperModel(
                str(folder),
                device=config.device,
                compute_type=config.compute_type,
                cpu_threads=config.threads,
                local_files_only=True,
            )
        except Exception as error:  # many kinds, from C++ and from every reader of a file
            raise EngineError(
                f"The Whisper model '{config.model}' cannot be loaded: {_first_line(error)}.",
                hint="Is it whole, and does this machine have the device and compute type?",
            ) from error
        self._check(config.language, code)
        self.description = (
            f"faster-whisper {faster_whisper.__version__}, model {name}, beam {config.beam_size}, "
            f"{self._model.model.compute_type} on {config.device}, temperature 0"
        )
        """Everything that another score must share to be compared."""

    def understand(self, sound: Samples, language: str) -> str:
        """The words of speech at 16 kHz. The same sound gives the same words.

        Raises:
            LanguageError: the model does not know the language.
        """
        if language not in self._codes:
            self._check(language, _known_code(language))
        if len(sound) < SHORTEST_SAMPLES:
            return ""
        segments, _ = self._model.transcribe(
            sound,
            language=self._codes[language],
            beam_size=self._config.beam_size,
            temperature=0.0,  # one, so that a doubtful text is not drawn again by chance
            condition_on_previous_text=False,
        )
        return "".join(segment.text for segment in segments).strip()

    def _check(self, language: str, code: str) -> None:
        """Note a language's code if this model knows it: newer models know more."""
        if code not in self._model.supported_languages:
            raise _only_english(self._config)
        if self._model.hf_tokenizer.token_to_id(f"<|{code}|>") is None and code != "en":
            raise LanguageError(
                f"The Whisper model '{self._config.model}' does not know "
                f"{language_name(language)} ({language}).",
                hint="Newer models know more languages.",
            )
        self._codes[language] = code


def whisper_code(language: str) -> str:
    """What Whisper would call a language, whether it knows it or not."""
    known = LANGUAGES.get(language)
    own = OWN_CODES.get(language)
    return own or (known.alpha2 if known and known.alpha2 else language)


def _known_code(language: str) -> str:
    from faster_whisper.tokenizer import Tokenizer
    from tokenizers import Tokenizer as Words
    from tokenizers.models import BPE

    code = whisper_code(language)
    try:
        # It says itself which codes there are; with no vocabulary this costs nothing.
        Tokenizer(Words(BPE()), multilingual=True, task="transcribe", language=code)
    except ValueError as error:
        raise LanguageError(
            f"Whisper does not know {language_name(language)} ({language}).",
            hint="Speech in it cannot be checked.",
        ) from error
    return code


def _only_english(config: OutputAsrConfig) -> LanguageError:
    return LanguageError(
        f"The Whisper model '{config.model}' knows only English, not "
        f"{language_name(config.language)} ({config.language}).",
        hint="Take a model of many languages: small, not small.en.",
    )


def _find(model: str) -> tuple[Path, str]:
    """A model's folder on this machine, and what to call it; fetched first where it must be."""
    folder = expanded(Path(model))
    if is_folder(folder):
        absent = [file for file in FILES if not (folder / file).is_file()]
        if absent:
            raise EngineError(
                f"'{model}' is not the folder of a converted Whisper model: "
                f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not there.",
                hint="ct2-transformers-converter makes one; or give a name such as small.",
            )
        return folder, f"{folder.resolve().name} ({_fingerprint(folder)})"
    from faster_whisper import available_models

    if model not in available_models():
        what = "No folder is there" if os.sep in model else "No Whisper model is called that"
        raise EngineError(
            f"There is no Whisper model '{model}'. {what}.",
            hint=f"Give a converted model's folder, or one of: {', '.join(available_models())}.",
        )
    folder = _fetched(model)
    return folder, f"{model} ({folder.name[:12]})"  # the commit it was published as


def _fetched(model: str) -> Path:
    """The folder of a model that has a name: what is there already, or else from the network."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from faster_whisper import download_model
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(download_model(model, local_files_only=True))
        if all((folder / file).is_file() for file in FILES):
            return folder
    except LocalEntryNotFoundError:
        pass
    try:
        return Path(download_model(model))
    except Exception as error:  # the network's, the disk's, the server's
        raise EngineError(
            f"The Whisper model '{model}' is not on this machine and could not be fetched: "
            f"{_first_line(error)}.",
            hint="Is there a network? The folder of a converted model does without.",
        ) from error


def _fingerprint(folder: Path) -> str:
    """The weights in a few letters."""
    import hashlib

    with (folder / "model.bin").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].removeprefix("Got: ").strip().rstrip(".:")[:200]

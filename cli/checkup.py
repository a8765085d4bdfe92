"""The checks of `s2st doctor`, each one a real try."""

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import islice

from audio_io.errors import S2stError
from cli.config import config_path, load_defaults
from cli.doctor import Finding
from engine.agent import StreamRequest, Task
from engine.languages import language_name
from engine.registry import LoadOptions, engines

PACKAGES = ("numpy", "soxr", "soundfile", "av", "pocketsphinx", "typer", "rich")
EXTRAS = {"silero": ("silero_vad", "voice detection by network (--vad silero)")}


def findings() -> Iterator[Finding]:
    yield Finding("python", True, f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield _packages()
    yield _config()
    yield from _engines()
    yield _recognizer()
    yield from _translations()
    yield _voices()
    yield _stretch()
    for extra, (module, purpose) in EXTRAS.items():
        there = find_spec(module) is not None
        remedy = f"scripts/setup {extra}"
        yield Finding(
            f"extra {extra}",
            there,
            purpose if there else f"not installed: {purpose}",
            remedy,
            False,
        )


def _packages() -> Finding:
    seen, missing = [], []
    for name in PACKAGES:
        try:
            seen.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    remedy = f"{sys.executable} -m pip install {' '.join(missing)}" if missing else ""
    return Finding("packages", not missing, ", ".join(seen), remedy)


def _config() -> Finding:
    path = config_path()
    try:
        load_defaults()
    except S2stError as error:
        return Finding("configuration", False, str(error), f"Mend or remove {path}")
    return Finding("configuration", True, str(path) if path.exists() else f"none at {path}")


def _engines() -> Iterator[Finding]:
    for spec in engines():
        request = StreamRequest(min(spec.sources), tuple(sorted(spec.speech_targets)), Task.S2ST)
        missing = spec.missing(request, LoadOptions())
        seen = spec.summary
        if missing:
            seen = f"lacks {' and '.join(item.what for item in missing)}"
        yield Finding(
            f"engine {spec.name}",
            not missing,
            seen,
            " && ".join(item.remedy for item in missing),
        )


def _recognizer() -> Finding:
    name = "recogniser pocketsphinx"
    try:
        from audio_io.chunk import silence
        from engine.cascade.asr.pocketsphinx import PocketsphinxRecognizer

        recognizer = PocketsphinxRecognizer()
        state = recognizer.new_state("eng")
        recognizer.recognize(silence(recognizer.sample_rate_hz), state)
        recognizer.release(state)
    except (ImportError, S2stError) as error:
        return Finding(name, False, str(error), f"{sys.executable} -m pip install pocketsphinx")
    return Finding(name, True, "hears English")


def _translations() -> Iterator[Finding]:
    from engine.cascade.mt.apertium import PACKAGES as DEBIAN
    from engine.cascade.mt.apertium import ROUTES, ApertiumTranslator

    translator = ApertiumTranslator()
    try:
        for target, modes in ROUTES.items():
            name = f"translator Apertium, {language_name(target)}"
            try:
                seen = f"'good morning' is '{translator.translate('good morning', target)}'"
            except S2stError as error:
                packages = " ".join(["apertium", *(DEBIAN[mode] for mode in modes)])
                yield Finding(name, False, str(error), f"sudo apt install {packages}")
            else:
                yield Finding(name, True, seen)
    finally:
        translator.close()


def _voices() -> Finding:
    from engine.cascade.tts.espeak import VOICES, EspeakSynthesizer

    name = "voice espeak-ng"
    synthesizer = EspeakSynthesizer()
    try:
        for target in VOICES:
            if not sum(len(piece) for piece in islice(synthesizer.speak("a", target, None), 1)):
                raise S2stError(f"no sound for {language_name(target)}")
    except S2stError as error:
        return Finding(name, False, str(error), "sudo apt install espeak-ng")
    return Finding(name, True, f"speaks {', '.join(language_name(target) for target in VOICES)}")


def _stretch() -> Finding:
    from audio_io.stretch import stretch_available

    works = stretch_available()
    seen = "faster speech at the same pitch" if works else "not found: --timeline will not work"
    return Finding("libsonic", works, seen, "sudo apt install libsonic0", needed=False)

"""Tries every member of the cascade: the recogniser listens, the translator translates, the voice
speaks."""

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice

from audio_io.chunk import silence
from audio_io.errors import S2stError
from audio_io.stretch import stretch_available
from engine.cascade.mt.apertium import PACKAGES, ROUTES, ApertiumTranslator
from engine.cascade.tts.espeak import VOICES, EspeakSynthesizer
from engine.hearing.vad.choice import EXTRAS
from engine.languages import language_name
from engine.registry import Finding
from engine.registry.extras import to_install


def findings() -> Iterator[Finding]:
    """Every member, and what the cascade can use besides."""
    yield _recognizer()
    yield from _translations()
    yield _voices()
    yield _stretch()
    for name, (module, remedy) in EXTRAS.items():
        there = find_spec(module) is not None
        seen = "installed" if there else f"not installed: ⟦voice_detector⟧ {name} will not work"
        yield Finding(f"extra {name}", there, seen, remedy, needed=False)


def _recognizer() -> Finding:
    name = "recogniser pocketsphinx"
    try:
        from engine.cascade.asr.pocketsphinx import PocketsphinxRecognizer

        recognizer = PocketsphinxRecognizer()
        state = recognizer.new_state("eng")
        recognizer.recognize(silence(recognizer.sample_rate_hz), state)
        recognizer.release(state)
    except (ImportError, S2stError) as error:
        return Finding(name, False, str(error), to_install())
    return Finding(name, True, "hears English")


def _translations() -> Iterator[Finding]:
    translator = ApertiumTranslator()
    try:
        for target, modes in ROUTES.items():
            name = f"translator Apertium, {language_name(target)}"
            try:
                seen = f"'good morning' is '{translator.translate('good morning', target)}'"
            except S2stError as error:
                packages = " ".join(["apertium", *(PACKAGES[mode] for mode in modes)])
                yield Finding(name, False, str(error), f"sudo apt install {packages}")
            else:
                yield Finding(name, True, seen)
    finally:
        translator.close()


def _voices() -> Finding:
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
    works = stretch_available()
    seen = "faster speech at the same pitch" if works else "not found: ⟦timeline⟧ will not work"
    return Finding("libsonic", works, seen, "sudo apt install libsonic0", needed=False)

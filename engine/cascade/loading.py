"""Joins the cascade's members into one agent, and says which of them are missing.

The names of members map to dotted paths, imported when they are asked for.
"""

from importlib import import_module
from importlib.util import find_spec
from shutil import which
from typing import Any

from audio_io.errors import UsageError
from engine.agent import Agent, Chain, StreamRequest, Task
from engine.cascade.config import CascadeConfig
from engine.errors import EngineError, UnknownEngineError
from engine.hearing.vad.choice import NO_DETECTOR, load_detector, missing_detector
from engine.registry import LoadOptions, Missing
from engine.registry.extras import to_install

RECOGNIZERS = {"pocketsphinx": "engine.cascade.asr.pocketsphinx:PocketsphinxRecognizer"}
TRANSLATORS = {"apertium": "engine.cascade.mt.apertium:ApertiumTranslator"}
SYNTHESIZERS = {"espeak": "engine.cascade.tts.espeak:EspeakSynthesizer"}


def load(options: LoadOptions) -> Agent[Any, Any, Any]:
    """The whole engine: `AudioChunk` in, `Event` out."""
    from engine.cascade.agent import CascadeAgent
    from engine.hearing.segmenter import Segmenter, SegmenterConfig

    config = CascadeConfig()
    segmenter = Segmenter(
        load_detector(options.voice_detector),
        SegmenterConfig(silence_ms=config.silence_ms),
    )
    cascade = CascadeAgent(
        _member(RECOGNIZERS, config.recognizer, "recogniser"),
        _member(TRANSLATORS, config.translator, "translator"),
        _member(SYNTHESIZERS, config.synthesizer, "voice"),
    )
    return Chain(segmenter, cascade)


def missing(request: StreamRequest, options: LoadOptions) -> list[Missing]:
    """What a request would need that is not on this machine. Loads nothing."""
    from engine.cascade.mt.apertium import PACKAGES, ROUTES, mode_file

    if options.voice_detector == NO_DETECTOR:
        raise UsageError(
            "The engine 'cascade' hears utterances, which a voice detector has to find.",
            hint="Leave out ⟦no_vad⟧.",
        )
    found = missing_detector(options.voice_detector)
    if find_spec("pocketsphinx") is None:
        found.append(Missing("pocketsphinx (recognition)", to_install()))
    if request.task is Task.ASR:
        return found
    programs, packages = [], set()
    if which("lt-proc") is None:
        packages.add("apertium")
    for target in request.targets:
        for mode in ROUTES.get(target, ()):
            try:
                mode_file(mode)
            except EngineError:
                packages.add(PACKAGES[mode])
    if packages:
        programs.append("Apertium (translation)")
    if any(map(request.speaks, request.targets)) and which("espeak-ng") is None:
        programs.append("espeak-ng (speech)")
        packages.add("espeak-ng")
    if packages:
        line = f"sudo apt install {' '.join(sorted(packages))}"
        found.append(Missing(" and ".join(programs), line))
    return found


def check_speakers(request: StreamRequest) -> None:
    """Raises `UsageError` for a speaker there is not."""
    from engine.cascade.tts.espeak import check_variant

    for target, speaker in request.speakers.items():
        if target in request.targets and request.speaks(target):
            check_variant(speaker)


def _member(table: dict[str, str], name: str, role: str) -> Any:
    if name not in table:
        raise _unknown(role, name, table)
    module, _, attribute = table[name].partition(":")
    try:
        return getattr(import_module(module), attribute)()
    except ModuleNotFoundError as error:
        raise EngineError(
            f"The {role} '{name}' needs the package '{error.name}', which is not installed.",
            hint=f"Type: {to_install()}",
        ) from error


def _unknown(role: str, name: str, table: dict[str, str]) -> UnknownEngineError:
    return UnknownEngineError(
        f"No {role} is called '{name}'.", hint=f"There is: {', '.join(sorted(table))}."
    )

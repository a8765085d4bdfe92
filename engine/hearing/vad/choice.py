"""Voice detectors by name, imported when they are asked for."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from engine.errors import EngineError, UnknownEngineError
from engine.registry import Missing
from engine.registry.extras import to_install

NO_DETECTOR = "none"
"""The whole stream is one utterance."""
DETECTORS = {
    "pocketsphinx": "engine.hearing.vad.pocketsphinx:EndpointerDetector",
    "silero": "engine.hearing.vad.silero:SileroDetector",
}
EXTRAS = {"silero": ("silero_vad", to_install("silero"))}
"""Detectors that the base install lacks: the package they need, and the line that brings it."""


def check_detector(name: str) -> None:
    """Raises `UnknownEngineError` for a name that is none."""
    if name not in DETECTORS:
        known = ", ".join(sorted(DETECTORS))
        raise UnknownEngineError(
            f"No voice detector is called '{name}'.", hint=f"There is: {known}."
        )


def missing_detector(name: str) -> list[Missing]:
    """What a detector needs that is not on this machine. Raises as `check_detector` does."""
    check_detector(name)
    if name in EXTRAS and find_spec(EXTRAS[name][0]) is None:
        return [Missing(f"{name} (voice detection)", EXTRAS[name][1])]
    return []


def load_detector(name: str) -> Any:
    """Raises `UnknownEngineError` for a name that is none, `EngineError` for a missing package."""
    check_detector(name)
    module, _, attribute = DETECTORS[name].partition(":")
    try:
        return getattr(import_module(module), attribute)()
    except ModuleNotFoundError as error:
        raise EngineError(
            f"The voice detector '{name}' needs the package '{error.name}', which is not there.",
            hint=f"Type: {EXTRAS[name][1] if name in EXTRAS else to_install()}",
        ) from error

"""Engines by name: what each covers and needs, and which one fits a request.

What an engine of another package describes itself with is all here.
"""

from engine.registry.choose import (
    AUTO,
    BUILT_IN,
    Choice,
    choose_engine,
    describe,
    engines,
    find_engine,
    models,
)
from engine.registry.spec import (
    Converter,
    EngineSpec,
    Finding,
    LoadOptions,
    Missing,
    ModelFile,
    ModelSpec,
    Setting,
    SettingError,
)

__all__ = [
    "AUTO",
    "BUILT_IN",
    "Choice",
    "Converter",
    "EngineSpec",
    "Finding",
    "LoadOptions",
    "Missing",
    "ModelFile",
    "ModelSpec",
    "Setting",
    "SettingError",
    "choose_engine",
    "describe",
    "engines",
    "find_engine",
    "models",
]

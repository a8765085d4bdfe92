"""Engines by name: what each covers and needs, and which one fits a request."""

from engine.registry.choose import (
    AUTO,
    BUILT_IN,
    Choice,
    EngineSpec,
    LoadOptions,
    Missing,
    choose_engine,
    describe,
    engines,
)

__all__ = [
    "AUTO",
    "BUILT_IN",
    "Choice",
    "EngineSpec",
    "LoadOptions",
    "Missing",
    "choose_engine",
    "describe",
    "engines",
]

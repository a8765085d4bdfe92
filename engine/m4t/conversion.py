"""The published SeamlessM4T v2 as a model directory: its files are taken as they are."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from engine.m4t.checkpoint import (
    GENERATION,
    INDEX,
    SETTINGS,
    read_config,
    read_generation_config,
    read_shapes,
    weight_files,
)


def keep(source: Path, target: Path, progress: Callable[[str, int, int], None]) -> None:
    """Put the model of the directory `source` into the directory `target`, which exists.

    Only what is loaded is taken. Weights are linked where the disk can do that, so that they take
    no room twice. `progress` is told a file's name, and its bytes. Raises `EngineError` where
    `source` is no such model, or a file is not whole.
    """
    read_config(source)
    read_generation_config(source)
    read_shapes(source)
    lists = [source / INDEX] if (source / INDEX).exists() else []
    for path in [source / SETTINGS, source / GENERATION, *lists, *weight_files(source)]:
        size_bytes = path.stat().st_size
        progress(path.name, 0, size_bytes)
        if path.suffix == ".json":  # small, and maybe edited one day
            shutil.copyfile(path, target / path.name)
        else:
            _link(path.resolve(), target / path.name)
        progress(path.name, size_bytes, size_bytes)


def _link(path: Path, target: Path) -> None:
    """One file under two names; a copy where the disk is another, or knows no links."""
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)

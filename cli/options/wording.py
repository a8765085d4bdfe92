"""What people type for what a message names.

`engine` and `audio_io` know no option. Their messages name a setting by its field, in backquotes,
and the doors show its option instead.
"""

import re
from collections.abc import Iterator

from typer.models import OptionInfo

from cli.options.declared import declared, offered

_NAMED = re.compile(r"`([a-z][a-z0-9_]*)`")


def worded(text: str) -> str:
    """With options for the settings that are named in it. All else in backquotes stays."""
    return _NAMED.sub(lambda found: _option(found[1]) or found[0], text)


def _option(field: str) -> str:
    """As it is typed; empty where nobody can type it. Engines are asked last: finding them takes a
    while."""
    return next((option for known, option in _options() if known == field), "")


def _options() -> Iterator[tuple[str, str]]:
    """What may be typed, by its field."""
    for options in offered:
        yield from (
            (each.field, each.long_name)
            for each in declared(options)
            if isinstance(each.info, OptionInfo)
        )
    from engine.registry import engines

    for spec in engines():
        yield from ((each.field, f"--{each.called}") for each in spec.settings)

"""What people type for what a message names.

`engine` and `audio_io` know no option. Their messages name a setting by its field, between brackets
that nobody else writes, ⟦dtype⟧, and the doors show its option instead.
"""

import re
from collections.abc import Iterator

from typer.models import OptionInfo

from audio_io.errors import S2stError
from cli.options.declared import declared, offered

_NAMED = re.compile(r"⟦([a-z][a-z0-9_]*)⟧")


def worded(text: str) -> str:
    """With options for the settings that are named in it."""
    return _NAMED.sub(lambda found: _option(found[1]) or found[1], text)


def word(error: S2stError) -> None:
    """The same for an error, as it is."""
    error.args = (worded(str(error.args[0])), *error.args[1:])
    error.hint = worded(error.hint)


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

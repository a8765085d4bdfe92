"""Options declared once: a frozen dataclass whose fields carry their `typer.Option`.

The command that Typer calls, the keys of the configuration, its template and the variables are all
made from it. A field that is a dataclass of options itself stands for all of these.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from audio_io.paths import expanded

offered: list[type[Any]] = []
"""What was declared of each command that was made, in order."""
GIVEN = "given"
"""The field, where a dataclass has it, that holds which of its fields the command line gave."""


@dataclass(frozen=True, slots=True)
class Key:
    """Marks a field that the configuration may set."""

    example: str
    """A value for the template, in TOML."""
    for_all: bool = False
    """Whether it holds for all commands with a table of their own, and stands at the top."""


class MayBePath:
    """Marks a field of words that may name files: `~` stands for the home folder in them too."""


class Settings:
    """Marks the field that holds what is set of an engine's policy, by name."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One option or argument."""

    field: str
    kind: Any
    """Its type, without what is annotated."""
    info: OptionInfo | ArgumentInfo
    default: Any
    """`inspect.Parameter.empty` where it must be given."""
    key: Key | None
    may_be_path: bool = False

    @property
    def is_list(self) -> bool:
        """Whether it is repeated, or several words stand in one with commas."""
        return bool(self.kind == tuple[str, ...])

    @property
    def name(self) -> str:
        """As the configuration spells it."""
        # Typer keeps the first of its names where its default would be.
        first = self.info.default
        if not (isinstance(first, str) and first.startswith("--")):
            return self.field
        return first.partition("/")[0][2:].replace("-", "_")

    @property
    def long_name(self) -> str:
        """As it is typed: `--min-confidence`."""
        return "--" + self.name.replace("_", "-")

    def parameter(self) -> inspect.Parameter:
        """As Typer wants it."""
        kind, default = self.kind, self.default
        if self.is_list:
            is_argument = isinstance(self.info, ArgumentInfo)
            kind, default = (list[str], default) if is_argument else (list[str] | None, None)
        return _parameter(self.field, Annotated[kind, self.info], default)

    def value(self, typed: Any) -> Any:
        """What was typed, as the field holds it."""
        if self.is_list:
            typed = tuple(typed if isinstance(self.info, ArgumentInfo) else split_words(typed))
        if isinstance(typed, tuple):
            return tuple(map(self._expanded, typed))
        return self._expanded(typed)

    def _expanded(self, typed: Any) -> Any:
        """A shell leaves `~` alone behind `=`, in quotes, and in variables and files."""
        if isinstance(typed, Path):
            return expanded(typed)
        if self.may_be_path and isinstance(typed, str) and typed.startswith("~"):
            return str(expanded(Path(typed)))
        return typed


@dataclass(frozen=True, slots=True)
class PolicyOption:
    """An option about one field of an engine's policy."""

    field: str
    kind: Any
    info: OptionInfo

    @property
    def parameter(self) -> str:
        """Its parameter: other options may be called like fields of a policy."""
        return f"policy_{self.field}"


def declared(options: type[Any]) -> Iterator[Declared]:
    """All that may be typed, in order, those of dataclasses within included."""
    for field, kind, marks in _fields(options):  # type: ignore[arg-type]
        if dataclasses.is_dataclass(kind):
            yield from declared(kind)  # type: ignore[arg-type]
            continue
        for info in marks:
            if isinstance(info, OptionInfo | ArgumentInfo):
                default = field.default
                if default is dataclasses.MISSING:
                    default = inspect.Parameter.empty
                key = next((mark for mark in marks if isinstance(mark, Key)), None)
                may_be_path = any(isinstance(mark, MayBePath) for mark in marks)
                yield Declared(field.name, kind, info, default, key, may_be_path)


def command(
    function: Callable[[Any], None], settings: Sequence[PolicyOption] = ()
) -> Callable[..., None]:
    """A command for Typer of a function that takes one dataclass of options. `settings` are what
    engines add to them."""
    options = _options_of(function)

    def run(ctx: typer.Context, **words: Any) -> None:
        on_command_line = {
            name
            for name in words
            if (source := ctx.get_parameter_source(name)) is not None
            and source.name == "COMMANDLINE"
        }
        function(_made(options, words, on_command_line, settings))

    parameters = [
        _parameter("ctx", typer.Context, inspect.Parameter.empty),
        *_parameters(options, settings),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    return run


def listed(function: Callable[[Any], None]) -> Callable[[], None]:
    """What stands for `command(function)` in the list of commands: nothing is made of its options
    before it is run."""
    offered.append(_options_of(function))

    def stand_in() -> None:
        raise AssertionError("the command itself is run")

    stand_in.__doc__ = function.__doc__
    return stand_in


def _options_of(function: Callable[[Any], None]) -> type[Any]:
    [options] = [hint for name, hint in get_type_hints(function).items() if name != "return"]
    return options  # type: ignore[no-any-return]


def split_words(values: Sequence[str] | None) -> list[str]:
    """`["a,b", "c"]` as `["a", "b", "c"]`, each once, in order."""
    words = [word.strip() for value in values or [] for word in value.split(",")]
    return list(dict.fromkeys(word for word in words if word))


@functools.cache
def _fields(
    options: type[Any],
) -> tuple[tuple[dataclasses.Field[Any], Any, tuple[Any, ...]], ...]:
    """Each field, its type, and what is annotated."""
    hints = get_type_hints(options, include_extras=True)
    found = []
    for field in dataclasses.fields(options):
        hint = hints[field.name]
        if get_origin(hint) is Annotated:
            kind, *marks = get_args(hint)
            found.append((field, kind, tuple(marks)))
        else:
            found.append((field, hint, ()))
    return tuple(found)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def _parameters(
    options: type[Any], settings: Sequence[PolicyOption]
) -> Iterator[inspect.Parameter]:
    by_field = {each.field: each for each in declared(options)}
    for field, kind, marks in _fields(options):  # type: ignore[arg-type]
        if dataclasses.is_dataclass(kind):
            yield from _parameters(kind, settings)  # type: ignore[arg-type]
        elif Settings in marks:
            for each in settings:
                yield _parameter(each.parameter, Annotated[each.kind, each.info], None)
        elif field.name in by_field:
            yield by_field[field.name].parameter()


def _made(
    options: type[Any],
    words: Mapping[str, Any],
    on_command_line: set[str],
    settings: Sequence[PolicyOption],
) -> Any:
    """The dataclass, from what Typer read. What nobody gave has its default."""
    by_field = {each.field: each for each in declared(options)}
    values: dict[str, Any] = {}
    for field, kind, marks in _fields(options):  # type: ignore[arg-type]
        if dataclasses.is_dataclass(kind):
            values[field.name] = _made(kind, words, on_command_line, settings)  # type: ignore[arg-type]
        elif Settings in marks:
            typed = {each.field: words[each.parameter] for each in settings}
            values[field.name] = {name: value for name, value in typed.items() if value is not None}
        elif field.name == GIVEN:
            values[field.name] = frozenset(on_command_line)
        elif field.name in by_field and words[field.name] is not None:
            values[field.name] = by_field[field.name].value(words[field.name])
    return options(**values)

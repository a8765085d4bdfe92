"""The `s2st` command: the list of commands, and the one place where errors become exit codes."""

import contextlib
import errno
import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from audio_io.errors import S2stError, UsageError, system_said
from cli import config, devices, doctor, languages, models
from cli.evaluate import command as evaluate
from cli.file import command as file
from cli.live import command as live
from cli.options.declared import command, listed
from cli.options.wording import word
from cli.terminal.standard_output import let_go, trouble
from cli.terminal.verbosity import is_verbose, set_verbose

CONTEXT = {"help_option_names": ["-h", "--help"]}
TRANSLATING: dict[str, tuple[Callable[[Any], None], str]] = {
    "live": (live.live, live.EXAMPLES),
    "file": (file.file, file.EXAMPLES),
    "evaluate": (evaluate.evaluate, evaluate.EXAMPLES),
}
"""The commands to which engines add options, and their examples."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_OPTION = re.compile(r"-h$|--[a-z][a-z-]*(=|$)")


class Commands(TyperGroup):
    """Looks engines' options up, which takes a while, only for the command that is run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, found, rest = super().resolve_command(ctx, args)
        if name in TRANSLATING:
            found = _command_of(name, others=False)
            known = {name for each in found.params for name in (*each.opts, *each.secondary_opts)}
            typed = {each.partition("=")[0] for each in rest if _OPTION.match(each)}
            if ctx.resilient_parsing or not typed <= known:  # help, too
                found = _command_of(name, others=True)
        return name, found, rest


def _command_of(name: str, *, others: bool) -> Any:
    """The command with the options of our engines, or those of other packages, too."""
    from cli.options.engines import settings

    function, examples = TRANSLATING[name]
    alone = typer.Typer(add_completion=False, rich_markup_mode="rich", context_settings=CONTEXT)
    alone.command(name=name, epilog=examples)(command(function, list(settings(others=others))))
    return typer.main.get_command(alone)


app = typer.Typer(
    name="s2st",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
)
for _name, (_function, _examples) in TRANSLATING.items():
    app.command(name=_name, epilog=_examples)(listed(_function))
app.command()(devices.devices)
app.command()(languages.languages)
app.command()(doctor.doctor)
app.add_typer(models.app, name="models")
app.command(name="config")(config.config)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"s2st {version('s2st')}")
        raise typer.Exit


@app.callback()
def s2st(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say what goes on inside; show tracebacks.")
    ] = False,
) -> None:
    """Live and batch speech translation.

    s2st file talk.mp3 --tgt spa   translates a recording; s2st doctor says what works here.
    """
    set_verbose(verbose)
    if ctx.invoked_subcommand not in {"config", "doctor"}:  # they say what is wrong with the file
        ctx.default_map = config.load_defaults()


def main() -> NoReturn:
    """Entry point of the console script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Results are UTF-8, as the files are, and file names come out as the bytes they are.
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    code = _run()
    if (lost := trouble(sys.stdout)) is not None:
        let_go(sys.stdout)
        if not isinstance(lost, BrokenPipeError):  # whoever read it has all they want
            _tell(f"s2st: {_what_failed(lost)}.")
            code = 1
    if code == 130:  # what Typer makes of Ctrl-C
        resumable = {"file", "evaluate"} & set(sys.argv[1:3])
        resumes = " --resume goes on." if resumable else ""
        _tell(f"s2st: interrupted; nothing is half written.{resumes}")
    sys.exit(code if isinstance(code, int) else 0)


def _run() -> object:
    """The command that was typed; its exit code, where it has one."""
    try:
        return app(prog_name="s2st", standalone_mode=False)
    except TyperException as error:
        return _refuse(error)
    except S2stError as error:
        word(error)
        if is_verbose():
            raise
        _tell(f"s2st: {error}")
        return 2 if isinstance(error, UsageError) else 1
    except SystemExit as left:
        if not isinstance(left.__context__, BrokenPipeError):
            raise
        let_go(sys.stdout)  # Typer and Rich leave so where nobody reads any more
        return 0
    except OSError as error:
        if is_verbose():
            raise
        _tell(f"s2st: {_what_failed(error)}.")
        return 1
    except Exception as error:
        if is_verbose():
            raise
        _tell(
            f"s2st: something unexpected happened ({type(error).__name__}: {error}). "
            "`s2st --verbose` shows where; please report it."
        )
        return 1


def _tell(line: str) -> None:
    """On standard error, if anybody can be told there: the exit code tells, too."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(line, file=sys.stderr, flush=True)


def _what_failed(error: OSError) -> str:
    """Results of ours name themselves when they cannot be written: what has no name was printed."""
    if error.filename is None:
        if error.errno in _FULL:
            return f"Standard output cannot be written: {error.strerror}"
        if isinstance(error, FileNotFoundError) and _is_nowhere():
            return "The current folder is not there any more"
    return system_said(error)


def _is_nowhere() -> bool:
    """Whether somebody removed the current folder."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _refuse(error: TyperException) -> int:
    """One line for words on the command line that cannot be understood."""
    ctx = getattr(error, "ctx", None)
    command = ctx.command_path if ctx is not None else "s2st"
    message = " ".join(error.format_message().split()).removesuffix(".")
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message())
        return 0
    _tell(f"s2st: {message}. `{command} --help` lists what there is.")
    return error.exit_code

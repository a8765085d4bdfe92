"""`s2st devices`: microphones and speakers, and a look at what comes from one."""

from typing import Annotated

import typer

from cli.options.shared import Json

TEST_S = 2.0


def devices(
    test: Annotated[
        str | None,
        typer.Argument(
            metavar="[INPUT]",
            help="Listen to this microphone for two seconds and show its level.",
            show_default=False,
        ),
    ] = None,
    level: Annotated[
        bool,
        typer.Option("--level", help="The same for the default microphone."),
    ] = False,
    json: Json = False,
) -> None:
    """List what `s2st live` can hear and speak with.

    Numbers and parts of names go to --input and --output.
    """
    from cli.terminal.device_table import show_devices, show_level

    if test is not None or level:
        show_level(test, TEST_S, json=json)
    else:
        show_devices(json=json)

"""Standard output, where nobody reads it any more, or the disk behind it is full."""

import os
from typing import TextIO


def trouble(stream: TextIO | None) -> OSError | None:
    """Why what was printed cannot be written; None where it is."""
    if stream is None:  # closed before we started
        return None
    try:
        stream.flush()
    except OSError as error:
        return error
    return None


def let_go(stream: TextIO) -> None:
    """From now on what is written there goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)

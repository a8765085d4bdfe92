"""PortAudio, reached late and kept from writing into people's terminals."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

from audio_io.errors import DeviceError

NO_DEVICES_HINT = "`s2st live --input FILE --pace` plays a recording instead."
_quiet = threading.Lock()


def sounddevice() -> ModuleType:
    """The package, loaded when it is first needed.

    Raises:
        DeviceError: PortAudio itself is not installed.
    """
    try:
        with quiet_libraries():
            package = import_module("sounddevice")
    except OSError as error:
        raise DeviceError(
            f"Sound devices cannot be used: {error}.",
            hint=f"Type: sudo apt install libportaudio2. {NO_DEVICES_HINT}",
        ) from error
    return package


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """ALSA and PortAudio write what they think to standard error, past Python. Not meanwhile."""
    with _quiet:
        try:
            kept = os.dup(2)
        except OSError:  # closed before we started
            yield
            return
        if sys.stderr is not None:
            sys.stderr.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)

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
    """ALSA and PortAudio write what they think to standard error, past Python. Not meanwhile.

    What Python writes there still comes out. Nested, it does nothing: whoever runs streams for
    long wraps them all, since the libraries write from their own threads too.
    """
    if _quiet.locked() or not _quiet.acquire(blocking=False):
        yield
        return
    try:
        kept = os.dup(2)
    except OSError:  # closed before we started
        _quiet.release()
        yield
        return
    before = sys.stderr
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if before is not None:
        before.flush()
        sys.stderr = open(  # noqa: SIM115, PTH123  a descriptor, closed below
            os.dup(kept),
            "w",
            encoding=before.encoding,
            errors=before.errors,
            buffering=1,
        )
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        if before is not None:
            with contextlib.suppress(OSError):
                sys.stderr.close()
            sys.stderr = before
        os.dup2(kept, 2)
        os.close(kept)
        _quiet.release()

"""`PulseRecording`: a source of the sound server with all its channels, as they are.

PortAudio's way to the server goes by places around a listener: eight inputs of an interface, which
have none, come out mixed or not at all. The server's own simple library takes them by name.
"""

import ctypes
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Self

import numpy as np

FLOAT32 = 5
RECORD = 2
MOST_CHANNELS = 32
CLOSE_S = 0.5


class _Spec(ctypes.Structure):
    _fields_ = (("format", ctypes.c_int), ("rate", ctypes.c_uint32), ("channels", ctypes.c_uint8))


class _Map(ctypes.Structure):
    _fields_ = (("channels", ctypes.c_uint8), ("map", ctypes.c_int * MOST_CHANNELS))


class _Buffer(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint32) for name in ("maxlength", "tlength", "prebuf", "minreq", "fragsize")
    )


class PulseRecording:
    """A stream with the ways of sounddevice's `InputStream`. `callback` runs on its own thread."""

    latency = 0.0

    @classmethod
    def open(
        cls,
        source: str,
        channel_names: tuple[str, ...],
        rate_hz: int,
        block_samples: int,
        callback: Callable[..., None],
        finished: Callable[[], None],
    ) -> Self | None:
        """None where there is no such library, server or source, or no such places."""
        try:
            simple = ctypes.CDLL("libpulse-simple.so.0")
            pulse = ctypes.CDLL("libpulse.so.0")
        except OSError:
            return None
        places = _Map()
        pulse.pa_channel_map_parse.restype = ctypes.c_void_p
        names = ",".join(channel_names).encode()
        if not pulse.pa_channel_map_parse(ctypes.byref(places), names):
            return None
        count = len(channel_names)
        most = ctypes.c_uint32(-1).value
        buffer = _Buffer(most, most, most, most, 4 * count * block_samples)
        simple.pa_simple_new.restype = ctypes.c_void_p
        stream = simple.pa_simple_new(
            None,
            b"s2st",
            RECORD,
            source.encode(),
            b"microphone",
            ctypes.byref(_Spec(FLOAT32, rate_hz, count)),
            ctypes.byref(places),
            ctypes.byref(buffer),
            None,
        )
        if not stream:
            return None
        return cls(simple, ctypes.c_void_p(stream), count, block_samples, callback, finished)

    def __init__(
        self,
        simple: Any,
        stream: ctypes.c_void_p,
        channels: int,
        block_samples: int,
        callback: Callable[..., None],
        finished: Callable[[], None],
    ) -> None:
        self.blocksize = block_samples
        self._simple = simple
        self._simple.pa_simple_get_latency.restype = ctypes.c_uint64
        self._stream = stream
        self._block = np.zeros((block_samples, channels), np.float32)
        self._callback = callback
        self._finished = finished
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def abort(self, ignore_errors: bool = True) -> None:
        """A thread that waits for a source that sleeps is left to it."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)
        elif not self._thread.ident:
            self._simple.pa_simple_free(self._stream)

    def close(self, ignore_errors: bool = True) -> None:
        """All is done by `abort`."""

    def _run(self) -> None:
        times = SimpleNamespace(currentTime=0.0, inputBufferAdcTime=0.0)
        where = self._block.ctypes.data_as(ctypes.c_void_p)
        size = ctypes.c_size_t(self._block.nbytes)
        while not self._ended.is_set():
            if self._simple.pa_simple_read(self._stream, where, size, None) < 0:
                break
            latency_s = self._simple.pa_simple_get_latency(self._stream, None) / 1e6
            times.currentTime = time.monotonic()
            times.inputBufferAdcTime = times.currentTime - latency_s
            if not self._ended.is_set():
                self._callback(self._block, self.blocksize, times, 0)
        self._simple.pa_simple_free(self._stream)
        self._finished()

"""`Stretch`: faster speech at the same pitch, by libsonic."""

import ctypes
import ctypes.util
import functools
import weakref

import numpy as np

from audio_io.chunk import Samples, silence
from audio_io.errors import S2stError

_SLOWEST, _FASTEST = 1.0, 1.3
_FLOATS = np.ctypeslib.ndpointer(np.float32, flags="C_CONTIGUOUS")


class Stretch:
    """Makes one stream of mono speech `speed` times as fast.

    libsonic merges neighbouring periods of the voice, so pitch and vowels stay as they are. At
    speed 1.0 the samples pass through untouched. How the sound is cut into blocks does not
    change the result.

    Raises:
        S2stError: libsonic is not installed, and `speed` is not 1.
        ValueError: `speed` lies outside [1.0, 1.3].
    """

    def __init__(self, sample_rate_hz: int, speed: float) -> None:
        if not _SLOWEST <= speed <= _FASTEST:
            raise ValueError(f"speed must be between {_SLOWEST} and {_FASTEST}, not {speed}")
        self.sample_rate_hz = sample_rate_hz
        self.speed = speed
        self._ended = False
        self._sonic: ctypes.CDLL | None = None
        self._stream: ctypes.c_void_p | None = None
        if speed != 1.0:
            self._open(speed)

    def set_speed(self, speed: float) -> None:
        """From the next samples on. Set more often than every half second, the speech comes out
        longer than asked for: libsonic starts anew each time, within a period of the voice.

        Raises:
            S2stError, ValueError: as when made.
        """
        if not _SLOWEST <= speed <= _FASTEST:
            raise ValueError(f"speed must be between {_SLOWEST} and {_FASTEST}, not {speed}")
        if speed == self.speed:
            return
        if self._stream is None:
            self._open(speed)
        assert self._sonic is not None
        self._sonic.sonicSetSpeed(self._stream, speed)
        self.speed = speed

    def _open(self, speed: float) -> None:
        self._sonic = _libsonic()
        if self._sonic is None:
            raise S2stError(
                "Speech cannot be made faster: libsonic was not found.",
                hint="Install it with `apt install libsonic0`.",
            )
        self._stream = ctypes.c_void_p(self._sonic.sonicCreateStream(self.sample_rate_hz, 1))
        if not self._stream:
            raise MemoryError("libsonic found no memory for a stream")
        weakref.finalize(self, self._sonic.sonicDestroyStream, self._stream)
        self._sonic.sonicSetSpeed(self._stream, speed)

    def process(self, samples: Samples, last: bool = False) -> Samples:
        """What is ready after `samples`; with `last`, everything that is left.

        Over a whole stream of n samples about `n / speed` come out.

        Raises:
            ValueError: the stream has ended already.
        """
        if self._ended:
            raise ValueError("this stream of speech has ended; stretch another with a new one")
        self._ended = last
        if self._stream is None or self._sonic is None:
            return samples
        if len(samples):
            # libsonic works on 16-bit integers, and what is too loud for them would wrap around.
            safe = np.ascontiguousarray(np.clip(samples, -1.0, 1.0), dtype=np.float32)
            self._check(self._sonic.sonicWriteFloatToStream(self._stream, safe, len(safe)))
        if last:
            self._check(self._sonic.sonicFlushStream(self._stream))
        ready = silence(self._sonic.sonicSamplesAvailable(self._stream))
        read = self._sonic.sonicReadFloatFromStream(self._stream, ready, len(ready))
        return ready[:read]

    @staticmethod
    def _check(done: int) -> None:
        if not done:
            raise MemoryError("libsonic ran out of memory")


def stretch_available() -> bool:
    """Whether speeds above 1.0 work on this machine."""
    return _libsonic() is not None


@functools.cache
def _libsonic() -> ctypes.CDLL | None:
    for name in ("libsonic.so.0", "libsonic.so", "libsonic.dylib", None):
        # Searching comes last: it runs other programs.
        found = name or ctypes.util.find_library("sonic")
        if found is None:
            continue
        try:
            return _declared(ctypes.CDLL(found))
        except (OSError, AttributeError):  # not there; or another library of the same name
            continue
    return None


def _declared(sonic: ctypes.CDLL) -> ctypes.CDLL:
    """The library with the types of https://github.com/waywardgeek/sonic/blob/master/sonic.h."""
    stream, integer = ctypes.c_void_p, ctypes.c_int
    for name, result, arguments in (
        ("sonicCreateStream", stream, [integer, integer]),
        ("sonicDestroyStream", None, [stream]),
        ("sonicSetSpeed", None, [stream, ctypes.c_float]),
        ("sonicWriteFloatToStream", integer, [stream, _FLOATS, integer]),
        ("sonicReadFloatFromStream", integer, [stream, _FLOATS, integer]),
        ("sonicFlushStream", integer, [stream]),
        ("sonicSamplesAvailable", integer, [stream]),
    ):
        function = getattr(sonic, name)
        function.restype, function.argtypes = result, arguments
    return sonic

"""Recordings and broadcasts on the network."""

import time
from collections.abc import Callable, Iterator

from audio_io.addresses import shown
from audio_io.byte_streams import Address
from audio_io.chunk import silence
from audio_io.decoding.decoded import DecodedBlock
from audio_io.decoding.libav import LibavDecoder
from audio_io.errors import SoundFileError
from audio_io.recordings.recording import Recording
from audio_io.sound_choice import ANY_SOUND, SoundChoice

_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Between tries to connect again; after the last it is given up."""


def open_address(
    url: str, sample_rate_hz: int | None, block_ms: int = 100, choice: SoundChoice = ANY_SOUND
) -> Recording:
    """A recording on the network as a source. It can be iterated once.

    Raises:
        SoundFileError: it cannot be reached or holds no sound, or it is a broadcast without end.
    """
    name = shown(url)
    decoder = LibavDecoder(Address(url), name, choice)
    if decoder.is_endless:
        decoder.close()
        raise SoundFileError(
            f"{name} is a broadcast, which has no end.", hint="`s2st live` hears such."
        )
    return Recording(decoder, sample_rate_hz, block_ms, name)


def open_broadcast(
    url: str, sample_rate_hz: int, block_ms: int, choice: SoundChoice = ANY_SOUND
) -> tuple[Recording, bool]:
    """What an address sends, as it comes, and whether it is a broadcast. One that breaks off is
    connected again; what was missed is a loss as long as that took.

    Raises:
        SoundFileError: it cannot be reached, or holds no sound.
    """
    name = shown(url)
    first = LibavDecoder(Address(url), name, choice)
    if not first.is_endless:
        return Recording(first, sample_rate_hz, block_ms, name), False
    again = _Reconnected(first, lambda: LibavDecoder(Address(url), name, choice))
    return Recording(again, sample_rate_hz, block_ms, name), True


class _Reconnected:
    """A decoder of a broadcast that outlives its connections."""

    duration_s = None

    def __init__(
        self,
        first: LibavDecoder,
        connect: Callable[[], LibavDecoder],
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._now = first
        self._connect = connect
        self._now_s = now_s
        self._sleep = sleep
        self._closed = False

    @property
    def taken(self) -> str:
        return self._now.taken

    def __iter__(self) -> Iterator[DecodedBlock]:
        rate_hz, lost_s = 0, 0.0
        while True:
            for block in self._now:
                rate_hz = block.sample_rate_hz
                if not len(block.samples):
                    continue  # what is missing at the end of a connection is told below
                if lost_s:
                    yield DecodedBlock(silence(0), rate_hz, lost_s, "the connection broke off")
                    lost_s = 0.0
                yield block
            broke_off_at_s = self._now_s()
            if self._closed or not self._reconnects():
                break
            lost_s += self._now_s() - broke_off_at_s
        if rate_hz:
            lost_s += self._now_s() - broke_off_at_s
            yield DecodedBlock(silence(0), rate_hz, lost_s, "the connection broke off for good")

    def close(self) -> None:
        self._closed = True
        self._now.close()

    def _reconnects(self) -> bool:
        self._now.close()
        for pause_s in _PAUSES_S:
            self._sleep(pause_s)
            if self._closed:
                return False
            try:
                self._now = self._connect()
            except SoundFileError:
                continue
            return True
        return False

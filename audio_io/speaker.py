"""`Speaker`: a sink that plays at once what it is given, and knows when each sample was heard."""

import time
from typing import Any

import numpy as np

from audio_io.chunk import AudioChunk, Samples
from audio_io.device_stream import BLOCK_MS, DeviceLost, DeviceStream
from audio_io.devices import Device, Direction
from audio_io.kept_device import KeptDevice, Tell
from audio_io.playback import Playback
from audio_io.resample import StreamResampler
from audio_io.ring import BlockRing, SampleRing, StartGate

RING_MS = 2000
"""Room for sound on its way to the card. Who wants to keep the lag short gives less at once."""
CHECK_S = 0.1
PREFILL_BLOCKS = 10
"""A card that begins, or ran dry, takes so many blocks at once, and it is not known when it plays
them: they are silent.
"""
HISTORY_MS = 2000
"""How long nobody may ask for what was played before it is forgotten."""


class Speaker:
    """An `AudioSink` on a sound card.

    The callback copies out of a ring, fills up with zeros and counts; all else happens on the
    thread that writes. That thread must call `check` a few times a second. While the device is
    lost `ready` is False, and what is written is gone.
    """

    def __init__(
        self,
        device: Device,
        sample_rate_hz: int,
        heard_hz: int,
        on_lost: DeviceLost,
        tell: Tell,
        *,
        follows: bool = False,
    ) -> None:
        """Opens the device for speech at `sample_rate_hz`; raises `DeviceError` if that fails.
        What was played is kept at `heard_hz`, the microphone's rate. `follows`: the sound server
        may connect us to another one."""
        self.sample_rate_hz = sample_rate_hz
        self._heard_hz = heard_hz
        self._block = np.zeros(0, np.float32)
        self._ramp = np.zeros(0, np.float32)
        self._gains = np.zeros(0, np.float32)
        self._gain = 1.0
        self._wanted_gain = 1.0
        self._frames = 0
        self._silent_blocks = PREFILL_BLOCKS
        self._gate = StartGate()
        self._check_at_s = 0.0
        self.underflows = 0
        """How often the card itself ran dry."""
        self.device = KeptDevice(
            device,
            Direction.OUTPUT,
            sample_rate_hz,
            self._on_block,
            on_lost,
            tell,
            follows=follows,
        )
        self.device.open(self._prepare)

    def set_gain(self, gain: float) -> None:
        """Loudness from 0 to 1 and above, reached within one block. From any thread."""
        self._wanted_gain = gain

    def check(self) -> None:
        """Notice that the device was lost, and take it up again. Does nothing when it was called a
        moment ago."""
        now_s = time.monotonic()
        if now_s < self._check_at_s:
            return
        self._check_at_s = now_s + CHECK_S
        if self.device.stream is None:
            self.device.try_again(self._prepare)
        else:
            self.device.lost()
        self.playback.update()

    @property
    def ready(self) -> bool:
        """Whether what is written now will be heard."""
        return self.device.stream is not None and not self.device.is_asleep

    def write(self, chunk: AudioChunk) -> None:
        """Waits while there is no room."""
        samples = self._resampler.process(np.clip(chunk.samples, -1.0, 1.0))
        while self.ready and len(samples):
            samples = samples[self._ring.write(samples) :]
            if len(samples):
                time.sleep(BLOCK_MS / 2000)
                self.check()

    def begin(self, latest_s: float) -> None:
        """What is written next is a clause, which is played only if it is heard by a clock time."""
        self._gate.begin(self._ring.written, latest_s)

    def has_refused(self, position: int) -> bool:
        """Whether the clause that began there came too late, and is not played."""
        return self._gate.has_refused(position)

    def close(self) -> None:
        self.device.close()

    @property
    def queued_ms(self) -> float:
        """Sound on its way to the card."""
        return 1000.0 * self._ring.waiting / self._rate_hz

    @property
    def ahead_s(self) -> float:
        """How long from now what is written now will be heard."""
        return self.queued_ms / 1000 + self._device_s

    @property
    def position(self) -> int:
        """The card's number of the sample that is written next."""
        return self._ring.written

    def heard_at_s(self, position: int) -> float | None:
        """Clock time at which a sample was heard; None while it has not left for the card."""
        return self.playback.heard_at_s(position)

    def played_around(self, end_at_s: float, samples: int, lead_s: float = 0.0) -> Samples:
        """What was played during the samples, at the microphone's rate, before a clock time, or
        `lead_s` after it."""
        return self.playback.around(end_at_s + lead_s, samples)

    @property
    def played_samples(self) -> int:
        """Speech that has left for the card, at `sample_rate_hz`."""
        return round((self._ring.read) * self.sample_rate_hz / self._rate_hz)

    def drop_unplayed(self) -> int:
        """Forget all that waits; returns the samples dropped."""
        dropped = self._ring.waiting
        self._ring.skip()
        return round(dropped * self.sample_rate_hz / self._rate_hz)

    def _prepare(self, stream: DeviceStream) -> None:
        self._rate_hz = stream.rate_hz
        size = stream.block_samples
        self._block, self._gains = np.zeros(size, np.float32), np.zeros(size, np.float32)
        self._ramp = np.linspace(1 / size, 1.0, size, dtype=np.float32)
        self._ring = SampleRing(stream.rate_hz * RING_MS // 1000)
        self._history = BlockRing(HISTORY_MS // BLOCK_MS, size)
        self.playback = Playback(self._history, stream.rate_hz, self._heard_hz)
        self._resampler = StreamResampler(self.sample_rate_hz, stream.rate_hz)
        self._frames = 0
        self._silent_blocks = PREFILL_BLOCKS
        self._gate = StartGate()
        self._device_s = stream.latency_s
        """How long the card takes to play what it was given."""

    def _on_block(self, outdata: Samples, frames: int, times: Any, status: Any) -> None:
        """On the sound card's thread."""
        now_s = time.monotonic()
        self.device.beat()
        device_s = times.outputBufferDacTime - times.currentTime
        if 0.0 < device_s < 2.0:  # some hosts do not know
            self._device_s = device_s
        if status.output_underflow:
            self.underflows += 1
            self._silent_blocks = PREFILL_BLOCKS
        block, taken = self._block, 0
        if self._silent_blocks:
            self._silent_blocks -= 1
            block[:], taken = 0.0, -1
        else:
            self._gate.judge(self._ring, len(block), now_s + self._device_s, self._rate_hz)
            taken = self._ring.read_into(block)
        first = self._ring.read - max(0, taken)
        if self._gain != self._wanted_gain or self._gain != 1.0:
            wanted = self._wanted_gain
            np.multiply(self._ramp, wanted - self._gain, out=self._gains)
            np.add(self._gains, self._gain, out=self._gains)
            np.multiply(block, self._gains, out=block)
            self._gain = wanted
        outdata[:] = block[:, None]
        self._history.try_write(block, self._frames, now_s + self._device_s, first, taken)
        self._frames += frames

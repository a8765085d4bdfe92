"""`Microphone`: a source of what a microphone hears, for as long as it takes."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from audio_io.device_stream import BLOCK_MS, LATENCY_S, DeviceLost, DeviceStream
from audio_io.devices import Device, Direction
from audio_io.kept_device import KeptDevice, Tell
from audio_io.resample import StreamResampler
from audio_io.ring import Block, BlockRing

RING_S = 60
"""How long the engine may be busy before sound is lost in the ring."""
JUMP_S = 0.5
"""Sound missing for this long is a loss; less is the device's own unevenness."""
TELL_EVERY_S = 10.0
MUTED_S = 3.0
"""Exact zeros for this long come from no microphone that hears."""


class Microphone:
    """An `AudioSource` that ends when `end` is called.

    The device's callback copies into a ring and counts; all else happens on the thread that
    iterates. What is captured while the device is lost, or connected to another one, is thrown
    away. After a loss the next chunk's `start_sample` jumps by the time that passed.
    """

    def __init__(
        self,
        device: Device,
        sample_rate_hz: int,
        on_lost: DeviceLost,
        tell: Tell,
        *,
        follows: bool = False,
    ) -> None:
        """Opens the device; raises `DeviceError` if that fails. `tell` hears what happens to it,
        on the thread that iterates. `follows`: the sound server may connect another one to us."""
        self.sample_rate_hz = sample_rate_hz
        self._ring = BlockRing(0, 0)
        self._frames = 0
        self._overruns = 0
        self._told_overruns = 0
        self._tell_at_s = 0.0
        self._next_frame = 0
        """The device's count of the next frame, if none is missing."""
        self._ended = False
        self._next_sample = 0
        """Stream time of the next chunk."""
        self._last_at_s: float | None = None
        """When the last block came, on a clock that goes on while the machine sleeps."""
        self._lost_reason = ""
        """Why sound is missing before the next chunk; empty when none is."""
        self._zeros_s = 0.0
        self._resampler = StreamResampler(sample_rate_hz, sample_rate_hz)
        self.device = KeptDevice(
            device,
            Direction.INPUT,
            sample_rate_hz,
            self._on_block,
            on_lost,
            tell,
            follows=follows,
        )
        self.device.open(self._prepare)

    duration_s = None

    @property
    def waiting_ms(self) -> float:
        """Sound captured and not yet handed on."""
        return self._ring.waiting * BLOCK_MS

    @property
    def dropped_samples(self) -> int:
        """Samples for which the ring had no room."""
        return self._ring.dropped_samples

    def end(self) -> None:
        """The source ends after what was captured by now. From any thread."""
        self._ended = True

    def __iter__(self) -> Iterator[AudioChunk]:
        while not self._ended:
            if self.device.stream is None:
                self.device.try_again(self._prepare)
                time.sleep(BLOCK_MS / 2000)
                continue
            if self.device.lost():
                yield self._close_at_loss()
                continue
            self._tell_overruns()
            chunk = self._take()
            if chunk is None:
                time.sleep(BLOCK_MS / 2000)
            else:
                yield chunk
        while (chunk := self._take()) is not None:
            yield chunk
        if self.device.stream is None and self._last_at_s is not None:
            self._jump(_awake_s() - self._last_at_s)
        rest = self._resampler.process(silence(0), last=True)
        yield self._made(rest, time.monotonic(), Boundary.STREAM)

    def close(self) -> None:
        self.device.close()

    def _on_block(self, indata: Samples, frames: int, times: Any, status: Any) -> None:
        """On the sound card's thread."""
        self.device.beat()
        self._overruns += bool(status)
        # The last sample of the block is as old as the device says, but for nonsense.
        age_s = times.currentTime - times.inputBufferAdcTime - BLOCK_MS / 1000
        captured_at_s = time.monotonic() - min(max(age_s, 0.0), LATENCY_S)
        self._ring.try_write(indata[:, 0], self._frames, captured_at_s, round(_awake_s() * 1000))
        self._frames += frames

    def _prepare(self, stream: DeviceStream) -> None:
        if stream.block_samples != self._ring.block_samples:
            self._ring = BlockRing(RING_S * 1000 // BLOCK_MS, stream.block_samples)
        self._resampler = StreamResampler(stream.rate_hz, self.sample_rate_hz)
        self._rate_hz = stream.rate_hz
        self._next_frame = self._frames

    def _tell_overruns(self) -> None:
        """At most once in a while, with how many there were."""
        now_s = time.monotonic()
        new = self._overruns - self._told_overruns
        if new and now_s >= self._tell_at_s:
            self._told_overruns, self._tell_at_s = self._overruns, now_s + TELL_EVERY_S
            name = self.device.name
            text = f"The microphone '{name}' lost sound, {new} times: the machine is busy."
            self.device.say("overrun", text)

    def _take(self) -> AudioChunk | None:
        """All blocks that wait, up to where sound is missing, as one chunk."""
        made: list[Samples] = []
        at_s = 0.0
        block_s = BLOCK_MS / 1000
        while len(made) < 5 and (block := self._ring.read()) is not None:
            arrived_s = block.mark / 1000
            missing_s = arrived_s - self._last_at_s - block_s if self._last_at_s else 0.0
            self._last_at_s = arrived_s
            unread = block.first_sample - self._next_frame
            self._next_frame = block.first_sample + len(block.samples)
            if unread > 0 and not self._lost_reason:
                self._lost_reason = "nobody took it in time"
                missing_s = unread / self._rate_hz
            if missing_s > JUMP_S or (self._lost_reason and missing_s > 0):
                self._jump(missing_s)
            made.append(self._resampler.process(block.samples))
            at_s = block.at_s
            self._watch_zeros(block)
        if not made:
            return None
        return self._made(np.concatenate(made), at_s, Boundary.NONE)

    def _jump(self, missing_s: float) -> None:
        self._lost_reason = self._lost_reason or f"nothing was captured for {missing_s:.1f} s"
        self._next_sample += round(missing_s * self.sample_rate_hz)

    def _made(self, samples: Samples, at_s: float, boundary: Boundary) -> AudioChunk:
        chunk = AudioChunk(
            np.clip(samples, -1.0, 1.0),
            self.sample_rate_hz,
            self._next_sample,
            at_s,
            boundary,
            self._lost_reason,
        )
        self._next_sample = chunk.end_sample
        if len(samples):
            self._lost_reason = ""
        return chunk

    def _watch_zeros(self, block: Block) -> None:
        name = self.device.name
        if block.samples.any():
            if self._zeros_s > MUTED_S:
                self.device.say("sounding", f"The microphone '{name}' hears something again.")
            self._zeros_s = 0.0
            return
        before_s, self._zeros_s = self._zeros_s, self._zeros_s + BLOCK_MS / 1000
        if before_s <= MUTED_S < self._zeros_s:
            text = f"The microphone '{name}' gives only zeros: muted, or permission refused."
            self.device.say("silent", text)

    def _close_at_loss(self) -> AudioChunk:
        """What was open ends here; nothing captured since is heard."""
        while self._ring.read() is not None:
            pass
        self._resampler = StreamResampler(self.sample_rate_hz, self.sample_rate_hz)
        self._lost_reason = f"the microphone '{self.device.name}' was away"
        self._ended = self._ended or self.device.stopped
        return self._made(silence(0), time.monotonic(), Boundary.UTTERANCE)


def _awake_s() -> float:
    """A clock that goes on while the machine sleeps, where the system has one."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(boot_time) if boot_time is not None else time.time()

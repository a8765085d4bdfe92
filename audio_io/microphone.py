"""`Microphone`: a source of what a microphone hears, for as long as it takes."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from audio_io.capture_time import CaptureTime
from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from audio_io.device_stream import BLOCK_MS, LATENCY_S, DeviceLost, DeviceStream
from audio_io.devices import Device, Direction
from audio_io.errors import S2stError
from audio_io.kept_device import KeptDevice, Tell
from audio_io.resample import StreamResampler
from audio_io.ring import Block, BlockRing

RING_S = 60
"""How long the engine may be busy before sound is lost in the ring; a third of it where that holds
many channels."""
MOST_AT_ONCE = 5
"""Blocks in one chunk."""
AGES = 50
"""How old sound is when it arrives is taken from so many blocks that were not late: one block's is
uneven."""
TELL_EVERY_S = 10.0
QUIET, QUIET_S = 0.005, 10.0
"""What is never louder than -46 dB for so long is told of."""
PLACES = {
    "front-left": "FL",
    "front-right": "FR",
    "front-center": "FC",
    "lfe": "LFE",
}
"""The server's names, as files have them."""
Mix = Callable[[Samples, int, Sequence[str]], Samples]
"""Makes one channel of several, shape (channels, samples), at a rate and from their places."""
MUTED_S = 3.0
"""Exact zeros for this long come from no microphone that hears."""


class Microphone:
    """An `AudioSource` that ends when `end` is called.

    The device's callback copies into a ring and counts; all else happens on the thread that
    iterates. Stream time is counted in the frames that were captured, however late they come. What
    is captured while the device is lost, or connected to another one, is thrown away. After a loss
    the next chunk's `start_sample` jumps by the time that passed.
    """

    def __init__(
        self,
        device: Device,
        sample_rate_hz: int,
        on_lost: DeviceLost,
        tell: Tell,
        *,
        follows: bool = False,
        mix: Mix | None = None,
    ) -> None:
        """Opens the device; raises `DeviceError` if that fails. `tell` hears what happens to it,
        on the thread that iterates. `follows`: the sound server may connect another one to us.
        `mix` makes one channel of all; what it raises for a channel that is not there passes
        through. Without it the server mixes, or the first channel is heard."""
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
        self._times = CaptureTime(sample_rate_hz)
        """Of the open stream, on a clock that goes on while the machine sleeps."""
        self._ages_s: deque[float] = deque(maxlen=AGES)
        """How old the last sample of a block was when it arrived, as the device says."""
        self._heard_at_s: float | None = None
        """When the sound handed on last had come, on that clock."""
        self._reopened = False
        """Whether nothing was heard of the device since it was opened again."""
        self._slept = False
        """Whether the sound server had suspended the device since sound came last."""
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
            all_channels=mix is not None,
        )
        self._mix = mix
        self._channels = 1
        self._places: list[str] = []
        """Where the channels stand."""
        self._loudest = 0.0
        """Root mean square of the loudest block so far."""
        self._quiet_s = 0.0
        """How much was heard of which all was very quiet; negative once that is told."""
        self.device.open(self._prepare)
        if mix is not None:
            try:
                mix(np.zeros((self._channels, 1), np.float32), sample_rate_hz, self._places)
            except S2stError:
                self.device.close()
                raise

    duration_s = None

    @property
    def waiting_ms(self) -> float:
        """Sound captured and not yet handed on."""
        return (self._ring.waiting + self._times.waiting) * BLOCK_MS

    @property
    def dropped_samples(self) -> int:
        """Samples for which the ring had no room."""
        return self._ring.dropped_samples // self._channels

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
            self._slept = self._slept or self.device.is_asleep
            self._tell_overruns()
            chunk = self._take()
            if chunk is None:
                time.sleep(BLOCK_MS / 2000)
            else:
                yield chunk
        while (chunk := self._take(ends=True)) is not None:
            yield chunk
        is_away = self.device.stream is None or self.device.is_asleep
        if is_away and self._heard_at_s is not None:
            self._jump(_awake_s() - self._heard_at_s)
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
        age_us = round(min(max(age_s, 0.0), LATENCY_S) * 1e6)
        samples = indata.reshape(-1) if self._channels > 1 else indata[:, 0]
        self._ring.try_write(samples, self._frames, _awake_s(), age_us)
        self._frames += frames

    def _prepare(self, stream: DeviceStream) -> None:
        self._channels = stream.channels if self._mix is not None else 1
        names = stream.device.channel_names
        self._places = [PLACES.get(name, name) for name in names[: self._channels]]
        size = stream.block_samples * self._channels
        if size != self._ring.block_samples:
            slots = RING_S * 1000 // BLOCK_MS // min(self._channels, 3)
            self._ring = BlockRing(slots, size)
        self._resampler = StreamResampler(stream.rate_hz, self.sample_rate_hz)
        self._rate_hz = stream.rate_hz
        self._times = CaptureTime(stream.rate_hz)
        self._ages_s.clear()
        self._reopened = self._heard_at_s is not None
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

    def _take(self, *, ends: bool = False) -> AudioChunk | None:
        """All blocks that wait, up to where sound is missing, as one chunk. `ends`: none that comes
        later can tell more about them."""
        while ends or self._times.waiting < MOST_AT_ONCE:
            read = self._ring.read()
            if read is None:
                break
            self._times.put(self._mono(read))
        if ends:
            self._times.decide()
        made: list[Samples] = []
        while len(made) < MOST_AT_ONCE and (taken := self._times.take()) is not None:
            missing_s = self._missing_s(*taken)
            if missing_s > 0 and made:
                self._times.put_back(*taken)
                break
            self._jump(missing_s)
            block, _ = taken
            self._reopened = False
            self._next_frame = block.first_sample + len(block.samples)
            self._heard_at_s = self._times.captured_at_s(self._next_frame)
            made.append(self._resampler.process(block.samples))
            if block.at_s - self._heard_at_s < BLOCK_MS / 1000 or not self._ages_s:
                self._ages_s.append(block.mark / 1e6)
            self._watch_zeros(block)
            self._watch_level(block)
        if not made or self._heard_at_s is None:
            return None
        ago_s = _awake_s() - self._heard_at_s + float(np.median(self._ages_s))
        return self._made(np.concatenate(made), time.monotonic() - ago_s, Boundary.NONE)

    def _mono(self, block: Block) -> Block:
        if self._mix is None or self._channels == 1:
            return block
        channels = block.samples.reshape(-1, self._channels).T
        return replace(block, samples=self._mix(channels, self._rate_hz, self._places))

    def _missing_s(self, block: Block, missing_s: float) -> float:
        """How much is missing before a block, and why: that is kept for the next chunk."""
        if self._reopened and self._heard_at_s is not None:
            return self._times.captured_at_s(block.first_sample) - self._heard_at_s
        unread = block.first_sample - self._next_frame
        if unread > 0:
            self._lost_reason = self._lost_reason or "nobody took it in time"
        return missing_s + unread / self._rate_hz

    def _jump(self, missing_s: float) -> None:
        if missing_s <= 0:
            return
        if not self._lost_reason and self._slept:
            self._lost_reason = f"the microphone '{self.device.name}' slept"
        self._lost_reason = self._lost_reason or f"nothing was captured for {missing_s:.1f} s"
        self._slept = False
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

    def _watch_level(self, block: Block) -> None:
        """Somebody may speak into it, and be too far away, or not turned up."""
        if self._quiet_s < 0 or not block.samples.any():
            return
        power = float(np.mean(np.square(block.samples, dtype=np.float64)))
        self._loudest = max(self._loudest, power**0.5)
        self._quiet_s += BLOCK_MS / 1000
        if self._loudest > QUIET:
            self._quiet_s = -1.0
        elif self._quiet_s > QUIET_S:
            self._quiet_s = -1.0
            level_db = 20 * np.log10(self._loudest)
            text = f"The microphone '{self.device.name}' is very quiet: at most {level_db:.0f} dB. "
            text += "If somebody speaks, turn it up, or choose another channel with ⟦channel⟧."
            self.device.say("quiet", text)

    def _close_at_loss(self) -> AudioChunk:
        """What was open ends here; nothing captured since is heard."""
        while self._ring.read() is not None:
            pass
        self._times.clear()
        self._resampler = StreamResampler(self.sample_rate_hz, self.sample_rate_hz)
        self._ended = self._ended or self.device.stopped
        closing = self._made(silence(0), time.monotonic(), Boundary.UTTERANCE)
        self._lost_reason = f"the microphone '{self.device.name}' was away"
        return closing


def _awake_s() -> float:
    """A clock that goes on while the machine sleeps, where the system has one."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(boot_time) if boot_time is not None else time.time()

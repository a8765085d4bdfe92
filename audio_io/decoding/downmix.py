"""`Downmix`: the channels of one track into one."""

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_io.chunk import Samples, silence
from audio_io.errors import SoundFileError
from audio_io.sound_choice import LEFT, MIX, RIGHT

_FULL_SCALE = {"uint8": 128.0, "int16": 32768.0, "int32": 2147483648.0}
_WEIGHTS = {"FC": 1.0, "FL": 0.7071, "FR": 0.7071, "LFE": 0.0, "LFE2": 0.0}
"""Of a surround layout, before they are brought to a sum of 1: ITU-R BS.775, table 2."""
_WEIGHT_BEHIND = 0.5
_CANCELS_DB = 10.0
"""A mix this far below its loudest channel has lost it."""
_CARRIES_AGAIN_DB = 8.0
_RELEASE_S = 0.5
_QUIETEST_POWER = 1e-9
_STEADY_BLOCKS = 16
_STEADY_S = 0.7
"""Longer than a vowel is held, together with these blocks."""
_STEADY_RANGE_DB = 0.7
_STEADY_DB = -40.0
_SPEAKS_DB = -45.0
_MOVES_S = 2.0


def scaled(data: NDArray[Any]) -> NDArray[np.float32]:
    """float32 in [-1, 1], shape (channels, samples) as `data`, which is float or 8 (unsigned), 16
    or 32-bit integer. NaN and infinity become 0 before they can spread to other channels or into a
    filter."""
    full_scale = _FULL_SCALE.get(data.dtype.name)
    with np.errstate(over="ignore", invalid="ignore"):
        channels: NDArray[np.float32] = data.astype(np.float32)
    if full_scale is None:
        np.nan_to_num(channels, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        np.clip(channels, -1.0, 1.0, out=channels)
    else:
        if data.dtype == np.uint8:
            channels -= np.float32(full_scale)
        channels /= np.float32(full_scale)
    return channels


class Downmix:
    """Mixes by the channels' places, and hears the loudest alone where the mix cancels it.

    An inverted side, a single voice among eight inputs, a centre under loud sides: there the mix
    is `_CANCELS_DB` or more below the loudest channel.
    """

    def __init__(self, choice: str, name: str) -> None:
        """`choice` as in `SoundChoice.channel`; `name` is the recording's."""
        self._choice = choice
        self._name = name
        self._count = 0
        self._layout = ""
        self._powers: NDArray[np.float64] = np.zeros(0)
        """Smoothed: of each channel, and of the mix."""
        self._alone: int | None = None
        """The channel that is heard instead of the mix."""
        self._heard_s: dict[int | None, float] = {}
        """How long each was heard; None is the mix."""
        self._gains: NDArray[np.float32] = np.zeros(0, np.float32)
        """Of the last block, for a soft change."""
        self._mix_gains = self._gains
        self._steady = _SteadyChannels(0)

    @property
    def taken(self) -> str:
        """What was heard of how many channels; empty where that is what everybody expects."""
        if self._choice and self._count > 1:
            return f"channel {self._choice} of {self._count}"
        if self._steady.were_left_out.any():
            which = ", ".join(
                str(index + 1) for index in np.flatnonzero(self._steady.were_left_out)
            )
            return (
                f"{self._count} channels without channel {which}, whose level never moves, as that "
                "of time code"
            )
        alone_s = {index: s for index, s in self._heard_s.items() if index is not None}
        if alone_s:
            index = max(alone_s, key=lambda each: alone_s[each])
            share = 100 * sum(alone_s.values()) / sum(self._heard_s.values())
            often = "" if share > 99 else f" for {max(1, round(share))} % of the time"
            return f"channel {index + 1} of {self._count} alone{often}, since a mix would lose it"
        if self._count > 2:
            named = self._layout and not self._layout.endswith("channels")
            return f"a mix of {self._count} channels" + (f" ({self._layout})" if named else "")
        return ""

    def mix(
        self, data: NDArray[Any], rate_hz: int, names: Sequence[str] = (), layout: str = ""
    ) -> Samples:
        """One block, shape (channels, samples) of any number format, into mono.

        Raises:
            SoundFileError: the channel that was asked for is not there.
        """
        channels = scaled(data)
        count, samples = channels.shape
        if count != self._count:
            self._count, self._layout, self._alone = count, layout, None
            self._powers, self._gains = np.zeros(0), np.zeros(0, np.float32)
            self._mix_gains = _mix_gains(count, names)
            self._steady = _SteadyChannels(count)
        if count == 1 and self._choice in ("", MIX):
            return np.asarray(channels[0], np.float32)
        if not samples:
            return silence(0)
        if self._choice not in ("", MIX):
            return np.asarray(channels[self._chosen(names)], np.float32)
        gains = self._mix_gains
        mono: Samples = gains @ channels
        if not self._choice:
            gains = self._follow(channels, mono, samples / rate_hz)
            if gains is not self._mix_gains:
                mono = gains @ channels
        before, self._gains = self._gains, gains
        if len(before) and before is not gains and not np.array_equal(before, gains):
            ramp = np.linspace(0.0, 1.0, samples, dtype=np.float32)
            changing: Samples = before @ channels * (1 - ramp) + mono * ramp
            return changing
        return mono

    def _chosen(self, names: Sequence[str]) -> int:
        if self._choice in (LEFT, RIGHT):
            place, index = ("FL", 0) if self._choice == LEFT else ("FR", 1)
            index = names.index(place) if place in names else index
        else:
            index = int(self._choice) - 1
        if index >= self._count:
            channels = "1 channel" if self._count == 1 else f"{self._count} channels"
            raise SoundFileError(
                f"{self._name} has {channels}, not a channel '{self._choice}'.",
                hint="Choose another with ⟦channel⟧.",
            )
        return index

    def _follow(
        self, channels: NDArray[np.float32], mono: Samples, block_s: float
    ) -> NDArray[np.float32]:
        """What this block is heard through."""
        samples = len(mono)
        powers = np.append(np.einsum("ij,ij->i", channels, channels), mono @ mono) / samples
        left_out = self._steady.follow(powers[:-1], block_s)
        gains = self._mix_gains
        if left_out.any():
            gains = np.where(left_out, np.float32(0), gains)
            gains = (gains / gains.sum()).astype(np.float32)
            powers = np.where(np.append(left_out, False), 0.0, powers)
            mono = gains @ channels
            powers[-1] = mono @ mono / samples
        if not len(self._powers):
            self._powers = powers
        else:
            # At once when it gets louder: not even the first syllable may be lost.
            keep = math.exp(-block_s / _RELEASE_S)
            self._powers = np.maximum(powers, keep * self._powers + (1 - keep) * powers)
        loudest = int(np.argmax(self._powers[:-1]))
        most, mixed = float(self._powers[loudest]), float(self._powers[-1])
        if most > _QUIETEST_POWER:
            below_db = 10 * math.log10(most / max(mixed, 1e-30))
            if self._alone is None and below_db >= _CANCELS_DB:
                self._alone = loudest
            elif self._alone is not None:
                if below_db < _CARRIES_AGAIN_DB:
                    self._alone = None
                elif most > 4 * self._powers[self._alone]:
                    self._alone = loudest
            self._heard_s[self._alone] = self._heard_s.get(self._alone, 0.0) + block_s
        if self._alone is None:
            return gains
        alone = np.zeros(len(channels), np.float32)
        alone[self._alone] = 1.0
        return alone


class _SteadyChannels:
    """Channels whose level never moves: time code, a line-up tone, hum. No speech is like that.

    Such a channel is left out as soon as another speaks, and until it moves again.
    """

    def __init__(self, count: int) -> None:
        self._levels_db: deque[NDArray[np.float64]] = deque(maxlen=_STEADY_BLOCKS)
        self._steady_s = np.zeros(count)
        self._moving_s = np.zeros(count)
        """How long each has stood still, and has moved, without a stop."""
        self.left_out = np.zeros(count, dtype=bool)
        self.were_left_out = self.left_out.copy()

    def follow(self, powers: NDArray[np.float64], block_s: float) -> NDArray[np.bool_]:
        """Which channels are left out of this block, whose powers are given."""
        self._levels_db.append(10 * np.log10(powers + 1e-12))
        if len(self._levels_db) < _STEADY_BLOCKS:
            return self.left_out
        levels = np.array(self._levels_db)
        loud = levels[-1] > _STEADY_DB
        steady = loud & (np.ptp(levels, axis=0) < _STEADY_RANGE_DB)
        self._steady_s = np.where(steady, self._steady_s + block_s, 0.0)
        self._moving_s = np.where(steady, 0.0, self._moving_s + block_s)
        speaks = (levels[-1] > _SPEAKS_DB) & ~steady
        if (speaks & ~self.left_out).any():
            self.left_out |= self._steady_s >= _STEADY_S
        self.left_out &= self._moving_s < _MOVES_S
        self.were_left_out |= self.left_out
        return self.left_out


def _mix_gains(count: int, names: Sequence[str]) -> NDArray[np.float32]:
    if count > 2 and len(names) == count and {"FL", "FR"} <= set(names):
        weights = np.array([_WEIGHTS.get(name, _WEIGHT_BEHIND) for name in names], np.float32)
    else:
        weights = np.ones(count, np.float32)
    gains: NDArray[np.float32] = weights / weights.sum()
    return gains

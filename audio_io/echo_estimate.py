"""`EchoEstimate`: learns how what is played comes back, and says how loud its echo should be.

    played      ..PPPP......PPPPPPPP....
    microphone  ......pppp''....pppppppp''..   later (delay), quieter (coupling), smeared (room)

Everything is power per mel band and frame. Four times a second, while something is played, the last
seconds are looked at as a whole. The lag at which the levels of the bands move together is the
delay. What the microphone then holds above what was played, in its quieter moments, is the
coupling: a talker can only make the microphone louder.
"""

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bands = NDArray[np.float32]
"""Power, shape (bands,) or (frames, bands)."""

_TINY = np.float32(1e-12)
"""Power far below any microphone's noise, so that nothing is divided by zero."""
_TAIL_FRAMES = 32
"""Length of the room's tail that is thought of; a power of two."""


@dataclass(frozen=True, slots=True)
class EchoEstimateConfig:
    history_ms: int = 6000
    """Past that is learnt from."""
    recent_ms: int = 1200
    """Past that is enough to notice that the delay has changed, or that the echo is louder."""
    look_ms: int = 250
    """Time between two looks at the past."""
    earliest_ms: int = -48
    """Earliest echo; negative, for devices that say that sound left later than it did."""
    latest_ms: int = 448
    """Latest beginning of an echo."""
    enough_ms: int = 500
    """Played sound before which nothing is concluded."""
    nothing_ms: int = 1200
    """Played sound after which a microphone that does not resemble it is said to hear no echo."""
    patience_ms: int = 1800
    """Played sound after which that is said of a microphone that resembles it a little, too."""
    sure_likeness: float = 0.45
    """Correlation of band levels, of 1, from which a delay is believed."""
    sure_in_long_likeness: float = 0.33
    """The same where `long_ms` of played sound were compared: chance matches fade with time."""
    long_ms: int = 2500
    """See `sure_in_long_likeness`."""
    faint_likeness: float = 0.25
    """Correlation below which the microphone does not resemble what was played at all."""
    moved_by: float = 0.15
    """How much more alike the recent past must be at another delay than at the one known."""
    echo_alone_likeness: float = 0.6
    """Correlation over the recent past from which the microphone holds little but echo. What is
    too loud for the coupling then is not a talker: somebody has turned the volume up."""
    coupling_quantile: float = 0.4
    """Share of the frames with echo in which the microphone is below the coupling learnt."""
    decays_db_per_s: tuple[float, ...] = (150.0, 90.0, 60.0)
    """How fast a room's tail may fade. The one that explains the microphone best is used; 200
    would be a reverberation time of 0.3 s, 60 one of 1 s."""
    tail: float = 0.8
    """Power of the whole tail against that of the direct sound."""

    def __post_init__(self) -> None:
        if not self.earliest_ms <= 0 < self.latest_ms:
            raise ValueError("earliest_ms cannot be above 0, nor latest_ms below 1")
        if not self.decays_db_per_s:
            raise ValueError("decays_db_per_s needs one value at least")


class Knowledge(enum.Enum):
    """What is known about the echo."""

    UNKNOWN = "unknown"
    NONE = "none"
    """Enough was played, and the microphone heard nothing of it."""
    LEARNT = "learnt"


class EchoEstimate:
    """Fed the power of both sides, frame by frame."""

    def __init__(self, frame_ms: float, bands: int, config: EchoEstimateConfig) -> None:
        self._config = config
        self._frame_ms = frame_ms
        self._bands = bands
        self._length = round(config.history_ms / frame_ms)
        self._recent = round(config.recent_ms / frame_ms)
        self._every = max(1, round(config.look_ms / frame_ms))
        self._earliest = round(config.earliest_ms / frame_ms)
        self._latest = round(config.latest_ms / frame_ms)
        self._decays = [10.0 ** (-fade * frame_ms / 10_000) for fade in config.decays_db_per_s]
        tails = [(1 - decay) * decay ** np.arange(_TAIL_FRAMES) for decay in self._decays]
        self._tails = config.tail * np.array(tails, dtype=np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.knowledge = Knowledge.UNKNOWN
        self.delay_frames = 0
        self.likeness = 0.0
        """At the last look, of 1: how much the microphone moves as the echo would."""
        self.coupling: Bands = np.zeros(self._bands, dtype=np.float32)
        """Power in the microphone for each that was played, band by band."""
        self._band_known = np.zeros(self._bands, dtype=bool)
        # Played, heard and noise. Twice the length, so that the past is always in one piece.
        self._past = np.zeros((3, 2 * self._length, self._bands), dtype=np.float32)
        self._end = 0
        """Where the next frame goes."""
        self._valid = 0
        """Frames before it that count: none from before the delay changed."""
        self._room = 0
        """Which of the decays is used."""
        self.practised_ms = 0.0
        """For how long there was an echo to learn from since the delay was found."""
        self._looks = 0
        self._next_look = self._every
        self._silent = self._latest + _TAIL_FRAMES
        """Frames since something was played."""

    @property
    def delay_ms(self) -> float:
        """From what was played to its echo, as far as it is known."""
        return self.delay_frames * self._frame_ms

    @property
    def possible(self) -> bool:
        """Whether something was played so lately that its echo may be in the microphone."""
        return self._silent < self._latest + _TAIL_FRAMES

    def step(self, played: Bands | None, heard: Bands, noise: Bands) -> tuple[Bands, Bands, Bands]:
        """Take a frame of each, None where nothing was played; returns what a frame heard, what
        echo it should hold, and its noise.

        The frame is this one; or one shortly before, where the echo comes earlier than the news of
        what was played.
        """
        if self._end == 2 * self._length:
            self._past[:, : self._length] = self._past[:, self._length :]
            self._end = self._length
        self._past[0, self._end] = 0.0 if played is None else played
        self._past[1, self._end] = heard
        self._past[2, self._end] = noise
        self._end += 1
        self._valid = min(self._valid + 1, self._length)
        self._silent = self._silent + 1 if played is None else 0
        if self.possible and self.knowledge is Knowledge.LEARNT:
            self.practised_ms += self._frame_ms
        self._next_look -= 1
        if self._next_look <= 0 and self.possible:
            self._next_look = self._every
            self._look()
        judged = self._end - 1 - max(0, 1 - self.delay_frames)
        if judged < 0:
            return heard, np.zeros_like(heard), noise
        return self._past[1, judged], self.coupling * self._shape(judged), self._past[2, judged]

    def _shape(self, at: int) -> Bands:
        """What the microphone would hear in a frame if nothing were lost on the way."""
        # From one frame earlier on, for the delay is no whole number of frames.
        newest = min(at - self.delay_frames + 1, self._end - 1)
        frames = self._past[0, max(0, newest + 1 - _TAIL_FRAMES) : max(0, newest + 1)][::-1]
        if not len(frames):
            return np.zeros(self._bands, dtype=np.float32)
        tail = self._tails[self._room, : len(frames)] @ frames
        return np.asarray(np.maximum(frames[:3].max(axis=0), tail))

    def _shapes(self, start: int, room: int) -> Bands:
        """`_shape` of all frames from `start` on, in that room."""
        size = self._end - start
        first = start - self.delay_frames + 2 - _TAIL_FRAMES
        frames = np.zeros((size + _TAIL_FRAMES - 1, self._bands), dtype=np.float32)
        low, high = max(first, 0), min(first + len(frames), self._end)
        if high > low:
            frames[low - first : high - first] = self._past[0, low:high]
        head = np.maximum(frames[:-1], frames[1:])
        head = np.maximum(head[:-1], frames[2:])[-size:]
        tail, reach, decay = frames, 1, self._decays[room]
        while reach < _TAIL_FRAMES:  # sums over 2, 4, 8, ... frames
            tail = tail[reach:] + np.float32(decay**reach) * tail[:-reach]
            reach *= 2
        return np.asarray(np.maximum(head, self._tails[room, 0] * tail))

    def _look(self) -> None:
        """Learn from the past."""
        config = self._config
        start, recently = self._end - self._valid, self._end - min(self._valid, self._recent)
        active_ms = self._played_ms(start)
        if active_ms < config.enough_ms:
            return
        self._looks += 1
        # A delay that is known drifts slowly: no need to look at the whole past every time.
        delay = self.delay_frames
        if self.practised_ms < config.history_ms / 2 or self._looks % 3 == 0:
            delay, self.likeness, _ = self._most_alike(start)
        recent, recent_likeness, as_before = self._most_alike(recently)
        if self._played_ms(recently) < config.enough_ms:
            recent_likeness = 0.0
        sure = config.sure_in_long_likeness if active_ms > config.long_ms else config.sure_likeness
        moved = self.knowledge is not Knowledge.LEARNT or (
            abs(recent - self.delay_frames) > 1 and recent_likeness > as_before + config.moved_by
        )
        if recent_likeness > config.sure_likeness and moved:
            self._forget_before(recently)  # what was learnt before holds no longer
            self._believe(recent, recent_likeness)
            start = recently
        elif self.likeness > sure:
            self._believe(delay, self.likeness)
        elif self.knowledge is Knowledge.UNKNOWN and (
            active_ms > config.patience_ms
            or (active_ms > config.nothing_ms and self.likeness < config.faint_likeness)
        ):
            self.knowledge = Knowledge.NONE
        if self.knowledge is Knowledge.LEARNT:
            self._learn_coupling(start)
            if recent_likeness > config.echo_alone_likeness and recently > start:
                self._raise_coupling(recently)

    def _believe(self, delay_frames: int, likeness: float) -> None:
        self.knowledge = Knowledge.LEARNT
        self.delay_frames, self.likeness = delay_frames, likeness

    def _played_ms(self, start: int) -> float:
        played = np.any(self._past[0, start : self._end], axis=1)
        return float(np.count_nonzero(played)) * self._frame_ms

    def _most_alike(self, start: int) -> tuple[int, float, float]:
        """The lag in frames at which the levels played and heard move together most; how much
        they do so there, and at the delay that is known."""
        played, heard, noise = self._past[:, start : self._end]
        moves = _moves(np.log(played + np.float32(1e-3) * played.max(axis=0) + _TINY))
        answers = _moves(np.log(heard + 2 * noise + _TINY))
        # What is heard while no echo can be has nothing to say.
        within = np.convolve(np.any(played, axis=1), np.ones(self._latest + 1))[: len(played)]
        answers[within < 0.5] = 0.0
        size = 1 << (len(moves) + self._latest - self._earliest).bit_length()
        spectra = np.fft.rfft(answers, size, axis=0) * np.conj(np.fft.rfft(moves, size, axis=0))
        lags = np.arange(self._earliest, self._latest + 1)
        together = np.fft.irfft(spectra.sum(axis=1), size)[lags]
        best = int(np.argmax(together))
        scale = float(np.sqrt(np.sum(moves**2) * np.sum(answers**2))) + 1e-9
        here = float(together[max(0, self.delay_frames - self._earliest)])
        return int(lags[best]), float(together[best]) / scale, here / scale

    def _learn_coupling(self, start: int) -> None:
        """Each band's coupling, and by turns whether another room explains the past better."""
        learnt, known, miss = self._coupling_in(start, self._room)
        other = self._looks // 2 % len(self._decays)
        if self._looks % 2 and other != self._room:
            instead = self._coupling_in(start, other)
            if instead[2] < 0.97 * miss:
                self._room = other
                learnt, known, miss = instead
        self.coupling = np.where(known, learnt, self.coupling)
        self._band_known |= known
        if np.any(self._band_known) and not np.all(self._band_known):
            # A band in which nothing was played yet: as its neighbours, to be safe a bit louder.
            places = np.arange(self._bands)
            at = places[self._band_known]
            guess = np.exp(np.interp(places, at, np.log(self.coupling[at] + _TINY)))
            self.coupling[~self._band_known] = 2 * guess[~self._band_known]

    def _coupling_in(self, start: int, room: int) -> tuple[Bands, NDArray[np.bool_], float]:
        """A room's coupling, the bands that were loud enough to tell, and its mean error."""
        shapes = self._shapes(start, room)
        _, heard, noise = self._past[:, start : self._end]
        loud = (shapes > 0.03 * shapes.max(axis=0)) & (heard > _TINY)  # not while it is muted
        ratios = np.where(loud, np.maximum(heard - noise, 1e-14) / (shapes + 1e-14), np.inf)
        counts = np.count_nonzero(loud, axis=0)
        # With few frames the loud side is the safe one.
        share = self._config.coupling_quantile
        share = share + (0.9 - share) * np.exp(-counts / 60.0)
        ratios.sort(axis=0)
        index = np.minimum((counts * share).astype(int), np.maximum(counts - 1, 0))
        learnt = ratios[index, np.arange(self._bands)].astype(np.float32)
        known = counts >= 8
        if np.any(known):
            # A band whose echo would drown in the noise tells nothing, not that there is none.
            seen = shapes * np.median(learnt[known]) > 2 * noise
            known &= np.count_nonzero(seen, axis=0) >= 8
        errors = np.log((heard + noise + _TINY) / (shapes * learnt + 2 * noise + _TINY))
        miss = np.mean(np.minimum(np.abs(errors), 1.5), axis=1)
        return learnt, known, float(np.mean(miss[shapes[:, 0] > 0])) if np.any(shapes) else 0.0

    def _raise_coupling(self, recently: int) -> None:
        """Believe the recent past alone where it is louder: it holds nothing but echo."""
        learnt, known, _ = self._coupling_in(recently, self._room)
        if np.count_nonzero(learnt > 2 * self.coupling) > self._bands / 2:
            self._forget_before(recently)
        self.coupling = np.where(known, np.maximum(learnt, self.coupling), self.coupling)

    def _forget_before(self, start: int) -> None:
        self._valid = self._end - start
        self.practised_ms = 0.0


def _moves(levels: Bands) -> Bands:
    """Levels without what is slower than about 0.3 s."""
    around, size = 10, len(levels)
    sums = np.zeros((size + 1, levels.shape[1]), dtype=np.float32)
    np.cumsum(levels - levels.mean(axis=0), axis=0, out=sums[1:])
    places = np.arange(size)
    low, high = np.maximum(places - around, 0), np.minimum(places + around + 1, size)
    means = (sums[high] - sums[low]) / (high - low)[:, None].astype(np.float32)
    return np.asarray(levels - levels.mean(axis=0) - means)

"""`CaptureTime`: when the blocks of a microphone were captured, told from when they arrived.

Time is counted in frames. A block that arrives late says nothing by itself: the machine was busy,
or our process was held, and the sound server kept the sound meanwhile. Then more blocks follow at
once, until the frames have caught up with the clock. Where they do not, sound is missing.

    frames  0  1  2  3  .  .  .  4 5 6 7 8 9 10 11     all there, only late
    frames  0  1  2  3  .  .  .  .  .  .  .  4  5  6   seven are missing before frame 4
    clock   |--|--|--|--|--|--|--|--|--|--|--|--|--|
"""

from collections import deque

from audio_io.ring import Block

SUSPECT_S = 0.25
"""A block this late is held until it is known whether the frames catch up."""
CAUGHT_UP_S = 0.05
"""Frames this late have."""
SETTLED_S = 0.5
"""Frames that came no closer to the clock for this long never will."""
CLOSER_S = 0.025
"""By less than this nothing comes closer; blocks arrive by twos."""
UNDECIDED_S = 3.0
"""After so long what is held is decided anyhow."""
LEAST_LOSS_S = 0.25
"""Less is not called missing: a sound server that begins anew may keep that much more ready."""
WINDOW_S = 30
"""The clock is read off the blocks that came soonest of so long, so that a sound card whose own
clock is not quite ours is followed."""
LEARNT_S = 2.0
"""So long what is learnt of the clock is believed at once."""
FOLLOWED_PER_S = 0.001
"""How fast it is followed then."""
JUMP_S = 0.03
"""A clock that is farther off than this stood still."""


class CaptureTime:
    """Of one open stream. Belongs to the thread that reads the blocks."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._soonest: deque[tuple[int, float]] = deque(maxlen=WINDOW_S)
        """For each second of the clock, the clock time of frame 0 by its soonest block."""
        self._held: deque[Block] = deque()
        """Not decided yet."""
        self._decided: deque[tuple[Block, float]] = deque()
        self._least_late_s = 0.0
        """Of those that are held."""
        self._least_at_s = 0.0
        """When that one arrived."""
        self._least = 0
        """How many were held before it."""
        self._told_s, self._told_frame = 0.0, 0
        """The clock time of frame 0 that was told last, and for which frame."""

    def put(self, block: Block) -> None:
        """The next block; its `at_s` is when it arrived."""
        late_s = self._late_s(block)
        if not self._held and late_s <= SUSPECT_S:
            self._note(block)
            self._decided.append((block, 0.0))
            return
        if not self._held or late_s < self._least_late_s - CLOSER_S:
            self._least_late_s, self._least_at_s = late_s, block.at_s
            self._least = len(self._held)
        self._held.append(block)
        is_settled = block.at_s - self._least_at_s >= SETTLED_S
        if late_s <= CAUGHT_UP_S or is_settled or block.at_s - self._held[0].at_s >= UNDECIDED_S:
            self.decide()

    def decide(self) -> None:
        """Whatever is held is told by what is known now."""
        if not self._held:
            return
        late_s = min(self._late_s(block) for block in self._held)
        if late_s > CAUGHT_UP_S:
            shifted = [(second, zero_s + late_s) for second, zero_s in self._soonest]
            self._soonest = deque(shifted, maxlen=WINDOW_S)
        missing_s = late_s if late_s > LEAST_LOSS_S else 0.0
        for number, block in enumerate(self._held):
            self._note(block)
            self._decided.append((block, missing_s if number == self._least else 0.0))
        self._held.clear()

    def take(self) -> tuple[Block, float] | None:
        """The oldest block of which that is known, and how much sound is missing before it."""
        return self._decided.popleft() if self._decided else None

    def put_back(self, block: Block, missing_s: float) -> None:
        """What was taken, to be taken again."""
        self._decided.appendleft((block, missing_s))

    def clear(self) -> None:
        """Forget the blocks that wait."""
        self._held.clear()
        self._decided.clear()

    @property
    def waiting(self) -> int:
        """Blocks that may be taken."""
        return len(self._decided)

    def captured_at_s(self, frame: int) -> float:
        """Clock time at which a frame had come, if nothing had kept it waiting.

        What is learnt later moves it little by little: whoever compares it with what is played
        would take a jump for another echo.
        """
        zero_s = min(zero_s for _, zero_s in self._soonest)
        since_s = (frame - self._told_frame) / self._rate_hz
        off_s = zero_s - self._told_s
        if frame > LEARNT_S * self._rate_hz and abs(off_s) < JUMP_S:
            most_s = FOLLOWED_PER_S * max(0.0, since_s)
            zero_s = self._told_s + min(max(off_s, -most_s), most_s)
        self._told_s, self._told_frame = zero_s, max(frame, self._told_frame)
        return zero_s + frame / self._rate_hz

    def _late_s(self, block: Block) -> float:
        """How much later than the soonest ones a block arrived."""
        if not self._soonest:
            return 0.0
        return self._zero_s(block) - min(zero_s for _, zero_s in self._soonest)

    def _zero_s(self, block: Block) -> float:
        return block.at_s - (block.first_sample + len(block.samples)) / self._rate_hz

    def _note(self, block: Block) -> None:
        second, zero_s = int(block.at_s), self._zero_s(block)
        if self._soonest and self._soonest[-1][0] == second:
            zero_s = min(zero_s, self._soonest.pop()[1])
        self._soonest.append((second, zero_s))

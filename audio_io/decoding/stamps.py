"""`Stamps`: where frames belong in time, by the time stamps of their container.

Stream time counts samples. The clock of a container says what a player shows. Four things part
them, and each has its own remedy:

```
pause    |AAAA|      |BBBB|   a sudden jump, nothing damaged: silence goes between
loss     |AAAA|xxxxxx|BBBB|   the same where something was damaged: stream time jumps, and says so
drift    |AAAAA|BBBBB|CCCCC   the clock runs off little by little: sound stays, shown times follow
back     |AAAA|  |BBBB|       a step back: sound stays in order, and is shown earlier from there on
```
"""

from dataclasses import dataclass

SMALLEST_GAP_S = 0.1
"""Time stamps that stray less than this from frame to frame are rounding."""
_LONGEST_GAP_S = 3600.0
_LONGEST_GAPS_S = 6 * 3600.0
"""All gaps of a recording; time stamps that leave out more are none."""
_RESTART_S = 10.0
"""In a format whose clock may start again, what jumps further has done so: FFmpeg's own limit
(`dts_delta_threshold`)."""
_SHORTEST_PAUSE_S = 0.5
"""A shorter jump may be a clock that wobbles: it is shown, and no silence cuts the words."""
_FOLLOWED_S = 1.0
"""How slowly the clock is followed, so that stamps that wobble about the truth do no harm."""
_ONE_FRAME_S = 0.015
"""The shortest that is missing where a frame is."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a frame belongs."""

    gap_s: float
    """What is missing before it."""
    late_s: float
    """How much later than its stream time a player shows it."""


class Stamps:
    """Of one track."""

    def __init__(
        self,
        origin_s: float | None,
        *,
        restarts: bool,
        steps_back: bool = True,
        pauses_often: bool = False,
        counts: bool = False,
        end_s: float | None = None,
    ) -> None:
        """`origin_s` is the container's zero, None where it starts with the first frame.
        `restarts` says that this format's clock may start again at any time; `steps_back` that a
        player follows it back; `pauses_often` that even short gaps are pauses; `counts` that the
        clock counts samples, so that it cannot run off. No frame lies beyond `end_s`, if that is
        known."""
        self._origin_s = origin_s
        self._restarts = restarts
        self._steps_back = steps_back and not restarts
        self._pauses_often = pauses_often or counts
        self._counts = counts
        self.end_s = end_s
        self.position_s = 0.0
        """Stream time of the next frame: the seconds read, filled in or lost so far."""
        self.next_at_s: float | None = None
        """What the clock should say at the next frame."""
        self._late_s = 0.0
        self._gaps_s = 0.0

    def place(
        self,
        at_s: float | None,
        duration_s: float,
        *,
        damaged: bool,
        then_at_s: float | None = None,
    ) -> Placed:
        """The next frame, whose stamp says `at_s`, and that of the one after it `then_at_s`.
        `damaged`: something could not be read since the frame before."""
        gap_s = 0.0
        if self._is_stray(at_s, then_at_s, duration_s):
            at_s = None
        if at_s is not None:
            if self._origin_s is None:
                self._origin_s = at_s
            gap_s = self._gap_s(at_s - self._origin_s, duration_s, damaged=damaged)
            self.next_at_s = at_s - self._origin_s + duration_s
        elif self.next_at_s is not None:
            self.next_at_s += duration_s
        self.position_s += gap_s + duration_s
        self._gaps_s += gap_s
        return Placed(gap_s, self._late_s)

    def _is_stray(self, at_s: float | None, then_at_s: float | None, duration_s: float) -> bool:
        """Whether one stamp alone jumps: the next goes on as if it had not."""
        if at_s is None or then_at_s is None or self.next_at_s is None or self._origin_s is None:
            return False
        expected_s = self._origin_s + self.next_at_s
        return (
            abs(at_s - expected_s) >= SMALLEST_GAP_S
            and abs(then_at_s - expected_s - duration_s) < SMALLEST_GAP_S
        )

    def _gap_s(self, at_s: float, duration_s: float, *, damaged: bool) -> float:
        off_s = at_s - self.position_s - self._late_s
        is_first = self.next_at_s is None
        step_s = off_s if self.next_at_s is None else at_s - self.next_at_s
        gap_s = 0.0
        if step_s >= SMALLEST_GAP_S and off_s >= SMALLEST_GAP_S:
            if off_s > self._longest_s():
                self._ignored(off_s)
            elif damaged or is_first or self._pauses_often or off_s >= _SHORTEST_PAUSE_S:
                gap_s = off_s
            else:
                self._late_s += off_s
        elif is_first:
            self._late_s = off_s
        elif step_s <= -SMALLEST_GAP_S:
            if not self._steps_back or abs(off_s) > self.position_s + SMALLEST_GAP_S:
                self._ignored(off_s)
            elif off_s <= -SMALLEST_GAP_S:
                self._late_s += off_s
        elif (damaged or self._counts) and off_s >= _ONE_FRAME_S:
            gap_s = off_s
        else:
            self._late_s += off_s * min(1.0, duration_s / _FOLLOWED_S)
        return gap_s

    def _longest_s(self) -> float:
        longest_s = _RESTART_S if self._restarts else _LONGEST_GAP_S
        if self.end_s is not None and not self._restarts:
            longest_s = self.end_s - self.position_s
        return min(longest_s, _LONGEST_GAPS_S - self._gaps_s)

    def _ignored(self, off_s: float) -> None:
        """The clock has started again: what follows follows."""
        assert self._origin_s is not None
        self._origin_s += off_s

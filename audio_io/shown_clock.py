"""`ShownClock`: when a player shows what was heard."""

from bisect import bisect_right

_SMALLEST_CHANGE_S = 0.03
"""Less is rounding of time stamps."""
_SUDDEN_S = 0.1


class ShownClock:
    """From stream time, which counts samples, to the time on a player's display.

    The two part where the clock of a recording does not keep step with its sound: it runs a little
    too fast or too slow, or steps back. Between the marks the difference changes evenly.
    """

    def __init__(self) -> None:
        self._at_s = [0.0]
        self._late_before_s = [0.0]
        self._late_s = [0.0]
        """How much later than stream time it is shown, from each mark on."""

    @property
    def is_stream_time(self) -> bool:
        return len(self._at_s) == 1 and not self._late_s[0]

    def mark(self, stream_s: float, late_s: float) -> None:
        """From here on sound is shown `late_s` later than its stream time says. Marks come in
        order; what changes too little is forgotten."""
        change_s = late_s - self._late_s[-1]
        if abs(change_s) < _SMALLEST_CHANGE_S:
            return
        sudden = abs(change_s) >= _SUDDEN_S
        self._at_s.append(stream_s)
        self._late_before_s.append(self._late_s[-1] if sudden else late_s)
        self._late_s.append(late_s)

    def at(self, stream_s: float) -> float:
        """What a player's clock shows then, never less than 0."""
        after = bisect_right(self._at_s, stream_s)
        late_s = self._late_s[after - 1]
        if after < len(self._at_s):
            from_s, to_s = self._at_s[after - 1], self._at_s[after]
            share = (stream_s - from_s) / (to_s - from_s)
            late_s += share * (self._late_before_s[after] - late_s)
        return max(0.0, stream_s + late_s)

"""When each place of a text was said, from the times of its words or of the whole."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from engine.events import Word


class TextTimes:
    """Stream times of the places between the characters of one text, in milliseconds.

    Where the engine gave the times of words, a place inside a word lies between that word's two
    times. A text without them, such as a translation, is spread evenly over its span.
    """

    def __init__(self, text: str, words: Sequence[Word], start_s: float, end_s: float) -> None:
        self._letters_before = [0]
        """Characters that are no space, before each place. Spaces take no time."""
        for character in text:
            self._letters_before.append(self._letters_before[-1] + (character != " "))
        tokens = text.split(" ")
        spelled = [word for word in words if word.text.strip()]
        if len(spelled) == sum(token != "" for token in tokens):
            lengths = [float(len(token)) for token in tokens if token]
        else:
            # Words and text are cut differently (Japanese, or "do n't"): they share what is said.
            lengths = [float(len(word.text.replace(" ", ""))) for word in spelled]
            scale = self._letters_before[-1] / sum(lengths) if lengths else 1.0
            lengths = [length * scale for length in lengths]
        self._places = [0.0]
        self._times_ms = [max(0, round((spelled[0].start_s if spelled else start_s) * 1000))]
        place = 0.0
        for word, length in zip(spelled, lengths, strict=True):
            self._mark(place, word.start_s)
            place += length
            self._mark(place, word.end_s)
        if not spelled:
            self._mark(float(self._letters_before[-1]), end_s)

    def _mark(self, place: float, time_s: float) -> None:
        self._places.append(place)
        self._times_ms.append(max(self._times_ms[-1], round(time_s * 1000)))

    def start_ms(self, offset: int) -> int:
        """When what follows character `offset` begins: after a pause, if there is one here."""
        return self._at(offset, bisect_right(self._places, self._letters_before[offset]))

    def end_ms(self, offset: int) -> int:
        """When what stands before character `offset` ends: before a pause, if there is one."""
        return self._at(offset, bisect_left(self._places, self._letters_before[offset]))

    def _at(self, offset: int, after: int) -> int:
        if after == 0 or after == len(self._places):
            return self._times_ms[min(after, len(self._places) - 1)]
        left, right = self._places[after - 1], self._places[after]
        share = (self._letters_before[offset] - left) / (right - left)
        from_ms, to_ms = self._times_ms[after - 1], self._times_ms[after]
        return from_ms + round(share * (to_ms - from_ms))

"""How much shown text is taken back."""

from engine.languages import written_without_spaces


class Flicker:
    """Counts the units that a stream showed and took back.

    With o_i the text shown after step i, a step erases |o_{i-1}| - |LCP(o_{i-1}, o_i)| units;
    divided by the units of the final text that is the normalised erasure of Arivazhagan et al.,
    "Re-translation versus Streaming for Simultaneous Translation" (2020), section 3.2. Units are
    words, or characters in a language written without spaces.
    """

    def __init__(self, language: str) -> None:
        self._by_character = written_without_spaces(language)
        self._committed = self._partial = ""
        self._shown: list[str] = []
        self.erased = 0
        """Units taken back so far."""

    def write(self, text: str, *, committed: bool) -> None:
        """A partial replaces everything that is not committed; committed text stays."""
        if committed:
            self._committed += text
        self._partial = "" if committed else text

    def end_step(self) -> None:
        """What stands now is what people see."""
        shown = self._units(self._committed + self._partial)
        same = 0
        for before, now in zip(self._shown, shown, strict=False):
            if before != now:
                break
            same += 1
        self.erased += len(self._shown) - same
        self._shown = shown

    def _units(self, text: str) -> list[str]:
        return list(text.replace(" ", "")) if self._by_character else text.split()

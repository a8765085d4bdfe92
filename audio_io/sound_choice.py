"""`SoundChoice`: which of a recording's tracks and channels is heard."""

from dataclasses import dataclass

from audio_io.errors import UsageError

LEFT, RIGHT, MIX = "left", "right", "mix"
_MOST = 64


@dataclass(frozen=True, slots=True)
class SoundChoice:
    """What was asked for. What is left open is chosen by what is there."""

    track: int | None = None
    """A sound track, counted from 1."""
    languages: tuple[str, ...] = ()
    """Codes of one language, in lower case: the first track that is marked with any of them."""
    channel: str = ""
    """A channel counted from 1, `left`, `right` or `mix`."""

    def __post_init__(self) -> None:
        if self.track is not None and not 1 <= self.track <= _MOST:
            raise UsageError(
                f"{self.track} is no sound track.", hint=f"They are counted from 1 to {_MOST}."
            )
        if self.channel not in ("", LEFT, RIGHT, MIX) and not (
            self.channel.isascii()
            and self.channel.isdigit()
            and len(self.channel) <= 2
            and 1 <= int(self.channel) <= _MOST
        ):
            raise UsageError(
                f"'{self.channel}' is no channel.", hint="Give left, right, mix or a number from 1."
            )

    def over(self, other: "SoundChoice") -> "SoundChoice":
        """This, and where it leaves something open, the other."""
        track, languages = self.track, self.languages
        if track is None and not languages:
            track, languages = other.track, other.languages
        return SoundChoice(track, languages, self.channel or other.channel)


ANY_SOUND = SoundChoice()

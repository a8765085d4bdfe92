"""Which track and channel is meant, in words."""

import re

from audio_io.sound_choice import SoundChoice
from engine.errors import LanguageError
from engine.languages import codes_of, resolve_language


def sound_choice(track: str | None, channel: str | None) -> SoundChoice:
    """A track is a number from 1 or a language; a channel a number from 1, left, right or mix.

    Raises:
        UsageError: they are none of these.
    """
    track, channel = (track or "").strip(), (channel or "").strip().lower()
    channel = channel.lstrip("0") or channel if channel.isdigit() else channel
    if re.fullmatch(r"-?\d{1,9}", track):
        return SoundChoice(track=int(track), channel=channel)
    if not track:
        return SoundChoice(channel=channel)
    try:
        languages = codes_of(resolve_language(track))
    except LanguageError:
        if not re.fullmatch(r"[A-Za-z]{2,3}", track):
            raise
        languages = (track.lower(),)  # a container may know languages that we do not
    return SoundChoice(languages=languages, channel=channel)

"""`--speaker [LANG=]NAME`: which voice each target is spoken with."""

from collections.abc import Iterable, Mapping

from audio_io.errors import UsageError
from engine.languages import language_name, resolve_language

THE_ONLY_ONE = ""
"""Stands for the target, where there is one."""


def read_voices(words: Iterable[str]) -> dict[str, str]:
    """Voices by target as they were asked for. Raises a `UsageError` for what cannot be meant."""
    voices: dict[str, str] = {}
    for word in words:
        name, named, voice = word.rpartition("=")
        language = resolve_language(name).code if named else THE_ONLY_ONE
        if not voice:
            raise UsageError(f"--speaker {word} names no voice.")
        if voices.setdefault(language, voice) != voice:
            whom = language_name(language) if language else "the same target"
            raise UsageError(f"--speaker gives {whom} two voices: {voices[language]} and {voice}.")
    return voices


def check_voices(voices: Mapping[str, str], targets: Iterable[tuple[str, ...]]) -> None:
    """Raise a `UsageError` for voices that none of the streams with these targets will use."""
    every = list(targets)
    for language, voice in voices.items():
        if language and not any(language in each for each in every):
            raise UsageError(
                f"--speaker {language}={voice}: {language_name(language)} is none of the targets."
            )
        if not language and any(len(each) != 1 for each in every):
            example = next(each for each in every if len(each) != 1)[0]
            raise UsageError(
                f"--speaker {voice} does not say of which target.",
                hint=f"For example --speaker {example}={voice}.",
            )


def chosen_voices(voices: Mapping[str, str], targets: tuple[str, ...]) -> dict[str, str]:
    """The voices of one stream's targets."""
    chosen = {target: voices[target] for target in targets if target in voices}
    if len(targets) == 1 and THE_ONLY_ONE in voices:
        chosen.setdefault(targets[0], voices[THE_ONLY_ONE])
    return chosen

"""The errors of engines and languages."""

from audio_io.errors import S2stError, UsageError


class EngineError(S2stError):
    """An engine, or something it is made of, is missing or has failed."""


class UnknownEngineError(UsageError):
    """No engine has this name, or the one named cannot do what was asked."""


class LanguageError(UsageError):
    """A language is unknown, or no engine here covers it."""

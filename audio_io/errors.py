"""The errors that are meant for people, and those of sound."""


def on_one_line(text: str) -> str:
    """What files and their names hold may break lines or command a terminal: it is spelt out."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


class S2stError(Exception):
    """Something failed in a way a person can do something about.

    The message says what failed and what was seen; `hint` says what to do. `cli.main` prints
    both on one line and leaves with exit code 1, or 2 for a `UsageError`.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return on_one_line(f"{message} {self.hint}" if self.hint else message)

    def __reduce__(self) -> tuple[type["S2stError"], tuple[str, str]]:
        # Errors cross process borders; Exception's own reduction would lose the hint.
        return type(self), (str(self.args[0]), self.hint)


class UsageError(S2stError):
    """What was asked for cannot be done, on this machine or any other."""


class SoundFileError(S2stError):
    """A recording cannot be read."""


class ManifestError(UsageError):
    """A manifest does not say what it should."""


class OutputError(S2stError):
    """A result cannot be written."""


class DeviceError(S2stError):
    """A microphone or speaker cannot be used."""


def system_said(error: OSError) -> str:
    """`Input/output error`, and of which file where that is known."""
    reason = error.strerror or str(error) or type(error).__name__
    return f"{reason}: '{error.filename}'" if error.filename is not None else reason

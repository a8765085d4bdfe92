"""How much is said about what goes on inside: `--verbose`."""

import logging


def set_verbose(verbose: bool) -> None:
    """The one place where logging is configured."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.ERROR,
        format="%(relativeCreated)6.0f ms %(levelname)s %(name)s: %(message)s",
    )


def is_verbose() -> bool:
    return logging.getLogger().isEnabledFor(logging.DEBUG)

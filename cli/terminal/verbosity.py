"""How much is said about what goes on inside: `--verbose`."""

import logging
import sys
import warnings


def set_verbose(verbose: bool) -> None:
    """The one place where logging is configured. What packages warn their programmers of is for
    `--verbose`, too, here and in the processes that are started from here."""
    if not verbose and not sys.warnoptions:
        warnings.simplefilter("ignore")
        sys.warnoptions.append("ignore")
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.ERROR,
        format="%(relativeCreated)6.0f ms %(levelname)s %(name)s: %(message)s",
    )


def is_verbose() -> bool:
    return logging.getLogger().isEnabledFor(logging.DEBUG)

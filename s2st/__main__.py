"""Entry point of the console script, and of `python -m s2st`."""

import sys

from s2st import ROOT

if __name__ == "__main__" and not sys.flags.safe_path and sys.path[0] != ROOT:
    del sys.path[0]  # the current folder: what lies in it must not be taken for modules

from typing import NoReturn


def main() -> NoReturn:
    from cli.main import main as run

    run()


if __name__ == "__main__":
    main()

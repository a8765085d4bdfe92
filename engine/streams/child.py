"""How a process ended, in words."""


def how_it_ended(exit_code: int | None) -> str:
    """`exit_code` as `subprocess` and `multiprocessing` have it; None while the process is still
    there."""
    if exit_code is None:
        return "its connection broke"
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"

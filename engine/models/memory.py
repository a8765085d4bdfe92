"""How much memory of the machine is free."""

from pathlib import Path


def free_bytes() -> int | None:
    """Memory that a process may still take; None where that is not known."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        of_machine = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, ValueError, StopIteration):
        return None
    of_group = _free_in_group_bytes()
    return 1024 * of_machine if of_group is None else min(1024 * of_machine, of_group)


def _free_in_group_bytes() -> int | None:
    """What a container may still take; None where nothing limits it."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        used = int((group / "memory.current").read_text(encoding="ascii"))
        counts = (group / "memory.stat").read_text(encoding="ascii").split()
        cached = int(counts[counts.index("inactive_file") + 1])
    except (OSError, ValueError, IndexError):  # "max" is no number
        return None
    return max(0, limit - used + cached)

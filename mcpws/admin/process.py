"""What the kernel says of a process: where it says it, which is on Linux."""

from __future__ import annotations

import os
import sys

_PAGE = os.sysconf("SC_PAGE_SIZE") if sys.platform != "win32" else 0


def resident_bytes(pid: int) -> int | None:
    """Memory that a process has in use (proc_pid_statm(5)); None where that is not known, or if it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return None


def cpu_seconds() -> float:
    """That this process has computed for so far."""
    times = os.times()
    return times.user + times.system

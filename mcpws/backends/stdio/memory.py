"""Memory that processes use, those that they have started among it. Only Linux tells."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")

IS_KNOWN = (_PROC / "self" / "statm").exists()
"""Whether this system tells."""


def resident_by_group(groups: Collection[int]) -> dict[int, int]:
    """Bytes in memory of all processes of each of these process groups (proc_pid_stat(5)).

    What processes share is counted with each. A group of which no process is left is not there.
    """
    page = os.sysconf("SC_PAGE_SIZE")
    found: dict[int, int] = {}
    for entry in os.listdir(_PROC):
        if not entry.isdecimal():
            continue
        # It may be gone by now.
        with suppress(OSError, ValueError, IndexError):
            # The name of the program, in parentheses, may hold anything.
            fields = (_PROC / entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            group, pages = int(fields[2]), int(fields[21])
            if group in groups:
                found[group] = found.get(group, 0) + pages * page
    return found

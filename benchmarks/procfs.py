"""What the operating system says of a process: CPU time, memory, children."""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")


class ProcessGone(Exception):
    """The process to be read has ended."""


def cpu_ns(pid: int) -> int:
    """Nanoseconds on a CPU, user and system, of all threads of `pid` that are alive."""
    used = 0
    for task in _tasks(pid):
        try:
            # Documentation/scheduler/sched-stats: time on the CPU, time waiting for it, slices.
            used += int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            # A thread that ended meanwhile.
            continue
    return used


def children(pid: int) -> list[int]:
    """All descendants of `pid`."""
    found: list[int] = []
    try:
        direct = [int(child) for task in _tasks(pid) for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError, ProcessGone):
        return found
    for child in direct:
        found += [child, *children(child)]
    return found


def children_cpu_ns(pid: int) -> int:
    """Likewise of all descendants."""
    used = 0
    for child in children(pid):
        try:
            used += cpu_ns(child)
        except ProcessGone:
            continue
    return used


def resident_bytes(pid: int) -> int:
    """Memory of `pid` that is in RAM."""
    try:
        rollup = (PROC / str(pid) / "smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessGone(f"process {pid} has ended") from None
    for line in rollup.splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise ProcessGone(f"process {pid} has no memory any more")


def _tasks(pid: int) -> list[Path]:
    try:
        return list((PROC / str(pid) / "task").iterdir())
    except FileNotFoundError:
        raise ProcessGone(f"process {pid} has ended") from None

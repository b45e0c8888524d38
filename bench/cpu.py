"""What a process has cost: CPU time and memory, read from outside. Linux only."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path


def seconds(pid: int) -> float:
    """User and system time of all threads of `pid`, ended ones too, in nanosecond resolution.

    clock_getcpuclockid(3) makes a clock id of a process id like this; Python has no name for it.
    /proc/<pid>/stat counts the same in ticks of 10 ms.
    """
    return time.clock_gettime((~pid << 3) | 2)


def memory(pid: int) -> tuple[float, float]:
    """MB in memory: now, and at most so far."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    )
    now, most = (int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return now, most


def cores() -> tuple[set[int], set[int]]:
    """The proxy's core and the others', disjoint where there are two; the same set where not."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        return set(usable), set(usable)
    return {usable[0]}, set(usable[1:])


def pin(pid: int, to: set[int]) -> None:
    """Keeps `pid`, and the threads that it will start, on these cores, where that is allowed."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(pid, to)

"""Where tests keep their files: in memory where there is room, for a disk has them wait.

A vault commits to the disk each time, hundreds of times in some tests, and a PostgreSQL makes three hundred
files for each database. What is tested is what a process that was killed leaves, and that is the same.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")
# A PostgreSQL writes up to a gigabyte ahead of its tables, and each of four workers has one.
_ROOM = 8 << 30


def in_memory() -> Path | None:
    """The directory; None where there is none of that kind, no room, or nothing in it may be run."""
    if not os.access(_MEMORY, os.W_OK | os.X_OK):
        return None
    if os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        return None
    room = min(shutil.disk_usage(_MEMORY).free, _available(), _allowed())
    return _MEMORY if room >= _ROOM else None


def _available() -> int:
    """Bytes of memory that the machine could give; files in memory take it."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))


def _allowed() -> int:
    """Bytes that a container may have; without a limit more than any machine has."""
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text(encoding="ascii").strip() if limit.exists() else "max"
    return int(text) if text.isdecimal() else 1 << 60

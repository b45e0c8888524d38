"""Where tests keep their files: in memory where there is room, for a disk has them wait.

A vault commits to the disk each time, hundreds of times in some tests, and a PostgreSQL makes three hundred
files for each database. What is tested is what a process that was killed leaves, and that is the same.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")
# Four workers with a PostgreSQL each use a third of it.
_ROOM = 1 << 30


def in_memory() -> Path | None:
    """The directory; None where there is none of that kind, no room, or nothing in it may be run."""
    if not os.access(_MEMORY, os.W_OK | os.X_OK):
        return None
    if os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        return None
    return _MEMORY if shutil.disk_usage(_MEMORY).free >= _ROOM else None

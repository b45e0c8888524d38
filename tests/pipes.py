"""Named pipes that are full."""

from __future__ import annotations

import contextlib
import os


def fill(pipe):
    """So that it takes nothing more until somebody reads; somebody has it open for that."""
    full = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(full, b"x" * 4096)
    os.close(full)

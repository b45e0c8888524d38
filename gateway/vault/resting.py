"""Letting others write between two portions of a long piece of work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# SQLite wakes nobody who waits for its lock: whoever takes it again at once keeps other processes out
# until they give up.
_REST: Final = 0.5


@contextmanager
def resting() -> Iterator[None]:
    """Sleeps after what is done in it: half as long as it took."""
    began = time.monotonic()
    yield
    time.sleep(_REST * (time.monotonic() - began))

"""How the C library gives memory back. Linux with glibc; elsewhere nothing is done."""

from __future__ import annotations

import ctypes
from typing import Final

_LARGEST_FAST: Final = 1  # M_MXFAST of mallopt(3)


def free_in_small_steps() -> bool:
    """Has small pieces joined with their neighbours when they are freed. To be called at the start.

    glibc leaves them in lists (fastbins) and joins all of them at once when the next large piece
    is freed. While a parsed message of 36 MB is freed there are a million, and that one call holds
    the interpreter's lock for 100 ms: the event loop would wait for it.

    Answers whether the C library knows how.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_LARGEST_FAST, 0) == 1

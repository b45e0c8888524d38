"""Giving memory back without keeping the event loop waiting.

What a big message leaves behind are lists of ten thousand and more. Python frees such a list in one
call, C's library joins a million small pieces in one call, and either holds the interpreter's lock
for some 10 to 100 ms.
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

_LARGEST_FAST: Final = 1  # M_MXFAST of mallopt(3)
_STEP: Final = 512  # what is freed at once


def discard(*containers: list[Any] | dict[Any, Any] | set[Any]) -> None:
    """Empties `containers` in short steps. To be called in a thread, where nobody else has them."""
    for one in containers:
        if len(one) <= _STEP:
            one.clear()
        elif isinstance(one, list):
            while one:
                del one[-_STEP:]
        elif isinstance(one, dict):
            while one:
                one.popitem()
        else:
            while one:
                one.pop()


def free_in_small_steps() -> bool:
    """Has small pieces joined with their neighbours when they are freed. To be called at the start.

    glibc leaves them in lists (fastbins) and joins all of them at once when the next large piece
    is freed. Answers whether the C library knows how not to: glibc on Linux does.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_LARGEST_FAST, 0) == 1

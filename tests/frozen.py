"""What is there to stay: no collection of garbage looks through it any more, and nobody counts it again.

Python counts what is frozen one by one: 70 ms for what the whole suite is made of, and each gateway that
starts in that process asks whether somebody froze before (`gateway/garbage.py`): a third of its start.
"""

from __future__ import annotations

import gc

from gateway import garbage


class _Counted:
    """`gc` as a gateway sees it, which is a guest here; all but the count is Python's own."""

    def __init__(self, frozen: int) -> None:
        self._frozen = frozen

    def get_freeze_count(self) -> int:
        return self._frozen

    def __getattr__(self, name):
        return getattr(gc, name)


def freeze() -> None:
    """All that there is, for as long as the process lives."""
    gc.freeze()
    garbage.gc = _Counted(gc.get_freeze_count())

"""When Python's cyclic garbage is collected: between messages, never in the middle of a big one.

A collection looks at every object there is, and holds the interpreter's lock meanwhile. While a
message of 36 MB is taken apart there are millions, and the event loop would wait for a quarter of a
second. What a message leaves behind is freed by reference counts; cycles are few and can wait.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

# Big messages without a pause between them must not hold off collection for good.
_LONGEST_SECONDS: Final = 60.0
# All objects are looked at this often when nothing is in hand, and so late when something always is.
_FULL_SECONDS: Final = 20.0
_LATEST_FULL_SECONDS: Final = 600.0
_YOUNG, _ALL = 1, 2  # generations


class Garbage:
    """Takes collection out of the interpreter's hands. One per process."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._held = 0
        self._froze = False
        self._last = self._last_full = clock()

    def take_over(self) -> None:
        """To be called once everything is built: what lives for good is never looked at again.

        Where somebody froze before us, we are a guest in its process, and leave that to it.
        """
        gc.collect()
        self._froze = gc.get_freeze_count() == 0
        if self._froze:
            gc.freeze()
        gc.disable()

    def give_back(self) -> None:
        """Undoes `take_over`."""
        gc.enable()
        if self._froze:
            gc.unfreeze()
            self._froze = False

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """No collection while a big message is worked on."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    def collect(self, *, idle: bool) -> None:
        """To be called every few seconds. `idle`: no exchange is in hand, nobody waits for the loop.

        Only what was made since the last time is looked at (which is all of a big message that
        waits for its upstream: 150 ms), and what is older now and then. While something is in hand,
        neither, as long as there is a pause ever so often.
        """
        now = self._clock()
        if (self._held or not idle) and now - self._last < _LONGEST_SECONDS:
            return
        self._last = now
        since = now - self._last_full
        if since >= (_FULL_SECONDS if idle else _LATEST_FULL_SECONDS):
            self._last_full = now
            gc.collect(_ALL)
        else:
            gc.collect(_YOUNG)

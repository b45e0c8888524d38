"""Trying again while that helps, for a bounded time: whoever keeps the key may start after us."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from gateway.errors import VaultSealed
from gateway.log import event

T = TypeVar("T")

_FIRST: Final = 0.5  # seconds
_LONGEST: Final = 8.0


def pauses() -> Iterator[float]:
    """Seconds from one try to the next, without end: they grow to eight. A little at random, so that
    many gateways whose key keeper comes back do not ask all at once.
    """
    pause = _FIRST
    while True:
        yield pause * random.uniform(0.8, 1.2)  # noqa: S311  # no secret
        pause = min(_LONGEST, 2 * pause)


def patiently(
    attempt: Callable[[], T], seconds: float, sleep: Callable[[float], None] = time.sleep
) -> T:
    """What `attempt` gives, called again with growing pauses while it raises a VaultSealed that says
    that trying again helps, as long as the next call begins within `seconds`. Raises the last one.
    """
    until = time.monotonic() + seconds
    waits = pauses()
    while True:
        try:
            return attempt()
        except VaultSealed as error:
            waiting = next(waits)
            if not error.again or time.monotonic() + waiting > until:
                raise
            event("kek_awaited", level=logging.WARNING, provider=error.provider)
        sleep(waiting)

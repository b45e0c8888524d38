"""Trying again while that helps, for a bounded time: whoever keeps the key may start after us."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

from gateway.errors import VaultSealed
from gateway.log import event

T = TypeVar("T")

_FIRST: Final = 0.5  # seconds
_LONGEST: Final = 8.0


def patiently(
    attempt: Callable[[], T], seconds: float, sleep: Callable[[float], None] = time.sleep
) -> T:
    """What `attempt` gives, called again with growing pauses while it raises a VaultSealed that says
    that trying again helps, as long as the next call begins within `seconds`. Raises the last one.
    """
    until = time.monotonic() + seconds
    pause = _FIRST
    while True:
        try:
            return attempt()
        except VaultSealed as error:
            # A little at random: many gateways whose key keeper comes back do not ask all at once.
            waiting = pause * random.uniform(0.8, 1.2)  # noqa: S311  # no secret
            if not error.again or time.monotonic() + waiting > until:
                raise
            event("kek_awaited", level=logging.WARNING, provider=error.provider)
        sleep(waiting)
        pause = min(_LONGEST, 2 * pause)

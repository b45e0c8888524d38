"""How often a page's form may be sent: enough for anyone who mistypes, too seldom to try cards."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from gateway.errors import TooManyTries

LIMIT: Final = 20
WINDOW: Final = timedelta(minutes=10)
_LINKS: Final = 1000  # that are remembered, in this process


class Tries:
    """Counts by the link's id."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._tried: dict[str, deque[datetime]] = {}

    def count(self, link: str) -> None:
        """Raises TooManyTries, and does not count that one."""
        now = self._clock()
        if len(self._tried) > _LINKS:
            self._tried = {id: at for id, at in self._tried.items() if now - at[-1] < WINDOW}
        tried = self._tried.setdefault(link, deque(maxlen=LIMIT))
        if len(tried) == LIMIT and timedelta(0) <= now - tried[0] < WINDOW:
            raise TooManyTries
        tried.append(now)

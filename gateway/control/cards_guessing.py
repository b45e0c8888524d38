"""Clients that try tokens which are not theirs: after a number of them they can use none for a while."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil

from gateway.errors import TokensGuessed


class Guessing:
    """Counts the unknown tokens of each client, in this process.

    With the `limit`th within `window` the client is blocked for as long as `window`. What it tries
    meanwhile is not looked up, and not counted.
    """

    def __init__(self, limit: int, window: timedelta, clock: Callable[[], datetime]) -> None:
        self._limit, self._window, self._clock = limit, window, clock
        self._tried: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self._until: dict[str, datetime] = {}

    def check(self, client: str) -> None:
        """Raises TokensGuessed while the client is blocked."""
        until = self._until.get(client)
        if until is None:
            return
        left = (until - self._clock()).total_seconds()
        if 0 < left <= self._window.total_seconds():  # more: the clock was set back
            raise TokensGuessed(ceil(left))
        del self._until[client]

    def unknown(self, client: str) -> bool:
        """Counts one. True: with this one the client is blocked."""
        now, tried = self._clock(), self._tried[client]
        while tried and not timedelta(0) <= now - tried[0] < self._window:
            tried.popleft()
        tried.append(now)
        if len(tried) < self._limit:
            return False
        tried.clear()
        self._until[client] = now + self._window
        return True

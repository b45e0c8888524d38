"""Clients that try tokens which are not theirs: after a number of them they can use none for a while."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil

from gateway.audit import Action, Entry, Outcome
from gateway.errors import TokensGuessed, TokenUnknown
from gateway.metrics import Metrics
from gateway.vault.service import Vault


class Guessing:
    """Counts the unknown tokens of each client, in this process.

    With the `limit`th within `window` the client is blocked for as long as `window`. What it tries
    meanwhile is not looked up, and not counted.
    """

    def __init__(
        self,
        limit: int,
        window: timedelta,
        clock: Callable[[], datetime],
        *,
        vault: Vault,
        metrics: Metrics,
    ) -> None:
        self._limit, self._window, self._clock = limit, window, clock
        self._vault, self._metrics = vault, metrics
        self._tried: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self._until: dict[str, datetime] = {}

    def check(self, client: str) -> None:
        """Raises TokensGuessed while the client is blocked."""
        until = self._until.get(client)
        if until is None:
            return
        left = (until - self._clock()).total_seconds()
        if 0 < left <= self._window.total_seconds():  # more: the clock was set back
            self._metrics.refused.labels(TokensGuessed.code).inc()
            raise TokensGuessed(ceil(left))
        del self._until[client]

    async def unknown(self, entry: Entry, *, written: bool = False) -> None:
        """Counts a token that nobody has, or not this client; the audit has it, and that the client is
        blocked with this one. `entry`: what it was named for; `written`: the audit has that already.

        Raises VaultUnavailable.
        """
        tried = replace(entry, outcome=Outcome.REFUSED, detail=TokenUnknown.code)
        entries = [] if written else [tried]
        if self._count(entry.client):
            blocked = replace(tried, action=Action.BLOCK, outcome=Outcome.DONE)
            entries.append(replace(blocked, detail=TokensGuessed.code))
        await self._vault.record(entries)

    def _count(self, client: str) -> bool:
        """True: with this one the client is blocked."""
        now, tried = self._clock(), self._tried[client]
        while tried and not timedelta(0) <= now - tried[0] < self._window:
            tried.popleft()
        tried.append(now)
        if len(tried) < self._limit:
            return False
        tried.clear()
        self._until[client] = now + self._window
        return True

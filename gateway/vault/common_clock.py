"""What time it is where several nodes have to agree who has claimed what, and until when."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from gateway.vault.database import Database


def since_start() -> float:
    """Seconds that passed since the machine's start, asleep or not: nobody sets them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class CommonClock:
    """The database's time where nodes share one, counted on from what it said last by what passed since: a node
    whose own clock leaps does not take another one's claim for over. This machine's time in a file, and until
    the database was asked.
    """

    def __init__(
        self,
        database: Database,
        own: Callable[[], datetime],
        elapsed: Callable[[], float] = since_start,
    ) -> None:
        self._database, self._own, self._elapsed = database, own, elapsed
        self._told: tuple[datetime, float] | None = None  # what it said, and when, by `elapsed`

    def __call__(self) -> datetime:
        """What time it is. Asks nobody."""
        told = self._told
        if told is None:
            return self._own()
        return told[0] + timedelta(seconds=self._elapsed() - told[1])

    def refresh(self) -> None:
        """Asks the database. Blocks. Raises VaultUnavailable, and goes on from what it was told last."""
        own = self._own()
        said = self._database.read(lambda c: c.time(own))
        # `own` again: a file has no time of its own. Else it is late by the way back, so that a claim of another
        # node's is over rather later than too early.
        self._told = None if said is own else (said, self._elapsed())

"""Whether the machine's clock may be believed by what erases: a clock that leapt a year ahead would have
every card's time be over.

1. The clock is compared with the time that passed since the machine's start, which nobody sets. Where it
   is more than an hour ahead of that it leapt, and nothing is erased by itself until it is set right, or
   has stood so for a day: somebody had a day to see what the log, /readyz and the metric say.
2. A process that has not run for a day yet asks the audit: an entry from one to three days ago, by this
   clock, says that the gateway ran then as well; so does one that has no older entries. Without either,
   as after a stay in storage, nothing is erased until the process has run for a day.
3. A clock that is set back erases less: it is believed. Security codes are not asked about: they end by
   whichever clock is later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from gateway.log import event

# More than a clock is corrected by, or a summer time that somebody got wrong.
LEAP: Final = timedelta(minutes=61)
HELD: Final = timedelta(days=1)
_RAN: Final = timedelta(days=3)

Ran = Callable[[datetime, datetime], bool]  # whether the gateway ran between


def since_start() -> float:
    """Seconds since the machine's start, those that it slept as well."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class ClockGuard:
    """One process's view of the clock. Thread-safe."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        ran: Ran,
        elapsed: Callable[[], float] = since_start,
    ) -> None:
        """`elapsed`: seconds by a clock that nobody sets. `ran` is asked until a day has passed."""
        self._clock, self._ran, self._elapsed = clock, ran, elapsed
        self._lock = threading.Lock()
        self._since = elapsed()  # since when the clock has stood as it does
        self._offset = self._ahead()
        self._before: tuple[float, float] | None = None  # both, as they were before it leapt
        self._waits = False  # the log says so

    def leapt(self) -> timedelta | None:
        """By how much, while that is not believed; None when it did not."""
        with self._lock:
            self._look()
            if self._before is None:
                return None
            return timedelta(seconds=round(self._offset - self._before[1]))

    def believed(self) -> bool:
        """Whether what is over by the clock may be erased. Blocks. Raises what `ran` raises."""
        with self._lock:
            self._look()
            if self._elapsed() - self._since >= HELD.total_seconds():
                if self._before is not None:
                    event("clock_believed", level=logging.WARNING)
                self._before = None
                return True
            if self._before is not None:
                return False
            now = self._clock()
            ran = self._ran(now - _RAN, now - HELD)
            if not ran and not self._waits:
                event("clock_not_known", level=logging.WARNING, hours=HELD // timedelta(hours=1))
            self._waits = not ran
            return ran

    def _ahead(self) -> float:
        return self._clock().timestamp() - self._elapsed()

    def _look(self) -> None:
        ahead, most = self._ahead(), LEAP.total_seconds()
        if ahead > self._offset + most:
            self._before = self._before or (self._since, self._offset)
            seconds = round(ahead - self._before[1])
            self._since, self._offset = self._elapsed(), ahead
            event("clock_leapt", level=logging.ERROR, seconds=seconds)
        elif ahead < self._offset - most:
            self._offset = ahead
            if self._before is not None and ahead <= self._before[1] + most:
                self._since, self._before = self._before[0], None
            event("clock_set_back", level=logging.WARNING)

"""Writes the tally once a minute, judges every route once in a while, and tells Prometheus and the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from time import monotonic
from typing import Final, NoReturn

from gateway.drift.judge import WINDOWS, Kind, Verdict, judge
from gateway.drift.tally import Tally
from gateway.errors import VaultUnavailable
from gateway.log import event
from gateway.metrics import Metrics
from gateway.rules.watch import Rules
from gateway.vault.route_hours import KEPT, RouteHour, RouteHourTable, begins, hour_of

_FLUSH_SECONDS: Final = 60.0
_JUDGE_SECONDS: Final = 600.0  # history counts in hours


def verdicts(
    hours: Iterable[RouteHour], now: int, windows: Sequence[int] = WINDOWS
) -> Iterator[Verdict]:
    """The verdict on each route and phase; `hours` by route, phase and hour, as the table gives them. Those
    behind `now` are left out: a clock was wrong.
    """
    told = (one for one in hours if one.hour <= now)
    for _, same in groupby(told, key=lambda one: (one.route, one.phase)):
        yield judge(list(same), now, windows)


class DriftWatch:
    """Its task runs until it is cancelled. Nothing waits for it."""

    def __init__(
        self,
        *,
        rules: Rules,
        tally: Tally,
        table: RouteHourTable,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._rules, self._tally, self._table = rules, tally, table
        self._metrics, self._clock = metrics, clock
        self._judged = float("-inf")
        self._told: dict[tuple[str, str], tuple[Kind, ...]] = {}

    async def run(self) -> NoReturn:
        """Writes and judges, again and again. While the database is away the log says so."""
        while True:
            try:
                await asyncio.to_thread(self.flush)
                if monotonic() - self._judged >= _JUDGE_SECONDS:
                    self._judged = monotonic()
                    await asyncio.to_thread(self.look)
            except VaultUnavailable as error:
                event("drift_not_counted", level=logging.ERROR, code=error.code)
            await asyncio.sleep(_FLUSH_SECONDS)

    def flush(self) -> None:
        """Writes what was counted. Blocks; raises VaultUnavailable, and nothing is lost."""
        self._tally.flush()

    def look(self) -> None:
        """Judges the routes of the rules in force. Blocks; raises VaultUnavailable."""
        now = self._clock()
        hours = self._table.since(hour_of(now - KEPT))
        known = {route.id for route in self._rules.current.routes}
        told: dict[tuple[str, str], tuple[Kind, ...]] = {}
        for one in verdicts((hour for hour in hours if hour.route in known), hour_of(now)):
            told[one.route, one.phase] = one.kinds
            self._tell(one)
        for gone in self._told.keys() - told.keys():
            self._forget(*gone)
        self._told = told

    def _tell(self, verdict: Verdict) -> None:
        route, phase = verdict.route, verdict.phase
        for kind in Kind:
            self._metrics.drift.labels(route, phase, kind.value).set(kind in verdict.kinds)
        for gauge, sums in (
            (self._metrics.cards_expected, verdict.before),
            (self._metrics.cards_recent, verdict.recent),
        ):
            if sums.per_booking is not None:
                gauge.labels(route, phase).set(sums.per_booking)
        before = self._told.get((route, phase), ())
        if verdict.kinds and verdict.kinds != before:
            since = None if verdict.since is None else begins(verdict.since).isoformat()
            event(
                "drift", level=logging.WARNING, route=route, phase=phase,
                kinds=[kind.value for kind in verdict.kinds], since=since,
            )  # fmt: skip
        elif before and not verdict.kinds:
            event("drift_over", route=route, phase=phase)

    def _forget(self, route: str, phase: str) -> None:
        for kind in Kind:
            self._metrics.drift.remove(route, phase, kind.value)
        for gauge in (self._metrics.cards_expected, self._metrics.cards_recent):
            gauge.remove(route, phase)

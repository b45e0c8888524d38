"""The cost of cards as they get more: new ones, known ones, and bookings without any."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bench import cpu, messages
from bench.load import Connection, Proxy
from bench.upstream import Upstream

Kind = Literal["new", "known", "none"]
WATCHED = 90  # the series of cards that the event loop is watched with
_SETTLES = 0.3  # seconds: what follows an answer, its log line too, is part of it


@dataclass(frozen=True, slots=True)
class Bulk:
    """One message with `count` bookings: seconds: the median of wall time,
    the mean of CPU time. None: not done within the time limit."""

    kind: Kind
    count: int
    bytes: int
    wall: float | None
    cpu: float | None


class Bulks:
    """Sends large messages through the gateway. `limit` in seconds is the longest that it waits."""

    def __init__(self, proxy: Proxy, upstream: Upstream, key: str, limit: float) -> None:
        self._proxy, self._upstream, self._key, self._limit = proxy, upstream, key, limit
        self._context = proxy.context()
        self._series = itertools.count(1)  # 0 is known already, from the other cases

    def measure(self, repeats: dict[int, int]) -> Iterator[Bulk]:
        """Each size so many times: new, known, none. Ends early when one is not done in time."""
        for count, times in repeats.items():
            series = [next(self._series) for _ in range(times)]
            named = {
                "new": [messages.cards(count, one) for one in series],
                "known": [messages.cards(count, series[-1])] * times,
                "none": [messages.bookings(count)] * times,
            }
            for kind, names in named.items():
                bulk = self._bulk(kind, count, names)
                yield bulk
                if bulk.wall is None:
                    return

    def _bulk(self, kind: Kind, count: int, names: list[str]) -> Bulk:
        """All of `names` over one connection, so that what stands around them is shared."""
        port, pid = self._upstream.port, self._proxy.pid
        requests = [messages.request(name, port, self._key) for name in names]
        for request in requests:
            self._upstream.prepare(request)
        answers = []
        with Connection(self._proxy, port, self._context, self._limit) as connection:
            connection.ask(messages.request("small", port, self._key))
            began = cpu.seconds(pid)
            try:
                for request in requests:
                    answer = connection.ask(request)
                    tokens = answer.body.count(b"<PaycometResponse>")
                    if answer.status != 200 or tokens != (0 if kind == "none" else count):
                        raise RuntimeError(f"{count} bookings: {answer.status}, {tokens} tokens")
                    answers.append((answer.seconds, len(answer.body)))
            except TimeoutError:
                return Bulk(kind, count, 0, None, None)
            time.sleep(_SETTLES)
            spent = (cpu.seconds(pid) - began) / len(names)
        walls, sizes = zip(*answers, strict=True)
        return Bulk(kind, count, sizes[-1], statistics.median_low(walls), spent)

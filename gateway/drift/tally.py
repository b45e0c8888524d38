"""What every exchange adds to its route's history: in memory, written once a minute, never on its way.

A process that is killed loses the minute. While the database is away the numbers wait here, and no answer
does: of many hours the first are kept. What may have been written, for nobody said how its commit ended, stays as
it is, and is written again under the same number: it counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from threading import Lock
from typing import Final, NamedTuple, Protocol, TypeAlias

from gateway.drift.unread import bookings_unread
from gateway.errors import (
    BodyOpaque,
    BodyTooLarge,
    CardDisguised,
    CodingNotSupported,
    GatewayError,
    LabelWrong,
    MessageForbidden,
    MessageMalformed,
    MessageUnfit,
)
from gateway.exchange import Exchange, Seen
from gateway.metrics import Metrics
from gateway.rules.by_sign import by_first_sign
from gateway.rules.model import Route
from gateway.rules.model_directions import Direction
from gateway.vault.route_hours import Flush, Phase, RouteHour, hour_of

# What a message is refused for that holds other things than its rule says.
_CONTENT: Final = (
    BodyOpaque, BodyTooLarge, CardDisguised, CodingNotSupported, LabelWrong, MessageForbidden,
    MessageMalformed, MessageUnfit,
)  # fmt: skip
_WAITING_MAX: Final = 10_000  # hours of routes: a week of sixty of them

_Numbers: TypeAlias = dict[tuple[str, int, Phase], list[int]]  # of a route, an hour and a phase


class Table(Protocol):
    """Where the hours are added up."""

    def add(self, hours: Sequence[RouteHour], flush: Flush) -> None:
        """Adds to what is there, once for each `flush`. Raises VaultUnavailable."""


class _Read(NamedTuple):
    """A message, and what of it is no card's."""

    phase: Phase
    seen: Seen
    refused: int = 0
    outside: int = 0


class Tally:
    """Gathers; `flush` writes, off the event loop. `writer`: see `Flush`."""

    def __init__(
        self, table: Table, metrics: Metrics, clock: Callable[[], datetime], writer: str
    ) -> None:
        self._table, self._metrics, self._clock = table, metrics, clock
        self._waiting: _Numbers = {}
        self._begun: _Numbers = {}  # as it was given to the table, until that says that it is there
        self._flush = Flush(writer, 0)
        self._lock, self._flushing = Lock(), Lock()

    def note(self, exchange: Exchange, error: GatewayError | None) -> None:
        """Adds an exchange that is over; `error` is what refused it. What failed for another reason than
        its messages says nothing of them, and is left out; so is an answer that is handed out again.
        """
        route = exchange.route
        if route is None or exchange.again:
            return
        for phase, seen, refused, outside in _messages(exchange, route, error):
            name = route.id
            self._metrics.route_messages_of[name, phase].inc()
            if seen.bookings:
                self._metrics.route_bookings_of[name, phase].inc(seen.bookings)
            # Several shapes may see one booking: it is one all the same.
            with_card = min(seen.with_card, seen.bookings)
            numbers = (
                1, seen.bookings, with_card, seen.cards, seen.left_alone, seen.failed, refused, outside
            )  # fmt: skip
            with self._lock:
                self._add((name, hour_of(self._clock()), phase), numbers)

    def flush(self) -> None:
        """Writes what was gathered. Raises VaultUnavailable, and keeps it for the next time."""
        with self._flushing:
            self._write()  # what the last time left
            with self._lock:
                self._begun, self._waiting = self._waiting, {}
            self._flush = self._flush._replace(number=self._flush.number + 1)
            self._write()

    def _write(self) -> None:
        if self._begun:
            hours = [RouteHour(*key, *numbers) for key, numbers in self._begun.items()]
            self._table.add(hours, self._flush)
            self._begun = {}

    def _add(self, key: tuple[str, int, Phase], numbers: Sequence[int]) -> None:
        known = self._waiting.get(key)
        if known is not None:
            for place, number in enumerate(numbers):
                known[place] += number
        elif len(self._waiting) + len(self._begun) < _WAITING_MAX:
            self._waiting[key] = list(numbers)


def _messages(exchange: Exchange, route: Route, error: GatewayError | None) -> Iterator[_Read]:
    """The messages of an exchange that its route looks into; of one that is only guarded, the answer."""
    if isinstance(error, _CONTENT):
        phase: Phase = "request" if exchange.response is None else "response"
        yield _Read(phase, Seen(), refused=1, outside=int(isinstance(error, CardDisguised)))
        return
    if error is not None:
        return
    asks = _looks(route.request)
    tells = not asks or route.response.tokenize is not None
    outside = int(exchange.counts.guarded > 0)
    if asks and exchange.request.body:
        read = exchange.seen.get("request") or _unread_request(exchange, route)
        yield _Read("request", read, outside=0 if tells else outside)
    if tells and _is_answer(exchange):
        read = exchange.seen.get("response") or _unread_answer(exchange, route)
        yield _Read("response", read, outside=outside)


def _looks(rule: Direction) -> bool:
    return bool(rule.tokenize or rule.detokenize or rule.exchange)


def _is_answer(exchange: Exchange) -> bool:
    response = exchange.response
    return response is not None and 200 <= response.status < 300 and response.body != b""


def _unread_request(exchange: Exchange, route: Route) -> Seen:
    """A charge, which is one booking; or a push without anything like a card."""
    if route.request.tokenize is not None:
        return Seen(_unread(exchange.request.body, route.request))
    tokens = exchange.counts.detokenized + exchange.counts.exchanged
    return Seen(bookings=1, with_card=int(tokens > 0), cards=tokens)


def _unread_answer(exchange: Exchange, route: Route) -> Seen:
    response, rule = exchange.response, route.response.tokenize
    if response is None or rule is None:
        return Seen()
    if "Content-Encoding" in response.headers:
        return Seen(0 if any(shape.booking for shape in rule.shapes) else 1)
    return Seen(_unread(response.body, route.response))


def _unread(body: bytes, rule: Direction) -> int:
    return bookings_unread(body, by_first_sign(rule, body).shapes)

"""What every exchange adds to its route's history: in memory, written once a minute, never on its way.

A process that is killed loses the minute. While the database is away the numbers wait here, and no answer
does: of many hours the first are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from threading import Lock
from typing import Final, Protocol

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
    VaultUnavailable,
)
from gateway.exchange import Exchange, Seen
from gateway.metrics import Metrics
from gateway.rules.model import Direction, Route
from gateway.vault.route_hours import Phase, RouteHour, hour_of

# What a message is refused for that holds other things than its rule says.
_CONTENT: Final = (
    BodyOpaque, BodyTooLarge, CardDisguised, CodingNotSupported, LabelWrong, MessageForbidden,
    MessageMalformed, MessageUnfit,
)  # fmt: skip
_WAITING_MAX: Final = 10_000  # hours of routes: a week of sixty of them


class Table(Protocol):
    """Where the hours are added up."""

    def add(self, hours: Sequence[RouteHour]) -> None:
        """Adds to what is there. Raises VaultUnavailable."""


class Tally:
    """Gathers; `flush` writes, off the event loop."""

    def __init__(self, table: Table, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self._table, self._metrics, self._clock = table, metrics, clock
        self._waiting: dict[tuple[str, int, Phase], RouteHour] = {}
        self._lock = Lock()

    def note(self, exchange: Exchange, error: GatewayError | None) -> None:
        """Adds an exchange that is over; `error` is what refused it. What failed for another reason than
        its messages says nothing of them, and is left out; so is an answer that is handed out again.
        """
        route = exchange.route
        if route is None or exchange.again:
            return
        hour = hour_of(self._clock())
        for one in _messages(exchange, route, error, hour):
            self._metrics.route_messages_of[one.route, one.phase].inc(one.messages)
            if one.bookings:
                self._metrics.route_bookings_of[one.route, one.phase].inc(one.bookings)
            with self._lock:
                self._add(one)

    def flush(self) -> None:
        """Writes what was gathered. Raises VaultUnavailable, and keeps it for the next time."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        try:
            self._table.add(list(waiting.values()))
        except VaultUnavailable:
            with self._lock:
                newer, self._waiting = self._waiting, waiting
                for one in newer.values():
                    self._add(one)
            raise

    def _add(self, one: RouteHour) -> None:
        key = one[:3]
        known = self._waiting.get(key)
        if known is not None:
            one = RouteHour(*key, *(a + b for a, b in zip(known[3:], one[3:], strict=True)))
        elif len(self._waiting) >= _WAITING_MAX:
            return
        self._waiting[key] = one


def _messages(
    exchange: Exchange, route: Route, error: GatewayError | None, hour: int
) -> Iterator[RouteHour]:
    """The messages of an exchange that its route looks into; of one that is only guarded, the answer."""
    answered = exchange.response is not None
    if isinstance(error, _CONTENT):
        yield RouteHour(
            route.id, hour, "response" if answered else "request",
            messages=1, refused=1, outside=int(isinstance(error, CardDisguised)),
        )  # fmt: skip
        return
    if error is not None:
        return
    tells = bool(route.response.tokenize) or not _looks(route.request)
    outside = int(exchange.counts.guarded > 0)
    if _looks(route.request) and exchange.request.body:
        read = exchange.seen.get("request") or _unread_request(exchange, route)
        yield _hour(route, hour, "request", read, 0 if tells else outside)
    if tells and _is_answer(exchange):
        read = exchange.seen.get("response") or _unread_answer(exchange, route)
        yield _hour(route, hour, "response", read, outside)


def _looks(rule: Direction) -> bool:
    return bool(rule.tokenize or rule.detokenize or rule.exchange)


def _is_answer(exchange: Exchange) -> bool:
    response = exchange.response
    return response is not None and 200 <= response.status < 300 and response.body != b""


def _unread_request(exchange: Exchange, route: Route) -> Seen:
    """A charge, which is one booking; or a push without anything like a card."""
    if route.request.tokenize is not None:
        return Seen(bookings_unread(exchange.request.body, route.request.tokenize.shapes))
    tokens = exchange.counts.detokenized + exchange.counts.exchanged
    return Seen(bookings=1, with_card=int(tokens > 0), cards=tokens)


def _unread_answer(exchange: Exchange, route: Route) -> Seen:
    response, rule = exchange.response, route.response.tokenize
    if response is None or rule is None:
        return Seen()
    if "Content-Encoding" in response.headers:
        return Seen(0 if any(shape.booking for shape in rule.shapes) else 1)
    return Seen(bookings_unread(response.body, rule.shapes))


def _hour(route: Route, hour: int, phase: Phase, seen: Seen, outside: int) -> RouteHour:
    return RouteHour(
        route.id, hour, phase, messages=1, bookings=seen.bookings,
        # Several shapes may see one booking: it is one all the same.
        with_card=min(seen.with_card, seen.bookings), cards=seen.cards,
        left_alone=seen.left_alone, failed=seen.failed, outside=outside,
    )  # fmt: skip

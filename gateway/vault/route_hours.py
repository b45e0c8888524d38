"""What each route's messages held, hour by hour: numbers only, added up by all processes of a vault.

Nobody knows how a commit ended whose connection was lost, so whoever adds may do it again: in the transaction that
adds stands, too, that it did. The second time finds that, and adds nothing.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

from gateway.audit import Action, Entry, Outcome
from gateway.vault.database import Connection, Database
from gateway.vault.entries import append

Phase: TypeAlias = Literal["request", "response"]

KEPT: Final = timedelta(days=90)
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY: Final = date(1970, 1, 1).toordinal()


class RouteHour(NamedTuple):
    """One hour of a route in one phase. `hour` counts from 1970, in UTC.

    `bookings`: where the shape says what a booking is; else each message is one. `with_card`: of these,
    `cards`: clear ones, `left_alone`: masks, sentinels, tokens that came as such. `refused`: messages, for
    what they hold. `outside`: messages with card-shaped digits outside of every shape.
    """

    route: str
    hour: int
    phase: Phase
    messages: int = 0
    bookings: int = 0
    with_card: int = 0
    cards: int = 0
    left_alone: int = 0
    failed: int = 0
    refused: int = 0
    outside: int = 0


class Flush(NamedTuple):
    """One time that a process adds. `writer`: letters, drawn anew by each process (digits beside others might look
    like a card's number in the file); `number` rises.
    """

    writer: str
    number: int


NUMBERS: Final = RouteHour._fields[3:]
_COLUMNS: Final = ", ".join(RouteHour._fields)
_MARKS: Final = ", ".join("?" * len(RouteHour._fields))
_ADDED: Final = ", ".join(f"{name} = route_hour.{name} + excluded.{name}" for name in NUMBERS)
_UPSERT: Final = (
    f"INSERT INTO route_hour ({_COLUMNS}) VALUES ({_MARKS})"
    f" ON CONFLICT (route, hour, phase) DO UPDATE SET {_ADDED}"
)
# Changes a row unless this flush, or a later one, is there already. The newest hour in it says when nobody can ask
# again any more but for hours that are too old themselves.
_FLUSHED: Final = (
    "INSERT INTO route_writer (writer, flush, hour) VALUES (?, ?, ?) ON CONFLICT (writer) DO UPDATE"
    " SET flush = excluded.flush, hour = excluded.hour WHERE route_writer.flush < excluded.flush"
)
_SINCE: Final = f"SELECT {_COLUMNS} FROM route_hour WHERE hour >= ?"


def hour_of(at: datetime) -> int:
    """Which hour a time is in. Raises ValueError without a time zone."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return int(at.timestamp() // 3600)


def begins(hour: int) -> datetime:
    """When it began."""
    return _BEGINNING + timedelta(hours=hour)


class RouteHourTable:
    """The history. Every method blocks on the disk, and raises VaultUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, hours: Sequence[RouteHour], flush: Flush) -> None:
        """Adds to what is there, one transaction for all. Where that fails nobody knows whether it was done: the
        same hours with the same `flush` may be added again, and count once. Meanwhile the writer adds no others.
        """
        # In one order, so that two nodes never wait for each other's rows.
        rows = [(one.route, _text(one.hour), *one[2:]) for one in sorted(hours)]
        if rows:
            told = (*flush, _text(max(one.hour for one in hours)))
            self._database.write("route_hours", lambda c: _add(c, rows, told)).result()

    def since(self, hour: int) -> list[RouteHour]:
        """Every hour from `hour` on that anything happened in, by route, the request before the response,
        oldest first."""
        rows = self._database.read(lambda c: c.execute(_SINCE, (_text(hour),)).fetchall())
        found = [RouteHour(row[0], _hour(row[1]), *row[2:]) for row in rows]
        return sorted(found, key=lambda one: (one.route, one.phase, one.hour))

    def purge(self, now: datetime) -> int:
        """Erases the hours that are older than `KEPT`; gives how many."""
        oldest = _text(hour_of(now - KEPT))

        def work(connection: Connection) -> int:
            connection.execute("DELETE FROM route_writer WHERE hour < ?", (oldest,))
            return connection.execute("DELETE FROM route_hour WHERE hour < ?", (oldest,)).rowcount

        return self._database.write("purge_route_hours", work).result()

    def forget(self, route: str, at: datetime, origin: str) -> int:
        """Erases all of a route's hours: its history begins anew. Gives how many there were; where there
        were any, an audit entry says who did it, in the same transaction."""

        def work(connection: Connection) -> int:
            hours = connection.execute("DELETE FROM route_hour WHERE route = ?", (route,)).rowcount
            if hours:
                done = Entry(at, "", Action.DRIFT_ACCEPT, Outcome.DONE, origin=origin, route=route)
                append(connection, [done])
            return hours

        return self._database.write("forget_route", work).result()


def _add(
    connection: Connection, rows: Sequence[tuple[object, ...]], told: tuple[object, ...]
) -> None:
    if connection.execute(_FLUSHED, told).rowcount:
        connection.executemany(_UPSERT, rows)


def _text(hour: int) -> str:
    return begins(hour).isoformat()[:13]


def _hour(text: str) -> int:
    day = date.fromisoformat(text[:10]).toordinal() - _FIRST_DAY
    return day * 24 + int(text[11:13])

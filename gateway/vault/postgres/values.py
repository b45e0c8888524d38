"""Every value of every table of a PostgreSQL database, as bytes: for a search through all that is there.

What the server keeps beside its tables, as its write-ahead log, is out of a client's reach.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from gateway.errors import VaultUnavailable
from gateway.vault.postgres.place import PostgresPlace

_SECONDS: Final = 5.0  # that a connection is waited for
_AT_ONCE: Final = 500
_COLUMNS: Final = (
    "SELECT table_schema, table_name, column_name FROM information_schema.columns"
    " JOIN information_schema.tables USING (table_schema, table_name)"
    " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    " ORDER BY table_schema, table_name, ordinal_position"
)


class Values(NamedTuple):
    """Some values of one column; NULL is empty."""

    table: str
    column: str
    values: list[bytes]


def tables(place: PostgresPlace) -> list[str]:
    """The names of all tables that there are but the server's own. Raises VaultUnavailable."""
    with _connected(place) as connection:
        return list(dict.fromkeys(table for _, table, _ in connection.execute(_COLUMNS)))


def values(place: PostgresPlace) -> Iterator[Values]:
    """All of them in one state of the database, a portion at a time. Raises VaultUnavailable."""
    with _connected(place) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for schema, table, column in connection.execute(_COLUMNS).fetchall():
            asked = sql.SQL("SELECT {} FROM {}")
            named = asked.format(sql.Identifier(column), sql.Identifier(schema, table))
            with connection.cursor("column_values") as cursor:
                cursor.execute(named)
                while rows := cursor.fetchmany(_AT_ONCE):
                    yield Values(table, column, [_bytes(value) for (value,) in rows])


@contextmanager
def _connected(place: PostgresPlace) -> Iterator[psycopg.Connection[Any]]:
    """A connection of its own. What fails is told without SQL or values."""
    failed = False
    try:
        options: Any = place.options(_SECONDS)
        with psycopg.connect(place.url, **options) as connection:
            yield connection
    except psycopg.Error:
        failed = True
    if failed:
        raise VaultUnavailable


def _bytes(value: Any) -> bytes:  # Any: the columns' types
    return value if isinstance(value, bytes) else b"" if value is None else str(value).encode()

"""A vault's database from outside, for looking and for damaging: the same words for both stores."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg

from gateway.vault.places import Place
from gateway.vault.postgres.connection import PostgresConnection, configure
from gateway.vault.sqlite.connection import SqliteConnection

# What a database says to whoever changes what is to stay.
REFUSED = (sqlite3.IntegrityError, psycopg.errors.RaiseException)
_HELD = "audit, card, link, probe, api_key"
# As information_schema has them, at a fifth of its cost: it asks of each column who may see it.
_ATTRIBUTES = (
    "pg_attribute AS a JOIN pg_class AS t ON t.oid = a.attrelid"
    " WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'v')"
    " AND a.attnum > 0 AND NOT a.attisdropped"
)


class Outside:
    """Statements as the tables' code writes them, and what the two stores spell each in its own way."""

    def __init__(self, raw) -> None:
        self.raw = raw
        self._postgres = isinstance(raw, PostgresConnection)

    def execute(self, statement: str, values=()):
        return self.raw.execute(statement, values)

    def executemany(self, statement: str, rows):
        return self.raw.executemany(statement, rows)

    def tables(self) -> list[str]:
        statement = "SELECT name FROM sqlite_schema WHERE type = 'table'"
        if self._postgres:
            statement = (
                "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p')"
                " AND relnamespace = current_schema()::regnamespace"
            )
        return [name for (name,) in self.execute(statement).fetchall()]

    def contents(self, asked: Mapping[str, str]) -> dict[str, list]:
        """Table → of each of its rows what is asked of that table: a column, or `*` for all of it.

        It is there to be compared: PostgreSQL says it as text, all tables in one answer. A statement for
        each costs its server five times what so few rows do.
        """
        if not self._postgres:
            found = {
                name: self.execute(f"SELECT {what} FROM {name}").fetchall()
                for name, what in asked.items()
            }
        else:
            found = {name: [] for name in asked}
            each = (
                f"SELECT '{name}', ({'t' if what == '*' else what})::text FROM {name} AS t"
                for name, what in asked.items()
            )
            for name, row in self.execute(" UNION ALL ".join(each)).fetchall():
                found[name].append(row)
        return {name: sorted(rows, key=repr) for name, rows in found.items()}

    def columns(self, table: str) -> set[str]:
        statement = "SELECT name FROM pragma_table_info(?)"
        if self._postgres:
            statement = f"SELECT a.attname::text FROM {_ATTRIBUTES} AND t.relname = ?"
        return {name for (name,) in self.execute(statement, (table,)).fetchall()}

    def with_column(self, column: str) -> set[str]:
        """The tables that have it."""
        statement = (
            "SELECT t.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c"
            " WHERE t.type = 'table' AND c.name = ?"
        )
        if self._postgres:
            statement = f"SELECT t.relname::text FROM {_ATTRIBUTES} AND a.attname = ?"
        return {name for (name,) in self.execute(statement, (column,)).fetchall()}

    def blobs(self) -> set[tuple[str, str]]:
        """Table and column of all that holds bytes."""
        statement = (
            "SELECT t.name, c.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c"
            " WHERE t.type = 'table' AND c.type = 'BLOB'"
        )
        if self._postgres:
            statement = (
                "SELECT table_name::text, column_name::text FROM information_schema.columns"
                " WHERE table_schema = current_schema() AND data_type = 'bytea'"
            )
        return {(table, column) for table, column in self.execute(statement).fetchall()}

    def miscount(self) -> None:
        """The number of cards that the database notes is one too high for each product."""
        table = "card_count_part" if self._postgres else "card_count"
        self.execute(f"UPDATE {table} SET cards = cards + 1")

    def assert_sound(self) -> None:
        """Nothing is half written. PostgreSQL has no such state that a statement could find."""
        if not self._postgres:
            assert self.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert self.execute("PRAGMA foreign_key_check").fetchall() == []

    def with_cascades(self) -> Outside:
        """Rows take with them what refers to them; SQLite asks each connection for it."""
        if not self._postgres:
            self.execute("PRAGMA foreign_keys = ON")
        return self

    def unguard(self, *tables: str) -> None:
        """Whoever owns the database can do without its triggers."""
        for table in tables:
            if self._postgres:
                self.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                continue
            statement = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?"
            for (name,) in self.execute(statement, (table,)).fetchall():
                self.execute(f"DROP TRIGGER {name}")

    def refuse_entries(self, exchange: str | None = None) -> None:
        """No audit entry is taken from now on; or none of an exchange."""
        when = "" if exchange is None else f"WHEN (NEW.exchange = '{exchange}')"
        if self._postgres:
            self.execute(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'no'; END $$"
            )
            self.execute(
                "CREATE TRIGGER no_audit BEFORE INSERT ON audit FOR EACH ROW"
                f" {when} EXECUTE FUNCTION refuse()"
            )
        else:
            self.execute(
                f"CREATE TRIGGER no_audit BEFORE INSERT ON audit {when}"
                " BEGIN SELECT RAISE(ABORT, 'no'); END"
            )

    def take_entries(self) -> None:
        """As before `refuse_entries`."""
        self.execute("DROP TRIGGER no_audit" + (" ON audit" if self._postgres else ""))

    def forget_newest(self, id: int) -> None:
        """What the database itself notes of the newest entry, as if it were `id`."""
        if self._postgres:
            self.execute("DELETE FROM audit_head WHERE id > ?", (id,))
        else:
            self.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'audit'", (id,))

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Nobody else can write meanwhile."""
        self.execute("BEGIN" if self._postgres else "BEGIN IMMEDIATE")
        if self._postgres:
            self.execute(f"LOCK TABLE {_HELD} IN EXCLUSIVE MODE")
        try:
            yield
        finally:
            self.execute("ROLLBACK")


@contextmanager
def outside(place: Place) -> Iterator[Outside]:
    if isinstance(place, Path):
        connection = sqlite3.connect(place, isolation_level=None, factory=SqliteConnection)
        try:
            yield Outside(connection)
        finally:
            connection.close()
        return
    raw = psycopg.connect(place.url)
    try:
        configure(raw)
        yield Outside(PostgresConnection(raw, {}))
    finally:
        raw.close()

"""A connection to PostgreSQL, as the vault's tables use one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from psycopg import Connection, DatabaseError, RawCursor, RawServerCursor, sql
from psycopg.adapt import Dumper
from psycopg.pq import TransactionStatus

from gateway.vault.chain import Head
from gateway.vault.database import Cursor, Values
from gateway.vault.postgres.spelling import Insert, insert_of, spelled, unnested

if TYPE_CHECKING:
    from psycopg import Cursor as PsycopgCursor
    from psycopg.abc import Buffer

    from gateway.vault.journal import Journal

Row: TypeAlias = tuple[Any, ...]  # Any: the columns' types, as the schema gives them
Types: TypeAlias = dict[tuple[str, str], str]  # (table, column) → its type

# One array each has so many values at most: a message of a hundred thousand cards shall not be copied whole.
_AT_ONCE: Final = 5000
_ROWS_AT_ONCE: Final = 1000
# What waits for a trip is small: a trip of its own is nothing beside a thousand rows.
_WAITING_AT_MOST: Final = 1000
_TYPES: Final = (
    "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
    " WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped"
)

_CAME_TO: Final = (
    "INSERT INTO audit_head (writer, seq, id, hash) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (writer) DO UPDATE SET seq = excluded.seq, id = excluded.id, hash = excluded.hash"
)
_HEADS: Final = "SELECT writer, seq, id, hash FROM audit_head ORDER BY writer"
_SEQUENCES: Final = (
    "SELECT t.relname::text, a.attname::text, s.seqrelid::regclass::text,"
    " coalesce(pg_sequence_last_value(s.seqrelid), 0)"
    " FROM pg_sequence AS s JOIN pg_class AS q ON q.oid = s.seqrelid"
    " LEFT JOIN pg_depend AS d ON d.objid = q.oid AND d.deptype = 'i'"
    " AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass"
    " JOIN pg_class AS t ON t.oid = coalesce(d.refobjid, to_regclass('audit')::oid)"
    " JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = coalesce(d.refobjsubid, 1)"
    " WHERE q.relnamespace = current_schema()::regnamespace"
    " AND (d.objid IS NOT NULL OR q.relname = 'audit_id') ORDER BY 1"
)
_BESIDE: Final = (
    "SELECT held.virtualtransaction FROM pg_locks AS held JOIN pg_stat_activity AS one USING (pid)"
    " WHERE held.locktype = 'virtualxid' AND held.granted AND held.pid <> pg_backend_pid()"
    " AND one.datname = current_database()"
)
_OPEN: Final = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
_HIGHEST: Final = sql.SQL("SELECT coalesce(max({}), 0) FROM {}")


class _Flag(Dumper):
    """True and False as 1 and 0, as the schema has them."""

    oid = 20  # int8

    def dump(self, obj: bool) -> Buffer:  # noqa: FBT001 - psycopg's signature
        return b"1" if obj else b"0"


class PostgresConnection:
    """Fulfils `Connection`, within a transaction of `raw`. `types` are those of the schema's columns, as
    far as they were looked up: shared by all connections of a database.

    What `add` adds waits for the next statement, and goes to the server in one trip with it. What was
    asked when the transaction began: `answered` is a SELECT with its only row, which no INSERT changes;
    `entries` are ids for audit entries.
    """

    gapless = False

    def __init__(
        self,
        raw: Connection[Row],
        types: Types,
        journal: Journal | None = None,
        *,
        answered: tuple[str, Row] | None = None,
        entries: Sequence[int] = (),
    ) -> None:
        self.journal = journal
        self._raw, self._types, self._answered = raw, types, answered
        self._entries = list(entries)
        self._waiting: list[_Adding] = []
        self._rows_waiting = 0

    def execute(self, statement: str, values: Values = (), /) -> Cursor:
        """Runs one statement."""
        if self._answered is not None and self._answered[0] == statement:
            return _Answered(self._answered[1])
        if not statement.startswith("SELECT"):
            self._answered = None  # it may be another one from now on
        return self._run(spelled(statement), values)

    def time(self, now: datetime, /) -> datetime:
        """The server's. `now`, where it does not tell."""
        row = self._run("SELECT clock_timestamp()").fetchone()
        return now if row is None else row[0].astimezone(UTC)

    def stream(self, statement: str, values: Values = (), /) -> Iterator[Row]:
        """Its rows one after the other, however many they are."""
        self.flush()
        with RawServerCursor(self._raw, "rows") as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            yield from cursor.execute(spelled(statement), values, binary=True)

    def executemany(self, statement: str, rows: Iterable[Values], /) -> Cursor:
        """Runs it for each of `rows`."""
        self.flush()
        self._answered = None
        insert = insert_of(statement)
        if insert is None:
            cursor = self._raw.cursor()
            with self._raw.pipeline():
                cursor.executemany(spelled(statement), list(rows))
            return cursor
        changed = _Changed()
        for adding in self._adding(statement, insert, rows):
            changed.rowcount += self._run(adding.statement, adding.values).rowcount
        return changed

    def add(self, statement: str, rows: Iterable[Values], /) -> None:
        """Has the INSERT `statement` run for each of `rows`, with the next statement at the latest."""
        insert = insert_of(statement)
        if insert is None:
            self.executemany(statement, rows)
            return
        for adding in self._adding(statement, insert, rows):
            self._wait(adding)

    def flush(self) -> None:
        """Runs what waits."""
        if not self._waiting:
            return
        last = self._waiting.pop()
        if not self._waiting:
            self._rows_waiting = 0
        self._run(last.statement, last.values)

    @property
    def is_open(self) -> bool:
        """Whether the transaction, maybe a failed one, certainly has not ended."""
        return self._raw.info.transaction_status in _OPEN

    def commit(self) -> None:
        """Ends the transaction, in one trip with what waits: where that can not be added nothing is committed,
        and it `is_open` still.
        """
        # A transaction in which a statement failed is rolled back by this, without an error.
        if self._run("COMMIT").statusmessage != "COMMIT":
            raise DatabaseError

    def among(self, statement: str, values: Sequence[bytes] | Sequence[int], /) -> Iterator[Row]:
        """The rows of `statement`, in which each `IN (%s)` stands for `values`."""
        if values:
            asked = spelled(statement.replace("IN (%s)", "= ANY(?1)"))
            yield from self._run(asked, [list(values)])

    def matching(self, statement: str, rows: Sequence[Values], /) -> Iterator[Row]:
        """The rows of `statement`, in which `%s` stands for a table of `rows`."""
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            # of a list of texts psycopg does not say what it is
            marks = ", ".join("?::text[]" if isinstance(one[0], str) else "?" for one in columns)
            asked = spelled(statement.replace("%s", f"SELECT * FROM unnest({marks})"))  # noqa: S608 - marks alone
            yield from self._run(asked, columns)

    def count_cards(self, _added: Mapping[str, int], /) -> None:
        """A trigger does, once for all that one statement adds."""

    def next_entries(self, count: int, /) -> list[int]:
        """Ids for `count` audit entries, rising; no other transaction gets them."""
        taken, self._entries = self._entries[:count], self._entries[count:]
        if len(taken) < count:
            statement = "SELECT nextval('audit_id') FROM generate_series(1, $1)"
            taken += [id for (id,) in self._run(statement, [count - len(taken)])]
        return taken

    def newest_entry(self) -> int:
        """The highest id that an audit entry has."""
        row = self._run("SELECT coalesce(max(id), 0) FROM audit").fetchone()
        return 0 if row is None else int(row[0])

    def came_to(self, head: Head, id: int, /) -> None:
        """Notes that a writer's chain goes to `head`, the entry `id`."""
        self._wait(_Adding(_CAME_TO, (head.writer, head.seq, id, head.hash), 1))

    def last_heads(self) -> list[tuple[Head, int]]:
        """What `came_to` noted of each writer."""
        rows = self._run(_HEADS)
        return [(Head(writer, seq, hashed), id) for writer, seq, id, hashed in rows]

    def counters(self) -> dict[str, int]:
        """The highest number that each table's rows, the audit's too, were given by themselves."""
        return {table: last for table, _, _, last in self._sequences()}

    def beside(self) -> frozenset[str]:
        """The transactions of this database that run now. A role sees others' locks, if not what they do."""
        return frozenset(name for (name,) in self._run(_BESIDE))

    def count_from(self, counters: Mapping[str, int], /) -> None:
        """Sees to it that none of these numbers, nor one that is there, is given again. The role must own
        the tables.
        """
        self.flush()
        for table, column, sequence, last in self._sequences():
            highest = _HIGHEST.format(sql.Identifier(column), sql.Identifier(table))
            (there,) = _row(self._raw.execute(highest))
            if number := max(there, last, counters.get(table, 0)):
                self._raw.execute("SELECT setval($1::regclass, $2)", [sequence, number])

    def _sequences(self) -> list[tuple[str, str, str, int]]:
        """Table, column, the sequence of its numbers, and its last one."""
        return self._run(_SEQUENCES).fetchall()

    def _run(self, statement: str, values: Values = ()) -> PsycopgCursor[Row]:
        """Runs `statement`, and before it, in the same trip, what waits."""
        if not self._waiting:
            return self._raw.execute(statement, values, binary=True)
        waiting, self._waiting, self._rows_waiting = self._waiting, [], 0
        with self._raw.pipeline():
            for one in waiting:
                self._raw.execute(one.statement, one.values)
            return self._raw.execute(statement, values, binary=True)

    def _wait(self, adding: _Adding) -> None:
        self._waiting.append(adding)
        self._rows_waiting += adding.rows
        if self._rows_waiting > _WAITING_AT_MOST:
            self.flush()

    def _adding(self, statement: str, insert: Insert, rows: Iterable[Values]) -> Iterator[_Adding]:
        rest = iter(rows)
        while portion := list(islice(rest, _AT_ONCE)):
            if len(portion) == 1:  # arrays of one would take the server and us twice as long
                yield _Adding(spelled(statement), portion[0], 1)
                continue
            arrays = [list(column) for column in zip(*portion, strict=True)]
            yield _Adding(unnested(insert, self._types_of(insert)), arrays, len(portion))

    def _types_of(self, insert: Insert) -> tuple[str, ...]:
        wanted = [(insert.table, column) for column in insert.columns]
        if any(one not in self._types for one in wanted):
            for name, type in self._run(_TYPES, [insert.table]):
                self._types[insert.table, name] = type
        return tuple(self._types[one] for one in wanted)


class _Adding(NamedTuple):
    """An INSERT of so many `rows`, as PostgreSQL reads it, and its values."""

    statement: str
    values: Values
    rows: int


class _Answered:
    """What a statement gave that was run before."""

    rowcount = 1

    def __init__(self, row: Row) -> None:
        self._rows = [row]

    def fetchone(self) -> Row | None:
        """The row, once."""
        return self._rows.pop() if self._rows else None

    def fetchall(self) -> list[Row]:
        return list(self)

    def __iter__(self) -> Iterator[Row]:
        while self._rows:
            yield self._rows.pop()


class _Changed:
    """What a statement gave that was run in portions: how many rows it changed."""

    rowcount = 0

    def fetchone(self) -> None:
        """It gives no rows."""

    def fetchall(self) -> list[Row]:
        return []

    def __iter__(self) -> Iterator[Row]:
        return iter(())


def _row(cursor: RawCursor[Row] | Any) -> Row:
    row = cursor.fetchone()
    return (0,) if row is None else row


def configure(raw: Connection[Row]) -> None:
    """Has a new connection take statements as this file gives them. Nothing is left in the session: a
    pooler may give it to somebody else after each transaction.
    """
    raw.autocommit = True  # transactions are begun and ended by name
    raw.prepare_threshold = None
    raw.cursor_factory = RawCursor
    raw.adapters.register_dumper(bool, _Flag)

"""The PostgreSQL database: connections, transactions, and what its errors become.

Each job runs in a SERIALIZABLE transaction: as if no other ran beside it, on any node. Where two would
disturb each other PostgreSQL refuses one of them, which is run again. So the tables' code is the same as on
SQLite, where one process writes at a time.

Nothing of a database error leaves this file but its code in the log: messages can hold SQL and values.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from itertools import chain
from typing import Final, TypeVar, cast

import psycopg
from psycopg import errors, sql
from psycopg_pool import PoolClosed, PoolTimeout

from gateway.errors import ConfigurationError, Problem, VaultAway, VaultBusy, VaultUnavailable
from gateway.log import event
from gateway.vault import key_rows
from gateway.vault.database import Connection, Step, no_step
from gateway.vault.journal import Journal
from gateway.vault.model import Taken
from gateway.vault.postgres.connection import PostgresConnection, Row, Types
from gateway.vault.postgres.connections import Connections
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.postgres.schema import migrate
from gateway.vault.writer import Job, Writer

T = TypeVar("T")

# Who writes says so, and nobody minds; who waits to write alone lets nobody begin behind it. Taken before
# the first statement that sees a state of the database, so that it is the one without the others.
_TURN: Final = "LOCK TABLE keyring_version IN {} MODE"
_TAKEN: Final = (errors.UniqueViolation, errors.ForeignKeyViolation)
# Another node was in the way; the same again finds what that one did.
_AGAIN: Final = (errors.SerializationFailure, errors.DeadlockDetected)
# With no connection to be had, each job of those that wait together would wait as long again.
_BUSY: Final = (errors.LockNotAvailable, errors.QueryCanceled, PoolTimeout, *_AGAIN)
# What binding a value may raise besides: a lone surrogate, a text with a zero byte in it.
_FAILURES: Final = (
    psycopg.Error,
    PoolTimeout,
    PoolClosed,
    UnicodeEncodeError,
    OverflowError,
    OSError,
)
# Nodes that keep meeting each other wait a little longer each time, none as long as another.
_ROUNDS: Final = 30
# A large transaction among many small ones would meet one of them each time: after so many rounds it has a
# turn of its own.
_BESIDE: Final = 4
_PAUSE: Final = 0.002  # seconds
_LONGEST_PAUSE: Final = 0.1
_SCRUB_AGAIN: Final = 0.2
# Among ten nodes that start at once one migrates; the others wait this many times as long as usual.
_OPENING: Final = 12
# Ids for the audit, asked for when a transaction begins, unless they are many: a trip more is nothing then.
_ENTRIES_AT_MOST: Final = 100
_ENTRIES: Final = "SELECT nextval('audit_id') FROM generate_series(1, %d)"
_OWN_TABLES: Final = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
_BEGIN_WRITING: Final = "BEGIN ISOLATION LEVEL SERIALIZABLE"
_BEGIN_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_STATEMENT_SECONDS: Final = (
    60  # of one statement: the largest message, or a table that is read whole
)
# A node that stands still, or whose machine has vanished, in the middle of a write holds its rows no
# longer than so many times as others wait for them. Nothing waits for anybody else within a write but
# for the audit's sinks, a second each.
_STANDING: Final = 6

_NOT_DURABLE: Final = (
    "this database answers before what it wrote is on its disk: synchronous_commit is off"
)
_DURABLE: Final = (
    "Set it to on for this database and this role: a token that was answered must not be lost."
)


class PostgresDatabase:
    """Fulfils `Database`. `step` is called at each step of a write; a test stops the process there."""

    # What a transaction reads is what another one may not change beside it.
    few: Final = 16

    def __init__(
        self, place: PostgresPlace, *, now: str, busy_seconds: float = 5.0, step: Step = no_step
    ) -> None:
        """Connects; makes or migrates the schema. Raises VaultUnavailable, or ConfigurationError when it is
        another program's, of a newer version, or may not be changed.
        """
        self._step = step
        self._busy_seconds = busy_seconds
        self._types: Types = {}
        self._limits = (
            f"SET LOCAL lock_timeout = {round(busy_seconds * 1000)}",
            f"SET LOCAL statement_timeout = {_STATEMENT_SECONDS * 1000}",
        )
        standing = round(_STANDING * busy_seconds * 1000)
        idle = f"SET LOCAL idle_in_transaction_session_timeout = {standing}"
        writing = (_BEGIN_WRITING, *self._limits, idle)
        self._beside, self._alone = (
            (*writing, _TURN.format("ROW SHARE")),
            (*writing, _TURN.format("EXCLUSIVE")),
        )
        self._journal: Journal | None = None
        self._writing: PostgresConnection | None = None  # within a transaction
        self._writer_thread: int | None = None
        self._connections = Connections(place, busy_seconds)
        with ExitStack() as undo:
            undo.callback(self._connections.close)
            try:
                _guarded(lambda: self._prepare(str(place), now, busy_seconds))
            except VaultUnavailable:
                if self._connections.are_away:
                    raise VaultAway from None
                raise
            undo.pop_all()
        self._writer = Writer(self._commit, self._finish, step)

    def use(self, journal: Journal) -> None:
        """Has `journal` append the audit's entries from now on."""
        self._journal = journal

    def read(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` on a connection that sees one state of the database. Blocks."""
        if self._writer_thread == threading.get_ident() and self._writing is not None:
            # A job decides by what it reads: within its own transaction, which is run again if it must.
            return work(self._writing)
        return _guarded(lambda: self._read(work))

    def write(
        self, name: str, work: Callable[[Connection], T], *, entries: int = 0, large: bool = False
    ) -> Future[T]:
        """Runs `work` in a transaction, as if no other ran beside it."""
        return cast("Future[T]", self._writer.submit(Job(name, work, entries, large)))

    def scrub(self, *, compact: bool = False) -> bool:  # noqa: ARG002  # of SQLite; the Protocol names it
        """Takes erased rows out of their pages. PostgreSQL overwrites nothing on purpose, neither there nor in
        its log: what may be left are sealed bytes, until their key is retired. False where somebody held a
        table for longer than a write would wait. Blocks.
        """
        return _guarded(self._scrub)

    def close(self) -> None:
        """Finishes what is queued, then closes every connection."""
        self._writer.close()
        self._connections.close()

    def _prepare(self, place: str, now: str, seconds: float) -> None:
        self._connections.open()
        with self._connections.one() as raw:
            migrate(raw, place, now, _OPENING * seconds)
            found = raw.execute("SHOW synchronous_commit").fetchone()
        if found == ("off",):
            raise ConfigurationError([Problem(place, 0, _NOT_DURABLE, _DURABLE)])

    def _scrub(self) -> bool:
        until = time.monotonic() + self._busy_seconds
        with self._connections.one() as raw:
            left = [name for (name,) in raw.execute(_OWN_TABLES).fetchall()]
            while left := [name for name in left if not _vacuumed(raw, name)]:
                if time.monotonic() > until:
                    return False
                time.sleep(_SCRUB_AGAIN)
        return True

    # --- reading ----------------------------------------------------------------------------------

    def _read(self, work: Callable[[Connection], T]) -> T:
        for last in (False, True):
            with self._connections.begun(_BEGIN_READING, *self._limits, last=last) as begun:
                if begun is None:
                    continue
                raw, _ = begun
                connection = PostgresConnection(raw, self._types)
                result = work(connection)
                connection.commit()
                return result
        raise VaultUnavailable

    # --- writing, on the writer's thread ----------------------------------------------------------

    def _commit(self, jobs: Sequence[Job[Connection]]) -> list[object]:
        return _guarded(lambda: self._until_alone(jobs))

    def _until_alone(self, jobs: Sequence[Job[Connection]]) -> list[object]:
        pause = _PAUSE
        # Each round of a large one costs as much as all of it: it waits for its turn at once.
        beside = 0 if any(job.large for job in jobs) else _BESIDE
        for round in range(_ROUNDS):
            begin = self._beside if round < beside else self._alone
            try:
                results = self._transact(jobs, begin)
            except _AGAIN:
                if round + 1 == _ROUNDS:
                    raise
            else:
                return results
            self._step("postgres:again")
            time.sleep(pause * (0.5 + random.random()))  # noqa: S311 - spreads nodes, keeps no secret
            pause = min(2 * pause, _LONGEST_PAUSE)
        raise VaultBusy

    def _transact(self, jobs: Sequence[Job[Connection]], begin: Sequence[str]) -> list[object]:
        journal = self._journal
        entries = min(sum(job.entries for job in jobs), _ENTRIES_AT_MOST)
        for last in (False, True):
            asked = (key_rows.STANDS, _ENTRIES % entries) if entries else (key_rows.STANDS,)
            with self._connections.begun(*begin, *asked, last=last) as begun:
                if begun is None:
                    continue
                raw, ([stands], *ids) = begun
                with ExitStack() as undo:
                    if journal is not None:
                        undo.callback(journal.rolled_back)
                    connection = PostgresConnection(
                        raw,
                        self._types,
                        journal,
                        answered=(key_rows.STANDS, stands),
                        entries=[int(id) for (id,) in chain.from_iterable(ids)],
                    )
                    results = self._work_all(jobs, connection)
                    if journal is not None:
                        if journal.tells:  # never what could not be written
                            connection.flush()
                        journal.committing()
                    try:
                        connection.commit()
                    except _FAILURES as error:
                        undone = isinstance(error, _AGAIN) or connection.is_open
                        if journal is not None and undone:
                            journal.not_committed()
                        raise
                    undo.pop_all()
                if journal is not None:
                    journal.committed()
                for job in jobs:
                    self._step(f"{job.name}:committed")
                return results
        raise VaultUnavailable

    def _work_all(
        self, jobs: Sequence[Job[Connection]], connection: PostgresConnection
    ) -> list[object]:
        self._writer_thread, self._writing = threading.get_ident(), connection
        try:
            return [self._work(job, connection) for job in jobs]
        finally:
            self._writing = None

    def _work(self, job: Job[Connection], connection: PostgresConnection) -> object:
        self._step(f"{job.name}:begun")
        result = job.work(connection)
        self._step(f"{job.name}:written")
        return result

    def _finish(self) -> None:
        if self._journal is not None:
            self._journal.close()


def _vacuumed(raw: psycopg.Connection[Row], table: str) -> bool:
    """Whether nobody held the table. A setting can not keep VACUUM from waiting for good: it runs outside of
    transactions, and one of the session's would be another's behind a pooler.
    """
    held: list[str | None] = []

    # A role that may not is told so by a notice, too, and leaves it to autovacuum.
    def told(notice: errors.Diagnostic) -> None:
        held.append(notice.sqlstate)

    raw.add_notice_handler(told)
    try:
        raw.execute(sql.SQL("VACUUM (SKIP_LOCKED) {}").format(sql.Identifier(table)))
    finally:
        raw.remove_notice_handler(told)
    return errors.LockNotAvailable.sqlstate not in held


def _guarded(work: Callable[[], T]) -> T:
    """Runs `work`; a failure of the database becomes VaultUnavailable or Taken, without a context."""
    name, taken, busy = "", False, False
    try:
        return work()
    except _FAILURES as error:
        name = getattr(error, "sqlstate", None) or type(error).__name__
        taken, busy = isinstance(error, _TAKEN), isinstance(error, _BUSY)
    # Raised here and not above: an exception raised while another is handled keeps it as context.
    if taken:
        raise Taken
    event("database_failed", level=logging.ERROR, error=name)
    if busy:
        raise VaultBusy
    raise VaultUnavailable

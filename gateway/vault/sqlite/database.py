"""The SQLite database: the file, connections, transactions, and what its errors become.

Nothing of a database error leaves it but its name in the log: messages can hold SQL, and a cause can hold
the values that were bound.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Final, TypeVar, cast

from gateway.errors import VaultBusy, VaultUnavailable
from gateway.log import event
from gateway.private_directory import make_private
from gateway.vault.database import Step, no_step
from gateway.vault.files import publish
from gateway.vault.journal import Journal
from gateway.vault.model import Taken
from gateway.vault.sqlite.compaction import Compaction, size_of
from gateway.vault.sqlite.connection import SqliteConnection
from gateway.vault.sqlite.schema import migrate
from gateway.vault.writer import Job, Writer

T = TypeVar("T")

# Another process may be bringing a large vault to the newest version: whoever starts meanwhile waits
# this many times as long as a transaction does.
_OPENING: Final = 6
_AGAIN: Final = 0.02  # seconds
_WAL_LIMIT: Final = 64 * 1024 * 1024
# A message's cards fall on pages all over the indexes. With SQLite's own 2 MB those of ten thousand are read
# again and again, and written too: a third more of the processor, once the vault has some tens of thousands.
_CACHE_KIB: Final = 8192
# While one state is read, what others write stays in the log; whoever commits next would write all of it back, and
# with it a card would wait for seconds.
_LONG_READ_SECONDS: Final = 1.0
_SCRUB_SECONDS: Final = 0.2
_SCRUB_TRIES: Final = 5
_TAKEN: Final = frozenset(
    {
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
    }
)
# What binding a value may raise besides: a lone surrogate, a number beyond 64 bits.
_FAILURES: Final = (sqlite3.Error, UnicodeEncodeError, OverflowError, OSError)


class SqliteDatabase:
    """One file, one writer thread, as many readers as ask at a time.

    `step` is called at each step of a write; a test stops the process there.
    """

    # A reader begins with nothing in its cache whenever somebody wrote: it has each card's pages read
    # again, 2 µs of them. The one that writes has them, and is to write there. 200 cards take it 4 ms.
    few: Final = 200

    def __init__(
        self, path: Path, *, now: str, busy_seconds: float = 5.0, step: Step = no_step
    ) -> None:
        """Opens, creates or migrates. Raises VaultUnavailable, or ConfigurationError when the file
        is another program's or of a newer version.
        """
        self._path, self._file = path, str(path)
        self._busy_seconds = busy_seconds
        self._step = step
        self._idle: list[SqliteConnection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._writing: SqliteConnection | None = _guarded(lambda: self._prepare(now))
        self._in_transaction: int | None = None  # the thread that has one, while it does
        self._journal: Journal | None = None
        self._compaction = Compaction()
        self._writer = Writer(self._commit, self._finish, step)

    def use(self, journal: Journal) -> None:
        """Has `journal` append the audit's entries from now on; without one none can be written."""
        self._journal = journal

    def read(self, work: Callable[[SqliteConnection], T]) -> T:
        """Runs `work` on a connection that sees one state of the database. Blocks.

        Raises VaultUnavailable.
        """
        return _guarded(lambda: self._read(work))

    def write(
        self,
        name: str,
        work: Callable[[SqliteConnection], T],
        *,
        entries: int = 0,
        large: bool = False,
    ) -> Future[T]:
        """Runs `work` in a transaction; the future is done once that is durable.

        `work` may run twice and must do the same both times. The future ends in what `work` raises,
        in VaultUnavailable, or in Taken when a row is there already, or one it needs is gone.
        """
        return cast("Future[T]", self._writer.submit(Job(name, work, entries, large)))

    def scrub(self, *, compact: bool = False) -> bool:
        """Writes the write-ahead log back and cuts it off: it has pages as they were before something
        was erased from them. Free pages need nothing: `secure_delete` overwrites them as they become
        free. Before that, pages are written anew where that is due, or with `compact` in any case. False while somebody
        reads an older state, or others write without a pause. Blocks; raises VaultUnavailable.
        """
        return _guarded(lambda: self._scrub(compact=compact))

    def close(self) -> None:
        """Finishes what is queued, then closes every connection."""
        self._writer.close()
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    # --- opening ----------------------------------------------------------------------------------

    def _prepare(self, now: str) -> SqliteConnection:
        make_private(self._path.parent)
        # Made before SQLite would make it with the umask's mode; its WAL takes the same mode. The
        # file is never opened past SQLite: closing it would drop the locks of every connection that
        # this process has to it.
        if not publish(self._path, b"") and self._path.stat().st_mode & 0o077:
            self._path.chmod(0o600)
        self._identity = self._identify()
        connection = self._connect()
        with ExitStack() as undo:
            undo.callback(connection.close)
            _wait_for_others(connection, _OPENING * self._busy_seconds)
            _write_ahead(connection, _OPENING * self._busy_seconds)
            migrate(connection, self._path, now)
            _wait_for_others(connection, self._busy_seconds)
            undo.pop_all()
        return connection

    def _identify(self) -> tuple[int, int]:
        status = os.stat(self._file)  # noqa: PTH116  # with each write: half of what a Path's takes
        return status.st_dev, status.st_ino

    def _connect(self) -> SqliteConnection:
        # mode=rw: a database that has vanished is an error, never silently a new and empty one.
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
            factory=SqliteConnection,
        )
        with ExitStack() as undo:
            undo.callback(connection.close)
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
            undo.pop_all()
        return connection

    # --- reading ----------------------------------------------------------------------------------

    def _read(self, work: Callable[[SqliteConnection], T]) -> T:
        if self._in_transaction == threading.get_ident() and self._writing is not None:
            # A job decides by what it reads: within its own transaction, which also shows it what
            # the jobs before it wrote, and costs no second one.
            return work(self._writing)
        with self._lock:
            if self._closed:
                raise VaultUnavailable
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._connect()
        with ExitStack() as undo:
            # Whatever happens to it, the next reader gets another one.
            undo.callback(connection.close)
            began = time.monotonic()
            connection.execute("BEGIN")
            result = work(connection)
            connection.execute("COMMIT")
            if time.monotonic() - began > _LONG_READ_SECONDS:
                _write_back(connection)
            undo.pop_all()
        with self._lock:
            keep = not self._closed
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()
        return result

    def _scrub(self, *, compact: bool) -> bool:
        connection = self._connect()
        with closing(connection):
            # The log first: while somebody reads an older state it can not begin anew, and a file that is written
            # anew would be put behind what it has, each time.
            if not self._cut_off(connection):
                return False
            if not compact and not self._compaction.is_due(size_of(connection)):
                return True
            if not compact and not self._compaction.has_room(
                self._path.parent, size_of(connection)
            ):
                event("no_room_to_compact", level=logging.WARNING)
                return False
            _wait_for_others(connection, self._busy_seconds)
            try:
                compacted = self._compaction.run(connection)
            finally:  # what came to nothing has filled the log, perhaps the disk
                cut = self._cut_off(connection)
            return compacted and cut

    @staticmethod
    def _cut_off(connection: SqliteConnection) -> bool:
        # It keeps writers out while it waits for readers: rather often than long.
        _wait_for_others(connection, _SCRUB_SECONDS)
        for _ in range(_SCRUB_TRIES):
            (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return True
            time.sleep(_SCRUB_SECONDS)
        return False

    # --- writing, on the writer's thread ----------------------------------------------------------

    def _commit(self, jobs: Sequence[Job[SqliteConnection]]) -> list[object]:
        return _guarded(lambda: self._transact(jobs))

    def _transact(self, jobs: Sequence[Job[SqliteConnection]]) -> list[object]:
        # A file that was moved away or replaced would take writes that no restart finds again.
        if self._identify() != self._identity:
            raise FileNotFoundError
        connection = self._writing = self._writing or self._connect()
        journal = connection.journal = self._journal
        done = False
        try:
            connection.execute("BEGIN IMMEDIATE")
            results = self._work_all(jobs, connection)
            if journal is not None:
                journal.committing()
            connection.execute("COMMIT")
            done = True
        finally:
            if not done:
                self._roll_back(connection)
        if journal is not None:
            journal.committed()
        for job in jobs:
            self._step(f"{job.name}:committed")
        return results

    def _work_all(
        self, jobs: Sequence[Job[SqliteConnection]], connection: SqliteConnection
    ) -> list[object]:
        self._in_transaction = threading.get_ident()
        try:
            return [self._work(job, connection) for job in jobs]
        finally:
            self._in_transaction = None

    def _work(self, job: Job[SqliteConnection], connection: SqliteConnection) -> object:
        self._step(f"{job.name}:begun")
        result = job.work(connection)
        self._step(f"{job.name}:written")
        return result

    def _roll_back(self, connection: SqliteConnection) -> None:
        if connection.journal is not None:
            connection.journal.rolled_back()
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            # Closing rolls back as well; the next job opens another one.
            self._writing = None
            connection.close()

    def _finish(self) -> None:
        if self._journal is not None:
            self._journal.close()
        if self._writing is not None:
            self._writing.close()


def _guarded(work: Callable[[], T]) -> T:
    """Runs `work`; a failure of the database becomes VaultUnavailable or Taken, without a context."""
    name = ""
    try:
        return work()
    except _FAILURES as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        taken = getattr(error, "sqlite_errorcode", None) in _TAKEN
    # Raised here and not above: an exception raised while another is handled keeps it as context.
    if taken:
        raise Taken
    event("database_failed", level=logging.ERROR, error=name)
    if name.startswith("SQLITE_BUSY"):
        raise VaultBusy
    raise VaultUnavailable


def _write_ahead(connection: SqliteConnection, seconds: float) -> None:
    """Switches to the write-ahead log. Two that want to at once would wait for each other, so SQLite
    refuses one of them at once, however long it may wait: that one tries again.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_AGAIN)
        else:
            return


def _write_back(connection: SqliteConnection) -> None:
    """Writes back what the log has, keeping nobody out meanwhile; whoever commits finds it done, or being done. What
    can not be is left to the next commit, as ever: what was read stands.
    """
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def _wait_for_others(connection: SqliteConnection, seconds: float) -> None:
    """How long a statement waits for a lock of somebody else's."""
    connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")

"""The SQLite database: files, connections, transactions, migrations, and what its errors become.

The only file that imports sqlite3. Nothing of a database error leaves it but its name in the log:
messages can hold SQL, and a cause can hold the values that were bound.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar, cast

from gateway.errors import ConfigurationError, Problem, VaultBusy, VaultUnavailable
from gateway.log import event
from gateway.vault.chain import Head
from gateway.vault.database import Step, Values, no_step
from gateway.vault.files import publish
from gateway.vault.journal import Journal
from gateway.vault.model import Taken
from gateway.vault.writer import Job, Writer

__all__ = ["Migration", "SqliteConnection", "SqliteDatabase", "migrations"]

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]  # Any: the columns' types, as the schema gives them


class SqliteConnection(sqlite3.Connection):
    """A connection; the one that writes has what appends audit entries."""

    journal: Journal | None = None
    gapless = True

    def stream(self, statement: str, values: Values = (), /) -> Iterator[Row]:
        """Its rows one after the other: SQLite never has them all."""
        return self.execute(statement, values)

    def among(self, statement: str, values: Sequence[bytes] | Sequence[int], /) -> Iterator[Row]:
        """The rows of `statement`, in which `IN (%s)` stands for `values`."""
        for start in range(0, len(values), _AT_ONCE):
            portion = values[start : start + _AT_ONCE]
            yield from self.execute(statement % ",".join("?" * len(portion)), portion)

    def matching(self, statement: str, rows: Sequence[Values], /) -> Iterator[Row]:
        """The rows of `statement`, in which `%s` stands for a table of `rows`."""
        for start in range(0, len(rows), _AT_ONCE):
            portion = rows[start : start + _AT_ONCE]
            marks = f"({','.join('?' * len(portion[0]))})"
            table = f"VALUES {','.join([marks] * len(portion))}"
            yield from self.execute(statement % table, list(chain.from_iterable(portion)))

    def count_cards(self, added: Mapping[str, int], /) -> None:
        """Counts what was added of each product: a trigger would cost 4 µs a card."""
        self.executemany(_COUNT, added.items())

    def next_entries(self, count: int, /) -> Sequence[int]:
        """Ids for `count` audit entries, the next ones."""
        last = self.newest_entry()
        return range(last + 1, last + count + 1)

    def newest_entry(self) -> int:
        """The highest id that an audit entry ever had."""
        newest = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit'"
        return int(self.execute(newest).fetchone()[0])

    def came_to(self, _head: Head, _id: int, /) -> None:
        """SQLite counts ids by itself."""

    def last_heads(self) -> list[tuple[Head, int]]:
        """None: a missing id tells of it."""
        return []


Migration = tuple[int, str]  # number, SQL


# One statement for so many look-ups: half the cost of one each, and well below SQLite's limit of
# parameters. Each length is one prepared statement, so there are two at most in a message.
_AT_ONCE: Final = 100
_COUNT: Final = (
    "INSERT INTO card_count (product, cards) VALUES (?, ?)"
    " ON CONFLICT (product) DO UPDATE SET cards = cards + excluded.cards"
)
_APPLICATION: Final = 0x43475731  # "CGW1": the file is ours
# Another process may be bringing a large vault to the newest version: whoever starts meanwhile waits
# this many times as long as a transaction does.
_OPENING: Final = 6
_AGAIN: Final = 0.02  # seconds
_WAL_LIMIT: Final = 64 * 1024 * 1024
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

    def __init__(
        self, path: Path, *, now: str, busy_seconds: float = 5.0, step: Step = no_step
    ) -> None:
        """Opens, creates or migrates. Raises VaultUnavailable, or ConfigurationError when the file
        is another program's or of a newer version.
        """
        self._path = path
        self._busy_seconds = busy_seconds
        self._step = step
        self._idle: list[SqliteConnection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._writing: SqliteConnection | None = _guarded(lambda: self._prepare(now))
        self._in_transaction: int | None = None  # the thread that has one, while it does
        self._journal: Journal | None = None
        self._writer = Writer(self._commit, self._finish, step)

    def use(self, journal: Journal) -> None:
        """Has `journal` append the audit's entries from now on; without one none can be written."""
        self._journal = journal

    def read(self, work: Callable[[SqliteConnection], T]) -> T:
        """Runs `work` on a connection that sees one state of the database. Blocks.

        Raises VaultUnavailable.
        """
        return _guarded(lambda: self._read(work))

    def write(self, name: str, work: Callable[[SqliteConnection], T]) -> Future[T]:
        """Runs `work` in a transaction; the future is done once that is durable.

        `work` may run twice and must do the same both times. The future ends in what `work` raises,
        in VaultUnavailable, or in Taken when a row is there already, or one it needs is gone.
        """
        future: Future[object] = Future()
        self._writer.submit(Job(name, work, future))
        return cast("Future[T]", future)

    def scrub(self) -> bool:
        """Writes the write-ahead log back and cuts it off: it has pages as they were before something
        was erased from them. Free pages need nothing: `secure_delete` overwrites them as they become
        free. False while somebody reads an older state. Blocks; raises VaultUnavailable.
        """
        return _guarded(self._scrub)

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
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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
            _migrate(connection, self._path, migrations(), now)
            _wait_for_others(connection, self._busy_seconds)
            undo.pop_all()
        return connection

    def _identify(self) -> tuple[int, int]:
        status = self._path.stat()
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
            connection.execute("BEGIN")
            result = work(connection)
            connection.execute("COMMIT")
            undo.pop_all()
        with self._lock:
            keep = not self._closed
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()
        return result

    def _scrub(self) -> bool:
        connection = self._connect()
        with closing(connection):
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
        with ExitStack() as undo:
            undo.callback(self._roll_back, connection)
            connection.execute("BEGIN IMMEDIATE")
            results = self._work_all(jobs, connection)
            if journal is not None:
                journal.committing()
            connection.execute("COMMIT")
            undo.pop_all()
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


# --- migrations -----------------------------------------------------------------------------------


def migrations() -> list[Migration]:
    """The numbered SQL files, in order."""
    folder = resources.files("gateway.vault") / "migrations"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [(int(file.name[:4]), file.read_text(encoding="utf-8")) for file in files]


def _migrate(
    connection: SqliteConnection, path: Path, steps: Sequence[Migration], now: str
) -> None:
    """Brings the schema to the newest version: all of it or nothing, one process at a time."""
    newest = max(number for number, _ in steps)
    with ExitStack() as undo:
        undo.callback(connection.rollback)
        connection.execute("BEGIN IMMEDIATE")
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if application != _APPLICATION:
            if application or tables:
                raise _refused(path, "this database is not a vault", "Name another file.")
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(
                "CREATE TABLE schema_version"
                " (version INTEGER PRIMARY KEY, applied TEXT NOT NULL) STRICT"
            )
        (version,) = connection.execute(
            "SELECT coalesce(max(version), 0) FROM schema_version"
        ).fetchone()
        if version > newest:
            raise _refused(
                path,
                "this vault was written by a newer version of the gateway",
                "Run that version, or restore the backup that was made before the upgrade.",
            )
        for number, text in steps:
            if number > version:
                for statement in _statements(text):
                    connection.execute(statement)
                connection.execute("INSERT INTO schema_version VALUES (?, ?)", (number, now))
        connection.execute("COMMIT")
        undo.pop_all()


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


def _wait_for_others(connection: SqliteConnection, seconds: float) -> None:
    """How long a statement waits for a lock of somebody else's."""
    connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")


def _statements(text: str) -> Iterator[str]:
    """Statement by statement: `executescript` would commit what stands before it."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _refused(path: Path, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Problem(str(path), 0, message, hint)])

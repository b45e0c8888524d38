"""A file of SQLite's as such: a backup, or an old vault, that is read before anything is known of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, TypeVar

from gateway.vault.sqlite.connection import SqliteConnection
from gateway.vault.sqlite.schema import APPLICATION, definitions, made_by, newest_version

T = TypeVar("T")

# What a file that is damaged, or somebody else's, may raise as it is read.
_DAMAGE: Final = (sqlite3.Error, ValueError, TypeError)


class Damaged(Exception):
    """What is asked for can not be read. Nothing of what is there is in it."""


@contextmanager
def opened(path: Path, *, writes: bool = False) -> Iterator[SqliteConnection]:
    """A connection to a file that is there. Raises Damaged."""
    mode = "rw" if writes else "ro"
    connection = readable(
        lambda: sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            factory=SqliteConnection,
        )
    )
    with closing(connection):
        connection.execute("PRAGMA trusted_schema = OFF")
        yield connection


def readable(work: Callable[[], T]) -> T:
    """What `work` reads. Raises Damaged."""
    try:
        return work()
    except _DAMAGE:
        pass
    raise Damaged


def is_a_vaults(connection: SqliteConnection) -> bool:
    """Whether a vault's schema was made in the file."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    return bool(application == APPLICATION) and "schema_version" in names(connection)


def names(connection: SqliteConnection) -> set[str]:
    """Of tables, indices, triggers."""
    return {name for name, _ in definitions(connection)}


def version(connection: SqliteConnection) -> int:
    """The schema's. Raises TypeError where it says none."""
    (said,) = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    if not isinstance(said, int):
        raise TypeError("no version")
    return said


def is_newer(connection: SqliteConnection) -> bool:
    """Whether a newer version of the gateway made it."""
    return version(connection) > newest_version()


def strange(connection: SqliteConnection) -> set[str]:
    """What is there, or is not, or does another thing, than in a vault of its version: by name."""
    return {name for name, _ in definitions(connection) ^ made_by(version(connection))}


def is_sound(connection: SqliteConnection) -> bool:
    """Whether tables and indices are whole and say the same: where an index does not, what is erased by it
    might stay.
    """
    (state,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return bool(state == "ok")


def settle(path: Path, last: Callable[[SqliteConnection], None]) -> None:
    """Does `last`, and leaves one file with nothing beside it. Raises Damaged."""
    with opened(path, writes=True) as connection:

        def work() -> None:
            last(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode = DELETE")

        readable(work)

"""The vault's schema in a file of SQLite's: made and brought up to date, by one process at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Final, TypeAlias

from gateway.errors import ConfigurationError, Problem

Migration: TypeAlias = tuple[int, str]  # number, SQL

APPLICATION: Final = 0x43475731  # "CGW1": the file is ours
_VERSIONS: Final = (
    "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied TEXT NOT NULL) STRICT"
)
_DEFINITIONS: Final = (
    "SELECT name, CASE WHEN type IN ('trigger', 'view') THEN sql ELSE type END FROM sqlite_schema"
)


@cache
def migrations() -> tuple[Migration, ...]:
    """The numbered SQL files, in order."""
    folder = resources.files("gateway.vault") / "migrations"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple((int(file.name[:4]), file.read_text(encoding="utf-8")) for file in files)


def migrate(connection: sqlite3.Connection, path: Path, now: str) -> None:
    """Brings the schema to the newest version: all of it or nothing, one process at a time.

    Raises ConfigurationError when the file is another program's or of a newer version; sqlite3.Error.
    """
    steps = migrations()
    newest = newest_version()
    with ExitStack() as undo:
        undo.callback(connection.rollback)
        connection.execute("BEGIN IMMEDIATE")
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if application != APPLICATION:
            if application or tables:
                raise _refused(path, "this database is not a vault", "Name another file.")
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(_VERSIONS)
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
                for statement in statements(text):
                    connection.execute(statement)
                connection.execute("INSERT INTO schema_version VALUES (?, ?)", (number, now))
        connection.execute("COMMIT")
        undo.pop_all()


def newest_version() -> int:
    """Of the schema, as this version of the gateway has it."""
    return max(number for number, _ in migrations())


def made_by(version: int) -> set[tuple[str, str]]:
    """What the migrations up to `version` make in an empty file, as `definitions` tells it."""
    return set(_made(tuple(one for one in migrations() if one[0] <= version)))


@lru_cache(maxsize=1)
def _made(steps: tuple[Migration, ...]) -> frozenset[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(_VERSIONS)
        for _, text in steps:
            for statement in statements(text):
                connection.execute(statement)
        return frozenset(definitions(connection))


def definitions(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """What is there: each name, with its SQL where that does something by itself. How the SQL of a table reads
    that was altered is SQLite's business, and another version's may read otherwise.
    """
    rows = connection.execute(_DEFINITIONS).fetchall()
    return {(str(name), str(sql)) for name, sql in rows}


def statements(text: str) -> Iterator[str]:
    """Statement by statement: `executescript` would commit what stands before it."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _refused(path: Path, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Problem(str(path), 0, message, hint)])

"""The vault's schema in a file of SQLite's: made and brought up to date, by one process at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import resources
from pathlib import Path
from typing import Final, TypeAlias

from gateway.errors import ConfigurationError, Problem

Migration: TypeAlias = tuple[int, str]  # number, SQL

_APPLICATION: Final = 0x43475731  # "CGW1": the file is ours


def migrations() -> list[Migration]:
    """The numbered SQL files, in order."""
    folder = resources.files("gateway.vault") / "migrations"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [(int(file.name[:4]), file.read_text(encoding="utf-8")) for file in files]


def migrate(connection: sqlite3.Connection, path: Path, now: str) -> None:
    """Brings the schema to the newest version: all of it or nothing, one process at a time.

    Raises ConfigurationError when the file is another program's or of a newer version; sqlite3.Error.
    """
    steps = migrations()
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
                for statement in statements(text):
                    connection.execute(statement)
                connection.execute("INSERT INTO schema_version VALUES (?, ?)", (number, now))
        connection.execute("COMMIT")
        undo.pop_all()


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

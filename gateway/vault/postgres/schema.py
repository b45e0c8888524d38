"""The vault's schema on PostgreSQL: made and brought up to date, by one process at a time."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any, Final

from psycopg import Connection, errors

from gateway.errors import ConfigurationError, Problem

# Of this lock's number nothing is told but that it is ours: "CGW1" and the version of what it guards.
_LOCK: Final = 0x4347573100000001
_FIRST: Final = 15
_CREATE: Final = (
    'CREATE TABLE schema_version (version integer PRIMARY KEY, applied text COLLATE "C" NOT NULL)'
)
_OTHERS: Final = (
    "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
    " AND relkind IN ('r', 'p', 'v', 'm', 'f')"
)


@cache
def migrations() -> tuple[tuple[int, str], ...]:
    """The numbered SQL files, in order. The first has what SQLite's first fifteen make."""
    folder = resources.files("gateway.vault") / "migrations" / "postgres"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple((int(file.name[:4]), file.read_text(encoding="utf-8")) for file in files)


def migrate(raw: Connection[Any], place: str, now: str, seconds: float) -> None:
    """Brings the schema to the newest version: all of it or nothing. Others that start meanwhile wait, up
    to `seconds`.

    Raises ConfigurationError when the schema is another program's, of a newer version, or may not be
    changed by this role; psycopg.Error.
    """
    patience = f"SET LOCAL lock_timeout = {round(seconds * 1000)}"
    with raw.transaction():
        raw.execute(patience)  # somebody may hold the table itself
        version = _version(raw, place)
    if version == migrations()[-1][0]:
        return  # most starts: no lock, and no right to change the schema is needed
    denied = False
    try:
        with raw.transaction():
            raw.execute(patience)
            raw.execute("SELECT pg_advisory_xact_lock($1)", [_LOCK])
            version = _version(raw, place)
            if version == 0:
                _make_sure_nothing_is_there(raw, place)
                raw.execute(_CREATE)
            for number, text in migrations():
                if number > version:
                    raw.execute(text)
                    raw.execute("INSERT INTO schema_version VALUES ($1, $2)", [number, now])
    except errors.InsufficientPrivilege:
        denied = True
    if denied:
        raise _refused(
            place,
            "this role may not bring the vault to the newest version",
            "Run `card-gateway vault upgrade` as the role that owns the tables: see docs/scale.md.",
        )


def _version(raw: Connection[Any], place: str) -> int:
    """The schema's version; 0 where there is none yet."""
    (there,) = _row(raw, "SELECT to_regclass('schema_version') IS NOT NULL")
    if not there:
        return 0
    (version,) = _row(raw, "SELECT coalesce(max(version), 0) FROM schema_version")
    if version > migrations()[-1][0]:
        raise _refused(
            place,
            "this vault was written by a newer version of the gateway",
            "Run that version, or restore the backup that was made before the upgrade.",
        )
    if version < _FIRST:
        raise _refused(place, "this database is not a vault", "Name a database of its own.")
    return int(version)


def _make_sure_nothing_is_there(raw: Connection[Any], place: str) -> None:
    """To be asked under the lock: tables of a vault that another process has just made are none of another
    program's. Raises ConfigurationError."""
    (others,) = _row(raw, _OTHERS)
    if others:
        raise _refused(
            place, "this database is not a vault", "Name a database or a schema of its own."
        )


def _row(raw: Connection[Any], statement: str) -> tuple[Any, ...]:  # Any: as the schema has them
    row: tuple[Any, ...] | None = raw.execute(statement).fetchone()
    return row or (0,)


def _refused(place: str, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Problem(place, 0, message, hint)])

"""Where a vault is, and opening what is there."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from gateway.config import Config
from gateway.vault.database import Database, Step, no_step
from gateway.vault.postgres.database import PostgresDatabase
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.sqlite.database import SqliteDatabase

Place: TypeAlias = Path | PostgresPlace  # a file of SQLite's, or a database of PostgreSQL's


def place_of(config: Config) -> Place:
    """Where gateway.yaml says that the vault is. Raises ConfigurationError when the password can not be
    had.
    """
    settings = config.vault
    if settings.url is None:
        return config.database
    password = None if settings.password is None else settings.password.secret()
    return PostgresPlace(settings.url, password, settings.ca, settings.connections)


def is_there(place: Place) -> bool:
    """Whether a vault was made there. A database of PostgreSQL's was made by whoever named it."""
    return place.exists() if isinstance(place, Path) else True


def open_database(
    place: Place, *, now: str, busy_seconds: float = 5.0, step: Step = no_step
) -> Database:
    """Opens, creates or migrates the database at `place`. `busy_seconds`: how long a transaction waits
    for somebody else's. `step` is called at each step of a write; tests stop the process there.

    Raises VaultUnavailable, or ConfigurationError when it is another program's or of a newer version.
    """
    if isinstance(place, Path):
        return SqliteDatabase(place, now=now, busy_seconds=busy_seconds, step=step)
    return PostgresDatabase(place, now=now, busy_seconds=busy_seconds, step=step)

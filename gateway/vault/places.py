"""Where a vault is, and opening what is there."""

from __future__ import annotations

from pathlib import Path

from gateway.vault.database import Database, Step, no_step
from gateway.vault.sqlite import SqliteDatabase


def open_database(
    place: Path, *, now: str, busy_seconds: float = 5.0, step: Step = no_step
) -> Database:
    """Opens, creates or migrates the database at `place`. `busy_seconds`: how long a transaction waits
    for somebody else's. `step` is called at each step of a write; tests stop the process there.

    Raises VaultUnavailable, or ConfigurationError when it is another program's or of a newer version.
    """
    return SqliteDatabase(place, now=now, busy_seconds=busy_seconds, step=step)

"""Targets that no route allowed, counted, for `card-gateway refused`."""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateway.vault.database import Connection, Database
from gateway.vault.entries import stamp, unstamp
from gateway.vault.rows import RefusalRow

KEPT: Final = 200
_TARGET: Final = "client, listener, method, scheme, host, port, path, code"
_NEWEST: Final = f"last DESC, {_TARGET}"
_UPSERT: Final = (
    "INSERT INTO refusal (client, listener, method, scheme, host, port, path, code, count, last)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (client, listener, method, scheme, host, port, path, code) DO UPDATE"
    " SET count = refusal.count + excluded.count,"
    " last = CASE WHEN refusal.last > excluded.last THEN refusal.last ELSE excluded.last END"
)
# An attacker who asks for ever new targets drives out the old ones; the table does not grow.
_TRIM: Final = (
    f"DELETE FROM refusal WHERE ({_TARGET}) NOT IN"
    f" (SELECT {_TARGET} FROM refusal ORDER BY {_NEWEST} LIMIT {KEPT})"
)


class RefusalTable:
    """The newest 200 refused targets. Both methods block on the disk, and raise VaultUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remember(self, rows: Sequence[RefusalRow]) -> None:
        """Adds to the counts, one transaction for all; keeps the newest `KEPT`."""
        if not rows:
            return
        values = [
            (
                row.client, row.listener, row.method, row.scheme, row.host, row.port, row.path,
                row.code, row.count, stamp(row.last),
            )
            for row in rows
        ]  # fmt: skip

        def work(connection: Connection) -> None:
            connection.executemany(_UPSERT, values)
            connection.execute(_TRIM)

        self._database.write("refusal", work).result()

    def all(self) -> list[RefusalRow]:
        """What is remembered, newest first."""
        rows = self._database.read(
            lambda c: c.execute(
                f"SELECT {_TARGET}, count, last FROM refusal ORDER BY {_NEWEST}"
            ).fetchall()
        )
        return [_read(row) for row in rows]


def _read(row: tuple[Any, ...]) -> RefusalRow:  # Any: the columns' types, as the schema gives them
    client, listener, method, scheme, host, port, path, code, count, last = row
    return RefusalRow(
        client, listener, method, scheme, host, port, path, code, count, unstamp(last)
    )

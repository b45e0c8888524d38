"""Gateway keys: their rows. What a key may do is decided in `gateway.access`.

A key that is made or revoked stands in the audit by the same transaction: neither is without the
other, whatever crashes when.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from gateway.audit import Action, Entry, Outcome
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.entries import append, stamp, stamp_or_none, unstamp, unstamp_or_none
from gateway.vault.rows import KeyRow

_COLUMNS: Final = (
    "id, name, client, hash, scopes, products, networks, created, expires, revoked, last_used"
)


class KeyTable:
    """Rows by key id. Every method blocks on the disk: call it off the event loop.

    Every method raises VaultUnavailable. `origin` is where a change comes from, for the audit.
    """

    def __init__(self, database: Database, *, step: Step = no_step) -> None:
        self._database, self._step = database, step

    def insert(self, row: KeyRow, origin: str) -> None:
        """Adds a key. Raises Taken when its id is there already."""
        values = (
            row.id, row.name, row.client, row.hash, _write(row.scopes), _write(row.products),
            _write(row.networks), stamp(row.created), stamp_or_none(row.expires), stamp_or_none(row.revoked),
            stamp_or_none(row.last_used),
        )  # fmt: skip
        marks = ", ".join("?" * len(values))

        def work(connection: Connection) -> None:
            connection.execute(f"INSERT INTO api_key ({_COLUMNS}) VALUES ({marks})", values)
            self._step("key:row")
            append(connection, [_entry(Action.KEY_CREATE, row.created, row.client, row.id, origin)])

        self._database.write("key", work).result()

    def all(self) -> list[KeyRow]:
        """Every key, revoked ones too, oldest first."""
        statement = f"SELECT {_COLUMNS} FROM api_key ORDER BY created, id"
        rows = self._database.read(lambda c: c.execute(statement).fetchall())
        return [_read(row) for row in rows]

    def by_id(self, id: str) -> KeyRow | None:
        """The key with this id."""
        statement = f"SELECT {_COLUMNS} FROM api_key WHERE id = ?"
        row = self._database.read(lambda c: c.execute(statement, (id,)).fetchone())
        return None if row is None else _read(row)

    def revoke(self, id: str, at: datetime, origin: str) -> bool:
        """Whether there was such a key that was not revoked yet; it is from now on."""
        owner = "SELECT client FROM api_key WHERE id = ? AND revoked IS NULL"

        def work(connection: Connection) -> bool:
            live = connection.execute(owner, (id,)).fetchone()
            if live is None:
                return False
            connection.execute("UPDATE api_key SET revoked = ? WHERE id = ?", (stamp(at), id))
            self._step("key:row")
            append(connection, [_entry(Action.KEY_REVOKE, at, live[0], id, origin)])
            return True

        return self._database.write("key", work).result()

    def used(self, times: Mapping[str, datetime]) -> None:
        """Notes when keys were used last; one transaction for all. An older time changes nothing."""
        if not times:
            return
        statement = (
            "UPDATE api_key SET last_used = ?1 WHERE id = ?2 AND coalesce(last_used, '') < ?1"
        )
        rows = [(stamp(at), id) for id, at in times.items()]

        def work(connection: Connection) -> None:
            connection.executemany(statement, rows)

        self._database.write("key", work).result()


def _entry(action: Action, at: datetime, client: str, id: str, origin: str) -> Entry:
    return Entry(
        at=at,
        exchange="",
        action=action,
        outcome=Outcome.DONE,
        client=client,
        key=id,
        origin=origin,
    )


def _write(values: Sequence[str]) -> str:
    return json.dumps(list(values))


def _read(row: tuple[Any, ...]) -> KeyRow:  # Any: the columns' types, as the schema gives them
    id, name, client, hashed, scopes, products, networks, created, expires, revoked, used = row
    return KeyRow(
        id=id,
        name=name,
        client=client,
        hash=hashed,
        scopes=tuple(json.loads(scopes)),
        products=tuple(json.loads(products)),
        networks=tuple(json.loads(networks)),
        created=unstamp(created),
        expires=unstamp_or_none(expires),
        revoked=unstamp_or_none(revoked),
        last_used=unstamp_or_none(used),
    )

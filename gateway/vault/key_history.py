"""Which keys the vault has, since when: nothing of any key."""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.vault.database import Connection, Database
from gateway.vault.envelope import sealed_under

_READ: Final = "SELECT id, purpose, state, created, wrapped FROM keyring ORDER BY id"


class Made(NamedTuple):
    """A data key of the keyring; `kek` is the id of the key that it is wrapped under."""

    id: int
    purpose: str
    state: str
    created: str  # ISO 8601, UTC
    kek: int


class KeyHistory:
    """The keyring's rows, without their keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Made]:
        """By id. Blocks. Raises VaultUnavailable, RecordDamaged."""

        def work(connection: Connection) -> list[Made]:
            return [
                Made(id, purpose, state, created, sealed_under(wrapped))
                for id, purpose, state, created, wrapped in connection.execute(_READ)
            ]

        return self._database.read(work)

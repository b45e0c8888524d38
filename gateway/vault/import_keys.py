"""Key pairs for files of cards to import: whoever writes such a file gets the certificate.

1. A private key is sealed under a key that seals nothing else, bound to its pair's id. It is never in a
   file, and opens what was encrypted for it only where the vault opens.
2. It is erased by the transaction that says so in the audit. A copy of the encrypted file that is left
   somewhere opens no more then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.audit import Action, Entry, Outcome
from gateway.secret import Secret
from gateway.vault.database import Connection, Database
from gateway.vault.entries import append, stamp, unstamp
from gateway.vault.envelope import Sealer, place

_ADD: Final = "INSERT INTO import_key (id, certificate, sealed, created) VALUES (?, ?, ?, ?)"
_ALL: Final = "SELECT id, certificate, sealed, created FROM import_key ORDER BY created, id"
_ERASE: Final = "DELETE FROM import_key WHERE id = ?"


@dataclass(frozen=True, slots=True)
class ImportKey:
    """A pair. `certificate` is PEM, `private` PKCS #8 in DER."""

    id: str
    certificate: str
    private: Secret[bytes]
    created: datetime


class ImportKeyTable:
    """The pairs that there are. Every method blocks, and raises VaultUnavailable."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database, self._sealer = database, sealer

    def add(self, key: ImportKey, origin: str) -> None:
        """Keeps a pair, durable, with its audit entry."""

        def work(connection: Connection) -> None:
            sealed = self._sealer.seal(key.private.reveal(), place_of(key.id))
            connection.execute(_ADD, (key.id, key.certificate, sealed, stamp(key.created)))
            append(connection, [_entry(Action.IMPORT_KEY, key.id, key.created, origin)])

        self._database.write("import_key", work).result()

    def all(self) -> list[ImportKey]:
        """Every pair, the oldest first. Raises RecordDamaged."""
        rows = self._database.read(lambda c: c.execute(_ALL).fetchall())
        return [
            ImportKey(id, certificate, Secret(self._sealer.open(sealed, place_of(id))), unstamp(at))
            for id, certificate, sealed, at in rows
        ]

    def erase(self, id: str, at: datetime, origin: str) -> bool:
        """Erases a pair, durable; False: there was none."""

        def work(connection: Connection) -> bool:
            if connection.execute(_ERASE, (id,)).rowcount != 1:
                return False
            append(connection, [_entry(Action.IMPORT_KEY_ERASE, id, at, origin)])
            return True

        return self._database.write("import_key_erase", work).result()


def _entry(action: Action, id: str, at: datetime, origin: str) -> Entry:
    return Entry(at, "", action, Outcome.DONE, origin=origin, subject=id)


def place_of(id: str) -> bytes:
    """Where a private key stands."""
    return place("import_key", "", 0, test=False, row=id.encode())

"""Security codes that a product holds for minutes (P21): one for each card at most, the latest.

1. Sealed under a key that seals nothing else, bound to product, mode, card and both of its times.
2. Given out once: the transaction that records why it is wanted deletes it.
3. Never given out after its end, whether it was purged or not, nor when the clock was set back to
   before it came: then it is erased, or it would be held once more when that time comes again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from gateway.secret import Secret
from gateway.vault.database import Connection, Database
from gateway.vault.entries import stamp, unstamp
from gateway.vault.envelope import Sealer, place
from gateway.vault.rows import CvcRow

# The columns of a row stand in this order everywhere.
_PUT: Final = (
    "INSERT INTO cvc (iduser, at, until, sealed) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (iduser) DO UPDATE SET at = excluded.at, until = excluded.until,"
    " sealed = excluded.sealed"
)
_PUT_BACK: Final = (
    "INSERT INTO cvc (iduser, at, until, sealed) SELECT ?1, ?2, ?3, ?4"
    " WHERE EXISTS (SELECT 1 FROM card WHERE iduser = ?1) ON CONFLICT (iduser) DO NOTHING"
)
_TAKE: Final = "DELETE FROM cvc WHERE iduser = ? RETURNING iduser, at, until, sealed"
_PURGE: Final = "DELETE FROM cvc WHERE until <= ? OR at > ?"

# Padding hides whether it has three digits or four.
_LENGTH: Final = 16
# What `hold_cvc_minutes` may be at most.
LONGEST: Final = timedelta(minutes=60)
# How far a clock may be corrected backwards before what came by the old one is held for lost.
_CORRECTION: Final = timedelta(minutes=1)


def seal(
    sealer: Sealer, cvc: Secret[str], product: str, iduser: int, *, test: bool, at: str, until: str
) -> CvcRow:
    """The row that holds `cvc` from `at` to `until`."""
    padded = cvc.reveal().encode("utf-8", "surrogatepass").ljust(_LENGTH, b"\0")
    row = CvcRow(iduser, at, until, b"")
    return row._replace(sealed=sealer.seal(padded, _place(row, product, test=test)))


def unseal(sealer: Sealer, row: CvcRow, product: str, *, test: bool) -> Secret[str]:
    """The security code of `row`. Raises RecordDamaged."""
    padded = sealer.open(row.sealed, _place(row, product, test=test))
    return Secret(padded.rstrip(b"\0").decode("utf-8", "surrogatepass"))


def is_held(row: CvcRow, now: datetime) -> bool:
    """Whether the row's time has come and not ended."""
    return unstamp(row.at) - _CORRECTION <= now < unstamp(row.until)


def put(connection: Connection, rows: Sequence[CvcRow]) -> None:
    """Holds them, in place of what was held for the same cards."""
    connection.add(_PUT, rows)


def put_back(connection: Connection, row: CvcRow) -> None:
    """Holds it again, unless a later one is held by now or the card is gone."""
    connection.execute(_PUT_BACK, row)


def take(connection: Connection, iduser: int) -> CvcRow | None:
    """What is held for the card; it is not any more."""
    rows = connection.execute(_TAKE, (iduser,)).fetchall()
    return CvcRow(*rows[0]) if rows else None


class CvcTable:
    """The end of security codes that nobody asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def purge(self, now: datetime) -> int:
        """Erases those whose time is not `now`, by `is_held`; how many. Blocks. Raises
        VaultUnavailable.
        """
        at = (stamp(now), stamp(now + _CORRECTION))
        return self._database.write("cvc_purge", lambda c: c.execute(_PURGE, at).rowcount).result()


def _place(row: CvcRow, product: str, *, test: bool) -> bytes:
    return place("cvc", product, row.iduser, test=test, row=f"{row.at} {row.until}".encode())

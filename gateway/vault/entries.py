"""Audit entries as rows: appended with the transaction they belong to, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from gateway.audit import Action, Entry, Outcome
from gateway.errors import VaultUnavailable
from gateway.vault.database import Connection
from gateway.vault.model import Recorded

_READ: Final = (
    "SELECT id, at, exchange, action, outcome, client, key, origin, route, product, iduser,"
    " booking, detail, subject FROM audit WHERE id > ? ORDER BY id LIMIT ?"
)


def stamp(at: datetime) -> str:
    """ISO 8601 in UTC with microseconds: sorts as text. Raises ValueError without a time zone."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def unstamp(text: str) -> datetime:
    """Reads back what `stamp` wrote."""
    return datetime.fromisoformat(text)


def stamp_or_none(at: datetime | None) -> str | None:
    """The same for a time that may be missing."""
    return None if at is None else stamp(at)


def unstamp_or_none(text: str | None) -> datetime | None:
    """Reads back what `stamp_or_none` wrote."""
    return None if text is None else unstamp(text)


def append(
    connection: Connection, entries: Sequence[Entry], idusers: Sequence[int | None] = ()
) -> None:
    """Writes `entries`; where `idusers[i]` is given, it is what the i-th is about. Only within a
    transaction of `Database.write`. Raises VaultUnavailable where there is no chain to put them in.
    """
    if connection.journal is None:
        raise VaultUnavailable
    stamps: dict[datetime, str] = {}  # a message's entries mostly share one time
    rows = []
    for position, entry in enumerate(entries):
        at = stamps.get(entry.at) or stamps.setdefault(entry.at, stamp(entry.at))
        named = idusers[position] if position < len(idusers) else None
        row = (  # `value` is a property in Python: a tenth of what an entry costs
            at, entry.exchange, entry.action._value_, entry.outcome._value_, entry.client, entry.key,
            entry.origin, entry.route, entry.product, entry.iduser if named is None else named,
            entry.booking, entry.detail, entry.subject,
        )  # fmt: skip
        rows.append(row)
    connection.journal.append(connection, rows)


def read(connection: Connection, after: int, limit: int) -> list[Recorded]:
    """Up to `limit` entries with an id above `after`, in order."""
    return [
        Recorded(row[0], Entry(unstamp(row[1]), row[2], Action(row[3]), Outcome(row[4]), *row[5:]))
        for row in connection.execute(_READ, (after, limit))
    ]

"""A vault that takes nothing: while it is moved, after that, and until a restore is finished.

It says so in the row that every write reads anyhow, so that no process writes on, however long it slept.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from gateway.errors import VaultClosed
from gateway.vault import key_rows
from gateway.vault.database import Connection

_SET: Final = "UPDATE keyring_version SET closed = ? WHERE id = 1"


class Closed(StrEnum):
    """Why a vault takes nothing."""

    OPEN = ""
    MOVING = "moving"  # its last rows are on their way; reading goes on
    MOVED = "moved"
    RESTORING = "restoring"  # what was erased since the backup may still be there


_WHY: Final = {
    Closed.MOVING: "It is being moved: card-gateway vault migrate has not ended. If that was stopped, run"
    " it again.",
    Closed.MOVED: "It was moved to another place: write that into vault in gateway.yaml, and restart.",
    Closed.RESTORING: "A restore was not finished: run card-gateway vault restore again.",
}


def why(connection: Connection) -> Closed:
    """Why the vault takes nothing; OPEN: it does not say so."""
    _, closed = key_rows.standing(connection)
    return Closed(closed)


def close(connection: Connection, why: Closed) -> None:
    """Closes the vault, or opens it again."""
    connection.execute(_SET, (why.value,))


def may_write(closed: str) -> None:
    """Raises VaultClosed where nothing may be written."""
    if closed:
        raise VaultClosed(_WHY[Closed(closed)])


def may_open(closed: str) -> None:
    """Raises VaultClosed where nothing may be read either."""
    if closed and closed != Closed.MOVING:
        may_write(closed)

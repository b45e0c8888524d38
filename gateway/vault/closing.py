"""A vault that takes nothing: while it is moved, after that, and until a restore is finished.

It says so in the row that every write reads anyhow, so that no process writes on, however long it slept.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from gateway.errors import VaultClosed
from gateway.vault import key_rows
from gateway.vault.database import Connection

_SET: Final = "UPDATE keyring_version SET closed = ?, closed_by = ? WHERE id = 1"
_BY: Final = "SELECT closed, closed_by FROM keyring_version WHERE id = 1"


class Closed(StrEnum):
    """Why a vault takes nothing."""

    OPEN = ""
    CLOSING = (
        "closing"  # about to be moved: what has begun comes to its end, and nothing else begins
    )
    MOVING = "moving"  # its last rows are on their way; reading goes on
    MOVED = "moved"
    FILLING = "filling"  # rows of a vault that is moved come in; it is none yet
    RESTORING = "restoring"  # what was erased since the backup may still be there


_MOVING: Final = (
    "It is being moved: card-gateway vault migrate has not ended. If that was stopped, run it again, or with"
    " --abandon."
)
_WHY: Final = {
    Closed.CLOSING: _MOVING,
    Closed.MOVING: _MOVING,
    Closed.MOVED: "It was moved to another place: write that into vault in gateway.yaml, and restart.",
    Closed.FILLING: "It is no vault yet: card-gateway vault migrate, which fills it, has not ended. If that"
    " was stopped, run it again.",
    Closed.RESTORING: "This is a backup, or a restore was not finished: run card-gateway vault restore.",
}


def why(connection: Connection) -> Closed:
    """Why the vault takes nothing; OPEN: it does not say so."""
    _, closed = key_rows.standing(connection)
    return Closed(closed)


def close(connection: Connection, why: Closed, by: str = "") -> None:
    """Closes the vault, or opens it again. `by`: a name for who does; it has to be his still when he goes on."""
    connection.execute(_SET, (why.value, by))


def by(connection: Connection) -> str:
    """Who closed it."""
    return str(connection.execute(_BY).fetchone()[1])


def is_by(connection: Connection, why: Closed, by: str) -> bool:
    """Whether it is closed for this reason, and by him."""
    return tuple(connection.execute(_BY).fetchone()) == (why.value, by)


def told(closed: Closed) -> str:
    """What that is to whoever runs the gateway, and what to do; empty where it is open."""
    return _WHY.get(closed, "")


def may_begin(closed: str) -> None:
    """Raises VaultClosed where nothing may be begun that is to be written in the end."""
    if closed:
        raise VaultClosed(_WHY[Closed(closed)])


def may_write(closed: str) -> None:
    """Raises VaultClosed where nothing may be written."""
    if closed != Closed.CLOSING:
        may_begin(closed)


def may_open(closed: str) -> None:
    """Raises VaultClosed where nothing may be read either."""
    if closed != Closed.MOVING:
        may_write(closed)

"""What holds the audit's chains together, as rows: see `chain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.vault.chain import Anchor, Chain, Head, read_heads, write_heads

if TYPE_CHECKING:
    from gateway.vault.database import Connection

_ADD: Final = (
    "INSERT INTO audit_anchor (id, at, newest, through, heads, hash) VALUES (?, ?, ?, ?, ?, ?)"
)
_READ: Final = "SELECT id, at, newest, through, heads, hash FROM audit_anchor ORDER BY id"
_NEWEST: Final = "SELECT id, hash FROM audit_anchor ORDER BY id DESC LIMIT 1"
# One look into the index for each writer. CROSS: SQLite keeps this order; to have the rows sorted it read the
# whole of the index, half a second for a million entries, in the first write of every process.
_LAST: Final = (
    "SELECT audit.writer, audit.seq, audit.hash FROM audit_anchor CROSS JOIN audit"
    " WHERE audit_anchor.through IS NULL AND audit.writer = audit_anchor.id AND audit.seq ="
    " (SELECT max(seq) FROM audit AS one WHERE one.writer = audit_anchor.id)"
    " ORDER BY audit_anchor.id"
)

_UNREADABLE: Final = (Head(0, 0, b""),)  # no writer is 0


def heads(connection: Connection) -> tuple[Head, ...]:
    """How far each chain goes, of those that went on since an anchor named them."""
    named: set[Head] = set()
    for anchor in read(connection):
        named.update(anchor.heads)
    return tuple(
        head for head in (Head(*row) for row in connection.execute(_LAST)) if head not in named
    )


def add(connection: Connection, chain: Chain, anchor: Anchor) -> Anchor:
    """Writes it as the newest, whatever its id. Gives it with its id and its hash."""
    last, before = connection.execute(_NEWEST).fetchone() or (0, b"")
    made = chain.anchored(before, anchor._replace(id=last + 1))
    row = (made.id, made.at, made.newest, made.through, write_heads(made.heads), made.hash)
    connection.execute(_ADD, row)
    return made


def read(connection: Connection) -> list[Anchor]:
    """All of them, in order. One whose heads can not be read names none, and its hash does not fit."""
    return [_read(row) for row in connection.execute(_READ)]


def _read(row: tuple[Any, ...]) -> Anchor:  # Any: the columns' types, as the schema gives them
    id, at, newest, through, text, hashed = row
    try:
        named = read_heads(text)
    except ValueError:  # somebody wrote it who is not a gateway
        named = _UNREADABLE
    return Anchor(id, at, newest, through, named, hashed)

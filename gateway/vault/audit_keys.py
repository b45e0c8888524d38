"""The audit's keys as its sinks get them: with these, lines that came after a rotation can be checked against
a backup from before it (`lost_keys`).

1. Each is wrapped under the KEK, as the keyring has it: who has the lines and no KEK has no key. None but
   the audit's is there, and that opens no record.
2. Each line is hashed under the key before it. So from the one that a backup has all are reached, and no
   key of another vault stands for one.
3. A process writes them when it begins, and when it begins with a new key: wherever entries under a key
   are, its line is before them, also in a file that was begun since. The first key has none: each backup
   has it. After the KEK was moved they are wrapped under that one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from gateway.vault.audit_line import KeyLine
from gateway.vault.chain import Chain

if TYPE_CHECKING:
    from gateway.vault.database import Connection

_READ: Final = "SELECT id, wrapped FROM keyring WHERE purpose = 'audit' AND id <= ? ORDER BY id"


def lines(connection: Connection, chain: Chain, now: str) -> list[KeyLine]:
    """All but the first, up to the one that is used."""
    rows = connection.execute(_READ, (chain.key,)).fetchall()
    made = [
        chain.of_key(KeyLine(id, now, wrapped.hex()), before)
        for (before, _), (id, wrapped) in pairwise(rows)
    ]
    return [one for one in made if one is not None]

"""An audit entry as it stands: what is exported, followed, and written to files and pipes."""

from __future__ import annotations

import json
from typing import NamedTuple


class Line(NamedTuple):
    """An entry with its place in the chain (empty where it has none)."""

    id: int
    at: str  # ISO 8601, UTC
    exchange: str
    action: str
    outcome: str
    client: str
    key: str
    origin: str
    route: str
    product: str
    iduser: int | None
    booking: str
    detail: str
    subject: str
    writer: int | None
    seq: int | None
    hash: str  # hexadecimal

    def json(self) -> str:
        """A JSON object in ASCII, with the end of its line."""
        return json.dumps(self._asdict(), ensure_ascii=True) + "\n"


class KeyLine(NamedTuple):
    """A key of the audit, sealed under the KEK: what lines are under that come after it. A backup from before
    it was made has it not.

    `audit_key` is its id; `wrapped` is its row in the keyring and `hash`, under the key before it, of
    all of this; both are hexadecimal.
    """

    audit_key: int
    at: str
    wrapped: str
    hash: str = ""

    def json(self) -> str:
        """A JSON object in ASCII, with the end of its line."""
        return json.dumps(self._asdict(), ensure_ascii=True) + "\n"


class AnchorLine(NamedTuple):
    """An anchor of the chain as it stands (`chain.Anchor`): with it a file of lines can be checked by itself.

    `heads` is the JSON text of its row, `hash` is hexadecimal.
    """

    anchor: int
    at: str
    newest: int
    through: int | None
    heads: str
    hash: str

    def json(self) -> str:
        """A JSON object in ASCII, with the end of its line."""
        return json.dumps(self._asdict(), ensure_ascii=True) + "\n"

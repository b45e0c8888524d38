"""Gateway keys: how one looks, how it is stored, and whether a text is one that is alive.

    cgk_4f0k2m9x1q7z_V1StGXR8Z5jdHi6BmyTpQw9aEc3LfKu2o4Nx8D
    ^^^ ^^^^^^^^^^^^ ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ours, for secret scanners
        the id: public, stands in lists and in the audit
                     the secret (32) and a CRC-32 of all before it (6)

The secret is 32 characters of 62, 190 bits, from the system's randomness. That is why an unsalted
fast hash is right for it: SHA-256 stands between a stolen table and the keys, and guessing 2**190
inputs is out of reach at any speed, so a slow hash (argon2, for what people choose) would only cost
each request milliseconds; a salt hinders tables of likely inputs, and here none is likelier than
another. The checksum is no secret: it tells a typing error from a revoked key, and lets a scanner
report a leaked one without asking us.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from gateway.errors import GatewayError
from gateway.secret import Secret
from gateway.vault.rows import KeyRow

PREFIX: Final = "cgk_"
SCOPES: Final = ("proxy", "detokenize", "reveal", "cards", "charges", "admin")
# No scope implies another: a key may put cards in (`detokenize`) or only let messages through.
DEFAULT_SCOPES: Final = ("proxy", "detokenize")
LIVE_PER_NAME: Final = 2  # the old one and the new one, while callers are moved over

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE36: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_LENGTH: Final = 12
_SECRET_LENGTH: Final = 32
_CHECK_LENGTH: Final = 6
_FORM: Final = re.compile(r"cgk_([0-9a-z]{12})_[0-9A-Za-z]{38}")
# How long a revoked key may still be taken, and how often the table is read.
FRESH: Final = timedelta(seconds=2)
_GUESSES_APART: Final = timedelta(milliseconds=250)
_NO_HASH: Final = bytes(32)


class KeyTable(Protocol):
    """Where the rows are; `gateway/vault/keys.py` is the real one. Raises `VaultUnavailable`.

    What `insert` and `revoke` do stands in the audit at once, with its `origin`.
    """

    def insert(self, row: KeyRow, origin: str) -> None: ...

    def all(self) -> list[KeyRow]: ...

    def by_id(self, id: str) -> KeyRow | None: ...

    def revoke(self, id: str, at: datetime, origin: str) -> bool: ...

    def used(self, times: Mapping[str, datetime]) -> None: ...


class TooManyKeys(GatewayError):
    """A third live key of one client and name. `live` are the two, oldest first."""

    code, status = "too_many_keys", 409
    text = "This client has two live keys of this name already."
    action = "Revoke one of them, or choose another name."

    def __init__(self, live: Sequence[KeyRow]) -> None:
        super().__init__()
        self.live = tuple(live)


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key is made for. Empty `products`: all. Empty `networks`: the client's."""

    name: str
    client: str
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    products: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    expires: datetime | None = None


def create(table: KeyTable, new: NewKey, now: datetime, origin: str) -> tuple[Secret[str], KeyRow]:
    """Makes a key and stores its hash; the key itself is nowhere but in what comes back, which is
    after its making is durable in the audit. `origin`: who asked for it, for the audit.

    Raises TooManyKeys. Two commands at the same instant could both pass that check: it guards
    against forgotten keys, not against an operator.
    """
    live = [
        row
        for row in table.all()
        if row.client == new.client and row.name == new.name and is_live(row, now)
    ]
    if len(live) >= LIVE_PER_NAME:
        raise TooManyKeys(sorted(live, key=lambda row: row.created))
    id = "".join(secrets.choice(_BASE36) for _ in range(_ID_LENGTH))
    text = f"{PREFIX}{id}_" + "".join(secrets.choice(_BASE62) for _ in range(_SECRET_LENGTH))
    key = text + _checksum(text)
    row = KeyRow(
        id=id,
        name=new.name,
        client=new.client,
        hash=_hash(key),
        scopes=new.scopes,
        products=new.products,
        networks=new.networks,
        created=now,
        expires=new.expires,
        revoked=None,
        last_used=None,
    )
    table.insert(row, origin)
    return Secret(key), row


def is_live(row: KeyRow, now: datetime) -> bool:
    """Neither revoked nor expired."""
    return row.revoked is None and (row.expires is None or now < row.expires)


def key_id(text: str) -> str | None:
    """The id in `text` when it has the form and the checksum of a key; it may still be unknown."""
    match = _FORM.fullmatch(text)
    if match is None or text[-_CHECK_LENGTH:] != _checksum(text[:-_CHECK_LENGTH]):
        return None
    return match[1]


def _checksum(text: str) -> str:
    rest, signs = zlib.crc32(text.encode("ascii")), []
    for _ in range(_CHECK_LENGTH):  # 62 ** 6 > 2 ** 32
        rest, sign = divmod(rest, 62)
        signs.append(_BASE62[sign])
    return "".join(reversed(signs))


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("ascii")).digest()


class Keys:
    """The live keys, as the table had them at most two seconds ago.

    The whole table (a row per key, few hundreds) is read at once: a request costs no database, nor
    does guessing ids, whether they exist or not.
    """

    def __init__(self, table: KeyTable, clock: Callable[[], datetime]) -> None:
        self._table, self._clock = table, clock
        self._reading = threading.Lock()
        self._read: tuple[datetime, dict[str, KeyRow]] | None = None
        self._sought: datetime | None = None  # when an id that was not there was looked for again
        self._used: dict[str, datetime] = {}

    def verify(self, text: str) -> KeyRow | None:
        """The live row whose key `text` is, or None. Raises VaultUnavailable.

        1. Form and checksum: a typing error needs no look-up.
        2. The hash is computed and compared in constant time, for an unknown id against zeros, so
           that time tells nothing about which ids exist.
        3. Expiry and revocation are looked at last, once the caller has shown to know the key.
        """
        id = key_id(text)
        if id is None:
            return None
        row = self._row(id)
        same = hmac.compare_digest(_hash(text), _NO_HASH if row is None else row.hash)
        return row if row is not None and same and self._is_live(row) else None

    def live(self, id: str) -> KeyRow | None:
        """The row, when it is still alive: for a tunnel that was admitted with this key earlier."""
        row = self._row(id)
        return row if row is not None and self._is_live(row) else None

    def note_use(self, id: str) -> None:
        """Remembers that a key was used now; `save_uses` writes it."""
        self._used[id] = self._clock()

    def save_uses(self) -> None:
        """Writes when each key was last used. It blocks: the worker calls it every few seconds, in
        a thread. What can not be written is kept for the next time. Raises VaultUnavailable."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            self._table.used(used)
        except GatewayError:
            self._used = used | self._used
            raise

    def refresh(self) -> None:
        """Reads the table anew. The worker does it in a thread, often enough that no request has to.

        One at a time: a slow reader must not put older rows in the place of newer ones.
        """
        with self._reading:
            now = self._clock()
            self._read = (now, {row.id: row for row in self._table.all()})

    def _row(self, id: str) -> KeyRow | None:
        # A clock that was set back makes the rows look younger than new: then they are read again.
        # An id that is not there may be a new key's: it is looked for again, but no oftener than
        # guessing would be worth.
        now = self._clock()
        is_old = self._read is None or not timedelta(0) <= now - self._read[0] < FRESH
        known = self._read is not None and id in self._read[1]
        was_sought = (
            self._sought is not None and timedelta(0) <= now - self._sought < _GUESSES_APART
        )
        if is_old or not (known or was_sought):
            self._sought = now
            self.refresh()
        return None if self._read is None else self._read[1].get(id)

    def _is_live(self, row: KeyRow) -> bool:
        return is_live(row, self._clock())

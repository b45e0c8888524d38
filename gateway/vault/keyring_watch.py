"""Keeping what this process holds of the keyring equal to what stands in the vault (P23).

1. A key is known before it is used: new ones are `pending` until every process that serves has said that
   it has them (`beat`). Who has been silent for a minute is not waited for.
2. That alone would not do: whoever slept all the time would write under keys that are gone. So nothing
   is written before the keyring was compared with the one that stands, in the same transaction: one
   short read. A process with another one takes it over first.
3. What was sealed before its transaction began says which keyring that was (`version`), and is done again
   if that is not the one that stands.
4. Whoever meets a record under a key that he does not know looks into the keyring before he calls the
   record damaged.
5. Only the thread that writes takes a keyring over, in a transaction that writes: it never goes back to one
   that somebody read before he slept, and its keys do not change in the middle of a write.
6. In a transaction nobody is asked for a KEK, which may take long. A key that the KEK at hand does not
   open is left out as long as it is not used; where it is used nothing is written: `refresh` fetches
   the KEK, beside.

The KEK stays in memory for this, beside the keys that it wraps.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Final, TypeVar

from gateway.errors import RecordDamaged, VaultUnavailable
from gateway.secret import Secret
from gateway.vault import closing, key_rows
from gateway.vault.database import Connection, Database
from gateway.vault.entries import stamp
from gateway.vault.envelope import Sealer
from gateway.vault.journal import Journal
from gateway.vault.kek.provider import KekProvider
from gateway.vault.keyring import (
    Purpose,
    State,
    WrappedKey,
    keyring_of,
    opens,
    unwrap,
)
from gateway.vault.unsealing import Unsealed, holder

T = TypeVar("T")

# A process says every few seconds that it is there; one that has not for so long is not waited for.
SILENT: Final = timedelta(minutes=1)
_FORGOTTEN: Final = timedelta(days=1)


def new_version() -> str:
    """A name for a keyring. Never a number: one that was rolled back and one that came after it must
    not look the same.
    """
    return secrets.token_hex(16)


class KeyringWatch:
    """The keyring as one process has it: its keys, and whether it is the one that stands."""

    def __init__(self, database: Database, unsealed: Unsealed, keks: Sequence[KekProvider]) -> None:
        self.process = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.keyring = unsealed.keyring
        self._database, self._keks, self._kek = database, keks, unsealed.kek
        self._taking = threading.Lock()
        self._writer: int | None = None  # the thread that writes, while it does
        self._opened: dict[tuple[int, Purpose], Secret[bytes]] = {
            (row.id, row.purpose): unwrap(row, unsealed.kek) for row in unsealed.rows
        }
        self._version = unsealed.version
        self._whole = True  # every key that stands is open
        self._closed = ""  # as it was when it was looked at last
        self.keyring.when_missed(self._missed)

    @property
    def version(self) -> str:
        """Which keyring this process has. To be read before something is sealed."""
        return self._version

    @property
    def kek(self) -> Sealer:
        """The KEK that opened the keyring last."""
        return self._kek

    def may_begin(self) -> None:
        """Returns where the vault took something when this process wrote or looked last. Raises VaultClosed."""
        closing.may_begin(self._closed)

    def check(self, connection: Connection) -> None:
        """Sees to it that the keyring is the one that stands, in a transaction that writes. Raises
        VaultClosed, VaultUnavailable where a key that is used can not be opened, RecordDamaged where the
        keyring is.
        """
        self._check(connection, closing.may_write)

    def write(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        """`check`, then `work`, in a transaction that writes."""
        self._writer = threading.get_ident()
        try:
            self.check(connection)
            return work(connection)
        finally:
            self._writer = None

    def _take_what_stands(self, *, again: bool = False) -> None:
        """On the thread that writes, whoever asks. Blocks. Raises what `refresh` raises."""
        if self._writer != threading.get_ident():  # else it was compared as this transaction began
            self._database.write(
                "keyring_take", lambda c: self._check(c, closing.may_open, again=again)
            ).result()

    def _check(
        self, connection: Connection, may: Callable[[str], None], *, again: bool = False
    ) -> None:
        stands, closed = key_rows.standing(connection)
        self._closed = closed
        may(closed)
        if stands != self._version or (again and not self._whole):
            self._take(stands, key_rows.read(connection), self._kek)

    def refresh(self) -> None:
        """The same, by itself: fetches the KEK where it is another one by now. Blocks. Raises
        VaultClosed where nothing may be read, VaultUnavailable, VaultSealed, RecordDamaged.
        """
        (stands, self._closed), rows = self._database.read(
            lambda c: (key_rows.standing(c), key_rows.read(c))
        )
        closing.may_open(self._closed)
        if stands == self._version and self._whole:
            return
        if not opens(rows, self._kek):
            _, self._kek = holder(rows, self._keks)
        self._take_what_stands(again=True)

    def beat(self, now: datetime) -> None:
        """Writes, durable, which keyring this process has. Blocks. Raises VaultUnavailable."""
        said = self._version if self._whole else ""
        at, buried = stamp(now), stamp(now - _FORGOTTEN)
        self._database.write(
            "keyring_beat", lambda c: key_rows.beat(c, self.process, said, at, buried=buried)
        ).result()

    def _missed(self) -> None:
        self._take_what_stands()

    def _take(self, version: str, rows: Sequence[WrappedKey], kek: Sealer) -> None:
        opened: dict[tuple[int, Purpose], Secret[bytes]] = {}
        shut: list[WrappedKey] = []
        for row in rows:
            key = self._opened.get((row.id, row.purpose)) or _unwrapped(row, kek)
            if key is None:
                shut.append(row)
            else:
                opened[row.id, row.purpose] = key
        if any(row.state is State.ACTIVE for row in shut):
            self._whole = False
            raise VaultUnavailable
        taken = [row for row in rows if row not in shut]
        fresh = keyring_of(taken, {id: key for (id, _), key in opened.items()})
        with self._taking:
            self.keyring.take_over(fresh)
            self._opened, self._whole = opened, not shut
            self._version = version  # last: who read it before seals under these keys


class WatchedDatabase:
    """Fulfils `Database`: nothing is written under a keyring that does not stand."""

    def __init__(self, database: Database, watch: KeyringWatch) -> None:
        self._database, self._watch = database, watch

    @property
    def few(self) -> int:
        """As the database."""
        return self._database.few

    def use(self, journal: Journal) -> None:
        """As `Database.use`."""
        self._database.use(journal)

    def read(self, work: Callable[[Connection], T]) -> T:
        """As `Database.read`."""
        return self._database.read(work)

    def write(
        self, name: str, work: Callable[[Connection], T], *, entries: int = 0, large: bool = False
    ) -> Future[T]:
        """As `Database.write`."""

        def checked(connection: Connection) -> T:
            return self._watch.write(connection, work)

        return self._database.write(name, checked, entries=entries, large=large)

    def scrub(self, *, compact: bool = False) -> bool:
        """As the database."""
        return self._database.scrub(compact=compact)

    def close(self) -> None:
        """As `Database.close`."""
        self._database.close()


def _unwrapped(row: WrappedKey, kek: Sealer) -> Secret[bytes] | None:
    try:
        return unwrap(row, kek)
    except RecordDamaged:
        return None

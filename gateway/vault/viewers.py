"""Viewers as a client manages them: invited, shown, locked, disabled.

1. Whatever writes is one transaction with its audit entry and, where the request counts once, with its
   answer (`requests.py`).
2. A viewer of a product that the caller may not use is as unknown as none.
3. Locking takes a second active viewer of the product; unlocking takes the code of one
   (`viewer_codes.py`).
4. Two names in one product are names that people can tell apart.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar
from unicodedata import normalize

from gateway.audit import Entry, Outcome
from gateway.errors import (
    GatewayError,
    SecondPersonRequired,
    ViewerExists,
    ViewerNotReady,
    ViewerUnknown,
)
from gateway.vault import entries as audit
from gateway.vault.aside import Aside
from gateway.vault.database import Connection, Database
from gateway.vault.entries import stamp
from gateway.vault.idempotency import Once
from gateway.vault.requests import Done, Requests
from gateway.vault.viewer import COLUMNS, NewViewer, State, Viewer, ViewerRow, read_row

T = TypeVar("T")
Answer = Callable[[Viewer], bytes]

MOST: Final = 1000  # that are listed
_ADD: Final = (
    f"INSERT INTO viewer ({COLUMNS}) VALUES (?, ?, ?, 'invited', ?, ?, ?, 0, 0, ?, ?, 0, NULL)"
)
_ONE: Final = f"SELECT {COLUMNS} FROM viewer WHERE id = ?"
_NAMES: Final = "SELECT name FROM viewer WHERE product = ? AND state <> 'disabled'"
_ALL: Final = (
    f"SELECT {COLUMNS} FROM viewer WHERE product IN (SELECT value FROM json_each(?))"
    " ORDER BY number LIMIT ?"
)
_LOCK: Final = "UPDATE viewer SET state = 'locked', changed = ? WHERE id = ?"
_DISABLE: Final = "UPDATE viewer SET state = 'disabled', sealed = NULL, changed = ? WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks: with which products, as the audit has it, and under which Idempotency-Key."""

    products: Collection[str]
    entry: Entry
    once: Once | None = None


class ViewerTable:
    """Every method raises VaultUnavailable. Product, subject and outcome are added to the entry here."""

    def __init__(self, database: Database, requests: Requests, aside: Aside) -> None:
        self._database, self._requests, self._aside = database, requests, aside

    async def invite(
        self, new: NewViewer, asked: Asked, answer: Callable[[Connection, Viewer], bytes]
    ) -> bytes:
        """Adds one without a code; `answer` may write what goes with it.

        Raises ViewerExists, IdempotencyKeyReused.
        """
        about = replace(asked.entry, product=new.product, subject=new.id)

        def do(connection: Connection, now: datetime) -> Done | GatewayError:
            names = connection.execute(_NAMES, (new.product,)).fetchall()
            if as_read(new.name) in {as_read(name) for (name,) in names}:
                return ViewerExists()
            at = stamp(now)
            values = (new.id, new.product, new.name, new.role.value, new.may_copy, new.totp)
            connection.execute(_ADD, (*values, at, at))
            audit.append(connection, [replace(about, outcome=Outcome.DONE)])
            return Done(new.product, answer(connection, viewer_of(connection, new.id)))

        return await self._requests.write("viewer_invite", about, asked.once, do)

    async def lock(self, id: str, by: str, asked: Asked, answer: Answer) -> bytes:
        """Lets it see nothing, until another person unlocks it; so wants `by`, a second one.

        Raises ViewerUnknown, SecondPersonRequired, ViewerNotReady, IdempotencyKeyReused.
        """

        def change(connection: Connection, viewer: Viewer, now: str) -> GatewayError | None:
            if not is_second(connection, viewer, by):
                return SecondPersonRequired()
            if viewer.state not in {State.ACTIVE, State.LOCKED}:
                return ViewerNotReady()
            connection.execute(_LOCK, (now, id))
            return None

        named = replace(asked, entry=replace(asked.entry, detail=f"by:{by}"))
        return await self._change("viewer_lock", id, named, change, answer)

    async def disable(self, id: str, asked: Asked, answer: Answer) -> bytes:
        """Whoever has left sees nothing from now on; the code is erased, the name is free.

        Raises ViewerUnknown, IdempotencyKeyReused.
        """

        def change(connection: Connection, _: Viewer, now: str) -> GatewayError | None:
            connection.execute(_DISABLE, (now, id))
            return None

        return await self._change("viewer_disable", id, asked, change, answer)

    async def get(self, id: str, products: Collection[str]) -> Viewer:
        """One. Raises ViewerUnknown."""
        found = await self._read(lambda connection: find(connection, id))
        if found is None or found.viewer.product not in products:
            raise ViewerUnknown
        return found.viewer

    async def listed(self, products: Collection[str]) -> list[Viewer]:
        """Those of `products`, the first invited first; up to a thousand."""
        values = (json.dumps([*products]), MOST)
        rows = await self._read(lambda c: c.execute(_ALL, values).fetchall())
        return [read_row(row).viewer for row in rows]

    async def _change(
        self,
        name: str,
        id: str,
        asked: Asked,
        change: Callable[[Connection, Viewer, str], GatewayError | None],
        answer: Answer,
    ) -> bytes:
        about = replace(asked.entry, subject=id)

        def do(connection: Connection, now: datetime) -> Done | GatewayError:
            row = find(connection, id)
            if row is None or row.viewer.product not in asked.products:
                return ViewerUnknown()
            if row.viewer.state is State.DISABLED:
                return ViewerNotReady()
            refusal = change(connection, row.viewer, stamp(now))
            if refusal is not None:
                return refusal
            product = row.viewer.product
            audit.append(connection, [replace(about, outcome=Outcome.DONE, product=product)])
            return Done(product, answer(viewer_of(connection, id)))

        return await self._requests.write(name, about, asked.once, do)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        return await self._aside.run(lambda: self._database.read(work))


def as_read(name: str) -> str:
    """What people tell apart of a name: neither its case nor how its accents are spelt in Unicode."""
    return normalize("NFC", normalize("NFC", name).casefold())


def find(connection: Connection, id: str) -> ViewerRow | None:
    """The row of a viewer; None: there is none."""
    values = connection.execute(_ONE, (id,)).fetchone()
    return None if values is None else read_row(values)


def viewer_of(connection: Connection, id: str) -> Viewer:
    """One that is certainly there."""
    return read_row(connection.execute(_ONE, (id,)).fetchone()).viewer


def is_second(connection: Connection, viewer: Viewer, by: str) -> bool:
    """Whether `by` is another person of the viewer's property, who may act."""
    other = find(connection, by)
    return (
        other is not None
        and other.viewer.id != viewer.id
        and other.viewer.product == viewer.product
        and other.viewer.state is State.ACTIVE
    )

"""Links for viewers: to choose a secret code or another one, and to say yes to what is done with another viewer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import BaseModel

from gateway.audit import Action, Entry
from gateway.errors import (
    GatewayError,
    SecondPersonRequired,
    ViewerNotReady,
    ViewerUnknown,
)
from gateway.pages.about import About
from gateway.pages.links import Links, Made, NewLink
from gateway.vault.database import Connection
from gateway.vault.entries import stamp
from gateway.vault.idempotency import Once
from gateway.vault.link import LinkKind
from gateway.vault.viewer import State, Viewer
from gateway.vault.viewers import find, is_second

Change = Literal["unlock", "reset"]
Json = Any  # what JSON may be

_SETUP: Final = timedelta(hours=24)
_CHANGE: Final = timedelta(hours=1)
_APPROVAL: Final = timedelta(hours=1)
_FROM: Final = {"unlock": {State.LOCKED}, "reset": {State.ACTIVE, State.LOCKED}}


class MadeLink(BaseModel):
    """A link for one person; `url` is told this once."""

    id: str
    url: str
    expires_at: datetime


def made_link(made: Made) -> MadeLink:
    """As the API tells it."""
    row = made.link.row
    return MadeLink(id=row.id, url=made.url.reveal(), expires_at=row.expires)


class ViewerLinks:
    """Each raises PagesOff where the product has no pages."""

    def __init__(self, links: Links, clock: Callable[[], datetime]) -> None:
        self._links, self._clock = links, clock

    def check(self, product: str) -> None:
        """Whether the product has pages."""
        self._links.origins(product)

    def insert_setup(self, connection: Connection, viewer: Viewer, entry: Entry) -> Made:
        """A link to choose a code, in the transaction that makes the viewer."""
        made = self._setup(viewer, entry)
        self._links.table.insert(connection, made.link, made.secret, _of_link(entry, made, viewer))
        return made

    async def setup(self, viewer: Viewer, entry: Entry, once: Once | None) -> bytes:
        """Another link to choose a code. Raises ViewerNotReady, IdempotencyKeyReused."""
        made = self._setup(viewer, entry)

        def guard(connection: Connection) -> GatewayError | None:
            now = find(connection, viewer.id)
            is_same = now is not None and now.viewer == viewer
            return None if is_same and viewer.state is State.INVITED else ViewerNotReady()

        return await self._create(made, viewer, entry, once, guard)

    async def change(self, viewer: Viewer, entry: Entry, once: Once | None) -> bytes:
        """A link to choose another code, with the present one. Raises ViewerNotReady,
        IdempotencyKeyReused.
        """
        more = {"viewer": viewer.id, "since": stamp(viewer.changed), "has_code": True}
        made = self._make(LinkKind.SETUP, viewer, entry, _CHANGE, more)

        def guard(connection: Connection) -> GatewayError | None:
            now = find(connection, viewer.id)
            is_same = now is not None and now.viewer.changed == viewer.changed
            is_active = now is not None and now.viewer.state is State.ACTIVE
            return None if is_same and is_active else ViewerNotReady()

        return await self._create(made, viewer, entry, once, guard)

    async def approval(
        self, viewer: Viewer, by: str, change: Change, entry: Entry, once: Once | None
    ) -> bytes:
        """A link on which `by` says yes. Raises SecondPersonRequired, ViewerNotReady, ViewerUnknown,
        IdempotencyKeyReused.
        """
        more = {"viewer": by, "other": viewer.id, "name": viewer.name, "change": change}
        made = self._make(LinkKind.APPROVE, viewer, entry, _APPROVAL, more)

        def guard(connection: Connection) -> GatewayError | None:
            now = find(connection, viewer.id)
            if now is None:
                return ViewerUnknown()
            if not is_second(connection, now.viewer, by):
                return SecondPersonRequired()
            return None if now.viewer.state in _FROM[change] else ViewerNotReady()

        named = replace(entry, detail=f"by:{by}")
        return await self._create(made, viewer, named, once, guard)

    def _setup(self, viewer: Viewer, entry: Entry) -> Made:
        more = {"viewer": viewer.id, "since": stamp(viewer.changed)}
        return self._make(LinkKind.SETUP, viewer, entry, _SETUP, more)

    def _make(
        self, kind: LinkKind, viewer: Viewer, entry: Entry, life: timedelta, more: dict[str, Json]
    ) -> Made:
        ends = self._clock() + life
        return self._links.make(
            NewLink(kind, entry.client, viewer.product, None, ends, About(), more)
        )

    async def _create(
        self,
        made: Made,
        viewer: Viewer,
        entry: Entry,
        once: Once | None,
        guard: Callable[[Connection], GatewayError | None],
    ) -> bytes:
        answer = made_link(made).model_dump_json().encode()
        return await self._links.create(
            made, _of_link(entry, made, viewer), once, answer, guard=guard
        )


def _of_link(entry: Entry, made: Made, viewer: Viewer) -> Entry:
    return replace(entry, action=Action.LINK_CREATE, exchange=made.link.row.id, subject=viewer.id)

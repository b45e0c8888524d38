"""A page that asks a viewer for its secret code, and does something with the right one.

1. Nothing is tried over a link that is used or over, nor for a viewer that is not active.
2. The page says how many tries are left, not what was wrong.
3. What the code is for, the use of the link and the audit entry are one transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from starlette.responses import Response

from gateway.audit import Action, Entry, Outcome
from gateway.errors import CodeWrong, GatewayError, PageLinkOver, ViewerLocked, ViewerUnknown
from gateway.pages.form import Form
from gateway.pages.links import hold
from gateway.pages.site import Site, Visit
from gateway.vault.service import Vault
from gateway.vault.sqlite import Connection
from gateway.vault.viewer import State, Viewer
from gateway.viewers.checking import Checking, Typed

T = TypeVar("T")
Act = Callable[[Connection, Viewer], GatewayError | None]

_CODE: Final = "code"
_PASSWORD: Final = "password"  # noqa: S105  # the field's name


@dataclass(frozen=True, slots=True)
class Words:
    """What stands over, on and before the button."""

    title: str
    button: str
    why: str


@dataclass(frozen=True, slots=True)
class CodePage:
    """What such pages share."""

    site: Site
    vault: Vault
    checking: Checking
    clock: Callable[[], datetime]

    async def ask(self, visit: Visit, words: Words) -> Response:
        """The form, in words of the page's own; or why there is none."""
        viewer = await self._viewer(visit)
        if viewer is None or viewer.state is not State.ACTIVE:
            return self._closed(visit, viewer)
        return self._form(visit, viewer, words)

    async def check(self, visit: Visit, form: Form, entry: Entry, act: Act) -> Viewer:
        """The viewer whose code it is, once `act` is done and the link is used up.

        Raises CodeWrong, ViewerLocked, CodesBusy, PageLinkOver, what `act` says, VaultUnavailable.
        """
        id, links = visit.link.row.id, self.vault.links

        def guard(connection: Connection, viewer: Viewer) -> GatewayError | None:
            if viewer.product != visit.link.row.product:
                return ViewerUnknown()
            return links.check(connection, id)

        def use(connection: Connection, viewer: Viewer) -> Viewer | GatewayError:
            refusal = links.check(connection, id) or act(connection, viewer)
            if refusal is not None:
                return refusal
            links.use(connection, id, hold(visit.about, visit.more))
            return viewer

        typed = Typed(form.secret(_CODE), form.text(_PASSWORD))
        return await self.checking.check(visit.more["viewer"], typed, entry, guard, use)

    async def refused(self, visit: Visit, refusal: GatewayError, words: Words) -> Response:
        """The answer to a code that did nothing."""
        viewer = await self._viewer(visit)
        if viewer is None or viewer.state is not State.ACTIVE or isinstance(refusal, ViewerLocked):
            return self._closed(visit, viewer)
        if not isinstance(refusal, CodeWrong):
            raise refusal
        return self._form(visit, viewer, words, refusal.left)

    def entry(self, visit: Visit, action: Action, outcome: Outcome) -> Entry:
        """Who is at the page: the client's link, the browser's address."""
        row, booking = visit.link.row, visit.about.booking
        return Entry(
            at=self.clock(),
            exchange=row.id,
            action=action,
            outcome=outcome,
            client=row.client,
            origin=visit.origin,
            route=f"pages/{row.kind.value}",
            product=row.product,
            booking="" if booking is None else booking.booking_id or "",
        )

    async def _viewer(self, visit: Visit) -> Viewer | None:
        try:
            return await self.vault.viewers.get(visit.more["viewer"], {visit.link.row.product})
        except ViewerUnknown:
            return None

    def _form(
        self, visit: Visit, viewer: Viewer, words: Words, left: int | None = None
    ) -> Response:
        status = 200 if left is None else CodeWrong.status
        return self.site.page(
            visit, "code.html", status=status, viewer=viewer, words=words, left=left
        )

    def _closed(self, visit: Visit, viewer: Viewer | None) -> Response:
        """Whoever has left finds nothing; whoever is locked is told who helps."""
        if viewer is None or viewer.state is State.DISABLED:
            raise PageLinkOver
        return self.site.page(
            visit, "said.html", status=ViewerLocked.status,
            title=visit.texts("code.locked"), texts=[visit.texts("code.unlock")],
        )  # fmt: skip

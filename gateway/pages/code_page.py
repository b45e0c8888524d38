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
from gateway.secret import Secret
from gateway.vault.database import Connection
from gateway.vault.entries import stamp
from gateway.vault.service import Vault
from gateway.vault.viewer import State, Viewer
from gateway.viewers.checking import Checking, Typed
from gateway.viewers.codes import SHORTEST, weakness

T = TypeVar("T")
Act = Callable[[Connection, Viewer], GatewayError | None]

CODE: Final = "code"  # the field of the code that a viewer has
_PASSWORD: Final = "password"  # noqa: S105  # the field's name


@dataclass(frozen=True, slots=True)
class Words:
    """What stands over, on and before the button; and the form, where it asks for more."""

    title: str
    button: str
    why: str
    template: str = "code.html"


@dataclass(frozen=True, slots=True)
class CodePage:
    """What such pages share."""

    site: Site
    vault: Vault
    checking: Checking
    clock: Callable[[], datetime]

    async def ask(self, visit: Visit, words: Words, wrong: str | None = None) -> Response:
        """The form, in words of the page's own; or why there is none. `wrong`: what is wrong with
        what was typed besides the code.
        """
        viewer = await self._viewer(visit)
        if viewer is None or viewer.state is not State.ACTIVE:
            return self._closed(visit, viewer)
        return self._form(visit, viewer, words, wrong=wrong)

    async def check(
        self, visit: Visit, form: Form, entry: Entry, act: Act, *, chosen: Secret[str] | None = None
    ) -> Viewer:
        """The viewer whose code it is, once `act` is done and the link is used up. `chosen`: the code
        that takes its place then.

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

        typed = Typed(form.secret(CODE), form.text(_PASSWORD))
        return await self.checking.check(
            visit.more["viewer"], typed, entry, guard, use, chosen=chosen
        )

    def weakness(self, viewer: Viewer, code: Secret[str], *, again: Secret[str]) -> str | None:
        """Why a viewer may not choose this code, as the locales have it under `setup`; None: it may."""
        known = (viewer.name, viewer.product, self.site.name(viewer.product))
        wrong = weakness(code, known)
        if wrong is None and code.reveal() != again.reveal():
            return "code_not_the_same"
        return wrong

    async def unchanged(self, visit: Visit) -> Viewer:
        """The viewer, for a link that counts only as long as nothing changes about it.

        Raises PageLinkOver.
        """
        viewer = await self._viewer(visit)
        if viewer is None or not is_unchanged(visit, viewer):
            raise PageLinkOver
        return viewer

    async def refused(self, visit: Visit, refusal: GatewayError, words: Words) -> Response:
        """The answer to a code that did nothing."""
        viewer = await self._viewer(visit)
        if viewer is None or viewer.state is not State.ACTIVE or isinstance(refusal, ViewerLocked):
            return self._closed(visit, viewer)
        if not isinstance(refusal, CodeWrong):
            raise refusal
        return self._form(visit, viewer, words, left=refusal.left)

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
        self,
        visit: Visit,
        viewer: Viewer,
        words: Words,
        *,
        left: int | None = None,
        wrong: str | None = None,
    ) -> Response:
        status = 422 if wrong is not None else 200 if left is None else CodeWrong.status
        return self.site.page(
            visit, words.template, status=status,
            viewer=viewer, words=words, left=left, wrong=wrong, least=SHORTEST,
        )  # fmt: skip

    def _closed(self, visit: Visit, viewer: Viewer | None) -> Response:
        """Whoever has left finds nothing; whoever is locked is told who helps."""
        if viewer is None or viewer.state is State.DISABLED:
            raise PageLinkOver
        return self.site.page(
            visit, "said.html", status=ViewerLocked.status,
            title=visit.texts("code.locked"), texts=[visit.texts("code.unlock")],
        )  # fmt: skip


def is_unchanged(visit: Visit, viewer: Viewer) -> bool:
    """Whether the viewer is as it was when the link was made."""
    return stamp(viewer.changed) == str(visit.more["since"])

"""`/v1/viewers`: the people of a property who may look at its cards.

1. A secret code is nothing that a PMS sends or gets: its person chooses it on a page of ours.
2. A viewer of another product is as unknown as none.
3. Each change is in the audit with what it changes, and who asked for it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from gateway.access.clients import Access
from gateway.access.products import Product
from gateway.audit import Action, Entry
from gateway.control.caller import Caller, NoRoute, needs
from gateway.control.document import refusals
from gateway.control.idempotency import PARAMETER, InFlight
from gateway.control.viewer_links import Change, MadeLink, ViewerLinks, made_link
from gateway.control.viewers_form import is_id, read_invitation, read_second
from gateway.errors import (
    IdempotencyKeyReused,
    PagesOff,
    ProductNotPermitted,
    ProductUnknown,
    RequestInProgress,
    SecondPersonRequired,
    ViewerExists,
    ViewerNotReady,
    ViewerUnknown,
)
from gateway.exchange import new_id
from gateway.secret import Secret
from gateway.vault.database import Connection
from gateway.vault.idempotency import Once
from gateway.vault.service import Vault
from gateway.vault.viewer import NewViewer, Role, State, Viewer
from gateway.vault.viewers import Asked

ROUTE: Final = "control/viewers"  # in the audit

MayReveal = Annotated[Caller, Depends(needs("reveal"))]
ProductName = Annotated[str | None, Query(description="Those of one product.")]

_TEXT: Final = {"type": "string"}
_FLAG: Final = {"type": "boolean", "default": False}
_INVITATION: Final[dict[str, Any]] = {  # Any: a JSON schema
    "name": _TEXT,
    "role": {"type": "string", "enum": [role.value for role in Role]},
    "product": _TEXT,
    "may_copy": _FLAG,
    "totp": _FLAG,
}
_REPEATED: Final = (IdempotencyKeyReused, RequestInProgress)
_CHANGE: Final = (ViewerUnknown, ViewerNotReady, *_REPEATED)
_NO_BODY: Final = Secret(b"")
_ONCE: Final[dict[str, Any]] = {"parameters": [PARAMETER]}


def _body(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    schema = {"type": "object", "required": required, "properties": properties}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}, **_ONCE}


class ShownViewer(BaseModel):
    """A viewer. `tries_left`: wrong codes until it is locked; `totp`: whether a one-time password is
    asked for besides."""

    id: str
    product: str
    name: str
    state: State
    role: Role
    may_copy: bool
    totp: bool
    tries_left: int
    created_at: datetime
    changed_at: datetime


class InvitedViewer(ShownViewer):
    """With the link over which it chooses its code: for that person alone."""

    setup: MadeLink


class ListedViewers(BaseModel):
    """The first invited first."""

    viewers: list[ShownViewer]


class ViewerCalls:
    """Their router; for `gateway.control.api.mount`."""

    def __init__(
        self, vault: Vault, links: ViewerLinks, access: Access, clock: Callable[[], datetime]
    ) -> None:
        self._viewers, self._links = vault.viewers, links
        self._access, self._clock = access, clock
        self._in_flight = InFlight()
        self.router = APIRouter(prefix="/viewers", tags=["viewers"])
        add = self.router.add_api_route
        add("", self.invite, methods=["POST"], status_code=201, response_model=InvitedViewer,
            summary="Invite a viewer", openapi_extra=_body(_INVITATION, "name", "role"),
            responses=refusals(ViewerExists, PagesOff, ProductUnknown, ProductNotPermitted, *_REPEATED))  # fmt: skip
        add("", self.listed, methods=["GET"], summary="The viewers of a product",
            responses=refusals())  # fmt: skip
        add("/{id}", self.one, methods=["GET"], summary="One viewer",
            responses=refusals(ViewerUnknown))  # fmt: skip
        add("/{id}", self.disable, methods=["DELETE"], response_model=ShownViewer,
            summary="Disable one who has left", openapi_extra=_ONCE, responses=refusals(*_CHANGE))  # fmt: skip
        add("/{id}/lock", self.lock, methods=["POST"], response_model=ShownViewer,
            summary="Lock one", openapi_extra=_body({"by": _TEXT}, "by"),
            responses=refusals(SecondPersonRequired, *_CHANGE))  # fmt: skip
        add("/{id}/unlock", self.unlock, methods=["POST"], status_code=201,
            response_model=MadeLink, summary="A link to unlock one",
            openapi_extra=_body({"by": _TEXT}, "by"),
            responses=refusals(SecondPersonRequired, *_CHANGE))  # fmt: skip
        add("/{id}/reset", self.reset, methods=["POST"], status_code=201,
            response_model=MadeLink, summary="A link to take one's code",
            openapi_extra=_body({"by": _TEXT}, "by"),
            responses=refusals(SecondPersonRequired, *_CHANGE))  # fmt: skip
        add("/{id}/setup", self.setup, methods=["POST"], status_code=201,
            response_model=MadeLink, summary="Another link to choose a code",
            openapi_extra=_ONCE, responses=refusals(*_CHANGE))  # fmt: skip
        add("/{id}/change", self.change, methods=["POST"], status_code=201,
            response_model=MadeLink, summary="A link to change one's code",
            openapi_extra=_ONCE, responses=refusals(*_CHANGE))  # fmt: skip

    async def invite(self, caller: MayReveal, request: Request) -> Response:
        """Adds a person, who sees nothing until it has chosen a secret code, over the link that comes
        back. Role and permission to copy stay what they are: to give more, invite anew."""
        form = read_invitation(await request.body())
        product = self._product(caller, form.product)
        self._links.check(product.name)
        new = NewViewer(
            f"vwr_{new_id()}", product.name, form.name, form.role, form.may_copy, form.totp
        )
        said = Secret(form.request.reveal() + b"\n" + product.name.encode())
        with self._once(request, caller, said) as once:
            asked = self._asked(caller, Action.VIEWER_INVITE, once)
            body = await self._viewers.invite(
                new, asked, lambda connection, made: self._invited(connection, made, asked.entry)
            )
        return Response(body, 201, media_type="application/json")

    async def listed(self, caller: MayReveal, product: ProductName = None) -> ListedViewers:
        """Those of the products that the key may use, up to a thousand; disabled ones too."""
        products = self._products(caller)
        if product is not None:
            products &= {product}
        found = await self._viewers.listed(products)
        return ListedViewers(viewers=[shown(one) for one in found])

    async def one(self, caller: MayReveal, id: str) -> ShownViewer:
        """One, and how far it came."""
        return shown(await self._viewers.get(id, self._products(caller)))

    async def lock(self, caller: MayReveal, id: str, request: Request) -> Response:
        """Lets it see nothing, from now on, until another person unlocks it. `by`: which other viewer
        of the product asks for it."""
        by, said = read_second(await request.body())
        with self._once(request, caller, said) as once:
            asked = self._asked(caller, Action.VIEWER_LOCK, once)
            body = await self._viewers.lock(_id(id), by, asked, as_json)
        return Response(body, media_type="application/json")

    async def disable(self, caller: MayReveal, id: str, request: Request) -> Response:
        """Erases the code of somebody who has left: it sees nothing from now on, not over a link that
        is open either. It does not come back; the name is free."""
        with self._once(request, caller, _NO_BODY) as once:
            asked = self._asked(caller, Action.VIEWER_DISABLE, once)
            body = await self._viewers.disable(_id(id), asked, as_json)
        return Response(body, media_type="application/json")

    async def unlock(self, caller: MayReveal, id: str, request: Request) -> Response:
        """A link for `by`, another active viewer of the product: with its own secret code it says on
        the page that this one may see cards again."""
        return await self._approval(caller, id, request, "unlock")

    async def reset(self, caller: MayReveal, id: str, request: Request) -> Response:
        """A link for `by`, another active viewer of the product: with its own secret code it says on
        the page that this one is to choose a new code."""
        return await self._approval(caller, id, request, "reset")

    async def setup(self, caller: MayReveal, id: str, request: Request) -> Response:
        """Another link to choose a code, for one that has none: the first has expired, or was lost."""
        viewer = await self._viewers.get(_id(id), self._products(caller))
        with self._once(request, caller, _NO_BODY) as once:
            asked = self._asked(caller, Action.LINK_CREATE, once)
            body = await self._links.setup(viewer, asked.entry, once)
        return Response(body, 201, media_type="application/json")

    async def change(self, caller: MayReveal, id: str, request: Request) -> Response:
        """A link for the viewer itself, which is active: on the page it types the code that it has,
        and chooses another one."""
        viewer = await self._viewers.get(_id(id), self._products(caller))
        with self._once(request, caller, _NO_BODY) as once:
            asked = self._asked(caller, Action.LINK_CREATE, once)
            body = await self._links.change(viewer, asked.entry, once)
        return Response(body, 201, media_type="application/json")

    # --- inside -----------------------------------------------------------------------------------

    def _invited(self, connection: Connection, viewer: Viewer, entry: Entry) -> bytes:
        setup = made_link(self._links.insert_setup(connection, viewer, entry))
        said = shown(viewer).model_dump() | {"setup": setup}
        return InvitedViewer.model_validate(said).model_dump_json().encode()

    async def _approval(
        self, caller: Caller, id: str, request: Request, change: Change
    ) -> Response:
        by, said = read_second(await request.body())
        viewer = await self._viewers.get(_id(id), self._products(caller))
        with self._once(request, caller, said) as once:
            asked = self._asked(caller, Action.LINK_CREATE, once)
            body = await self._links.approval(viewer, by, change, asked.entry, once)
        return Response(body, 201, media_type="application/json")

    def _once(
        self, request: Request, caller: Caller, said: Secret[bytes]
    ) -> AbstractContextManager[Once | None]:
        return self._in_flight.once(request, caller.client, self._products(caller), said)

    def _asked(self, caller: Caller, action: Action, once: Once | None) -> Asked:
        entry = caller.intends(action, ROUTE, self._clock())
        return Asked(self._products(caller), entry, once)

    def _product(self, caller: Caller, named: str | None) -> Product:
        return self._access.product(
            admission=caller.admission, route=NoRoute(), named=named, system="", hotel=None
        )

    def _products(self, caller: Caller) -> frozenset[str]:
        return self._access.products_of(caller.admission)


def shown(viewer: Viewer) -> ShownViewer:
    """As the API shows it."""
    return ShownViewer(
        id=viewer.id,
        product=viewer.product,
        name=viewer.name,
        state=viewer.state,
        role=viewer.role,
        may_copy=viewer.may_copy,
        totp=viewer.totp,
        tries_left=viewer.left,
        created_at=viewer.created,
        changed_at=viewer.changed,
    )


def as_json(viewer: Viewer) -> bytes:
    """The same as the body of an answer."""
    return shown(viewer).model_dump_json().encode()


def _id(text: str) -> str:
    """What has not the form of one names nobody, and does not come into the audit."""
    if not is_id(text):
        raise ViewerUnknown
    return text

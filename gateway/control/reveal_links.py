"""`/v1/reveal-links`: links that show one card to one viewer, once.

1. The PMS names token and viewer; it never sees the number, nor the code that the page asks for.
2. A token or a viewer of another product is as unknown as none; who tries too many tokens is blocked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from gateway.access.clients import Access
from gateway.access.old_tokens import Naming
from gateway.audit import Action, Entry
from gateway.cards.card import Booking
from gateway.cards.token import Token, present
from gateway.control.caller import Caller, needs
from gateway.control.cards_guessing import Guessing
from gateway.control.document import refusals
from gateway.control.idempotency import PARAMETER, InFlight
from gateway.control.viewers_form import ViewerFields, is_id
from gateway.errors import (
    CardErased,
    GatewayError,
    IdempotencyKeyReused,
    NoSuchToken,
    PageLinkOver,
    PageLinkUnknown,
    RequestInProgress,
    TokensGuessed,
    TokenUnknown,
    ViewerNotReady,
    ViewerUnknown,
)
from gateway.pages.about import About
from gateway.pages.links import Links, Made, NewLink, held
from gateway.secret import Secret
from gateway.vault.database import Connection
from gateway.vault.idempotency import Once
from gateway.vault.link import LinkKind, LinkState, OpenLink
from gateway.vault.links import Whose
from gateway.vault.model import Wanted
from gateway.vault.service import Vault
from gateway.vault.viewer import State
from gateway.vault.viewers import find

ROUTE: Final = "control/reveal-links"  # in the audit
SECONDS: Final = 300
SECONDS_MOST: Final = 900
_SECONDS_LEAST: Final = 30

MayReveal = Annotated[Caller, Depends(needs("reveal"))]

_TEXT: Final = {"type": "string"}
_FIELDS: Final[dict[str, Any]] = {  # Any: a JSON schema
    "token": _TEXT,
    "viewer": _TEXT,
    "purpose": _TEXT,
    "language": _TEXT,
    "expires_in": {
        "type": "integer", "minimum": _SECONDS_LEAST, "maximum": SECONDS_MOST, "default": SECONDS,
    },
    "booking": {
        "type": "object",
        "required": ["system"],
        "properties": {"system": _TEXT, "hotel": _TEXT, "id": _TEXT},
    },
}  # fmt: skip
_ONCE: Final[dict[str, Any]] = {"parameters": [PARAMETER]}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object", "required": ["token", "viewer"], "properties": _FIELDS,
                },
            },
        },
    },
    **_ONCE,
}  # fmt: skip
_REPEATED: Final = (IdempotencyKeyReused, RequestInProgress)
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_BOOKING: Final = {"system", "hotel", "id"}


class ShownRevealLink(BaseModel):
    """A link, without its address. `used`: a right code was typed, and the card was shown."""

    id: str
    state: LinkState
    token: str
    viewer: str
    product: str
    language: str | None
    purpose: str | None
    created_at: datetime
    expires_at: datetime


class NewRevealLink(ShownRevealLink):
    """A link that was made; `url` is told this once."""

    url: str


@dataclass(frozen=True, slots=True)
class RevealForm:
    """What is asked for; `request` is what an Idempotency-Key stands for."""

    token: str
    viewer: str
    about: About
    language: str | None
    seconds: int
    request: Secret[bytes]


def read_reveal(body: bytes) -> RevealForm:
    """Raises RequestInvalid."""
    fields = ViewerFields(body)
    said = fields.of("", set(_FIELDS))
    token, viewer = fields.text("token"), fields.text("viewer")
    purpose = fields.text("purpose") if "purpose" in said else None
    language = fields.text("language") if "language" in said else None
    if language and not _LANGUAGE.fullmatch(language):
        fields.wrong("language", "not_a_language")
    seconds = SECONDS
    if "expires_in" in said:
        seconds = fields.whole("expires_in", _SECONDS_LEAST, SECONDS_MOST)
    booking: Booking | None = None
    if "booking" in said:
        fields.of("booking", _BOOKING)
        booking = fields.booking()
    fields.check()
    return RevealForm(
        token, viewer, About(purpose, None, booking), language, seconds, fields.request()
    )


class RevealCalls:
    """Their router; for `gateway.control.api.mount`."""

    def __init__(
        self,
        vault: Vault,
        links: Links,
        access: Access,
        guessing: Guessing,
        clock: Callable[[], datetime],
    ) -> None:
        self._vault, self._links, self._access = vault, links, access
        self._guessing, self._clock = guessing, clock
        self._naming = Naming(access, vault)
        self._in_flight = InFlight()
        self.router = APIRouter(prefix="/reveal-links", tags=["reveal links"])
        add = self.router.add_api_route
        add("", self.create, methods=["POST"], status_code=201, response_model=NewRevealLink,
            summary="Make a link that shows a card", openapi_extra=_BODY, responses=refusals(
                TokenUnknown, CardErased, TokensGuessed, ViewerUnknown, ViewerNotReady, *_REPEATED))  # fmt: skip
        add("/{id}", self.one, methods=["GET"], summary="One link",
            responses=refusals(PageLinkUnknown))  # fmt: skip
        add("/{id}", self.revoke, methods=["DELETE"], status_code=204,
            summary="Withdraw it", openapi_extra=_ONCE,
            responses=refusals(PageLinkUnknown, PageLinkOver, *_REPEATED))  # fmt: skip

    async def create(self, caller: MayReveal, request: Request) -> Response:
        """A link for one viewer of the card's product, which opens a page that asks for its secret
        code and shows the card, once. It lives five minutes, or as `expires_in` says."""
        form = read_reveal(await request.body())
        self._guessing.check(caller.client)
        (token,) = await self._naming.ours([present(form.token)], self._products(caller))
        entry = self._entry(caller, Action.LINK_CREATE)
        products = self._products(caller)
        with self._in_flight.once(request, caller.client, products, form.request) as once:
            try:
                body = await self._make(caller, form, token, entry, once)
            except NoSuchToken:
                await self._guessing.unknown(entry)
                raise TokenUnknown from None
        return Response(body, 201, media_type="application/json")

    async def one(self, caller: MayReveal, id: str) -> ShownRevealLink:
        """A link that the client made, and what became of it."""
        link = await self._links.table.of(id, self._whose(caller))
        return ShownRevealLink.model_validate(_shown(link, self._clock()))

    async def revoke(self, caller: MayReveal, id: str, request: Request) -> Response:
        """Withdraws a link: it opens nothing more."""
        whose, entry = self._whose(caller), self._entry(caller, Action.LINK_REVOKE)
        await self._links.table.of(id, whose)
        products = self._products(caller)
        with self._in_flight.once(request, caller.client, products, Secret(b"")) as once:
            await self._links.table.revoke(id, whose, replace(entry, exchange=id), once)
        return Response(status_code=204)

    # --- inside -----------------------------------------------------------------------------------

    async def _make(
        self, caller: Caller, form: RevealForm, token: Token | None, entry: Entry, once: Once | None
    ) -> bytes:
        if token is None:
            # Another vault's goes with its card; what was answered with it was done all the same.
            before = await self._vault.requests.repeated(entry, once)
            if before is None:
                raise NoSuchToken
            return before
        if not is_id(form.viewer):
            raise ViewerUnknown
        products = self._products(caller)
        viewer = await self._vault.viewers.get(form.viewer, products)
        wanted = Wanted(token, frozenset({viewer.product}))
        made = self._links.make(
            NewLink(
                LinkKind.REVEAL, caller.client, viewer.product, form.language,
                self._clock() + timedelta(seconds=form.seconds), form.about,
                {"token": token.alias, "viewer": viewer.id},
            )
        )  # fmt: skip

        def guard(connection: Connection) -> GatewayError | None:
            now = find(connection, viewer.id)
            if now is None or now.viewer.state is not State.ACTIVE:
                return ViewerNotReady()
            if self._vault.cards.is_known(wanted):
                return None
            return NoSuchToken() if self._vault.stubs.named(wanted) is None else CardErased()

        booking = form.about.booking
        named = replace(
            entry,
            exchange=made.link.row.id,
            iduser=token.iduser,
            booking="" if booking is None else booking.booking_id or "",
            subject=viewer.id,
        )
        answer = _answer(made, self._clock())
        return await self._links.create(made, named, once, answer, guard=guard)

    def _whose(self, caller: Caller) -> Whose:
        return Whose(LinkKind.REVEAL, caller.client, self._products(caller))

    def _products(self, caller: Caller) -> frozenset[str]:
        return self._access.products_of(caller.admission)

    def _entry(self, caller: Caller, action: Action) -> Entry:
        return caller.intends(action, ROUTE, self._clock())


def _shown(link: OpenLink, now: datetime) -> dict[str, object]:
    row, (about, more) = link.row, held(link)
    return {
        "id": row.id,
        "state": row.state_at(now),
        "token": more["token"],
        "viewer": more["viewer"],
        "product": row.product,
        "language": row.language,
        "purpose": about.purpose,
        "created_at": row.created,
        "expires_at": row.expires,
    }


def _answer(made: Made, now: datetime) -> bytes:
    said = _shown(made.link, now) | {"url": made.url.reveal()}
    return NewRevealLink.model_validate(said).model_dump_json().encode()

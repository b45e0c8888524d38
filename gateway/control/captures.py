"""`/v1/capture-links`: a page where a guest or a receptionist types a card; its token comes by webhook.

1. The URL is in the answer of the call that makes the link, and nowhere else: whoever has it is the
   guest. An Idempotency-Key repeats that answer for 24 hours, sealed meanwhile.
2. Who made a link, and who withdrew one, is in the audit with it.
3. A link of another client, or of a product that the key may not use: 404.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from gateway.access.clients import Access
from gateway.access.products import Product
from gateway.audit import Action, Entry
from gateway.cards.card import Booking
from gateway.cards.pan import brand_of, mask
from gateway.control.caller import Caller, NoRoute, needs
from gateway.control.captures_document import MAKE
from gateway.control.captures_form import CaptureForm, origin_not_listed, read_capture
from gateway.control.cards import CardCalls
from gateway.control.document import refusals
from gateway.control.idempotency import ONCE, InFlight
from gateway.errors import (
    CardGone,
    CvcNotHeld,
    IdempotencyKeyReused,
    NoSuchToken,
    PageLinkOver,
    PageLinkUnknown,
    PagesOff,
    ProductNotPermitted,
    ProductUnknown,
    RecaptureUnknown,
    RecordDamaged,
    RequestInProgress,
    RequestInvalid,
    TokensGuessed,
)
from gateway.pages.about import About
from gateway.pages.capture_order import KnownCard, Order
from gateway.pages.links import Links, NewLink, held
from gateway.pages.locales import Locales
from gateway.recapture.service import SYSTEM, Recaptures
from gateway.secret import Secret
from gateway.vault.idempotency import Once
from gateway.vault.link import LinkKind, OpenLink
from gateway.vault.links import Whose
from gateway.vault.requests import Requests

ROUTE: Final = "control/capture-links"  # in the audit
_REPEATED: Final = (RequestInProgress, IdempotencyKeyReused)
_OF_LINK: Final = (PageLinkUnknown, RecordDamaged)
_MAKING: Final = (
    CardGone, CvcNotHeld, NoSuchToken, PagesOff, ProductNotPermitted, ProductUnknown, RecaptureUnknown,
    RecordDamaged, TokensGuessed,
)  # fmt: skip

MayManage = Annotated[Caller, Depends(needs("cards"))]


class LinkAmount(BaseModel):
    """In minor units."""

    value: int
    currency: str


class LinkBooking(BaseModel):
    """The booking that the card is for."""

    system: str
    hotel: str | None
    id: str | None


class Captured(BaseModel):
    """What came of it. A link for a security code has no expiry."""

    token: str
    mask: str
    brand: str
    expiration_month: str | None = None
    expiration_year: str | None = None


class ShownCapture(BaseModel):
    """A capture link. `url` is only in the answer of the call that made it."""

    id: str
    url: str | None = None
    state: str
    profile: str
    product: str
    language: str | None
    purpose: str | None
    amount: LinkAmount | None
    booking: LinkBooking | None
    return_url: str | None
    recapture: str | None
    created_at: datetime
    expires_at: datetime
    changed_at: datetime
    result: Captured | None = None
    billing_contact: dict[str, Any] | None = None


class CaptureCalls:
    """Their router; for `gateway.control.api.mount`."""

    def __init__(
        self,
        *,
        links: Links,
        locales: Locales,
        access: Access,
        cards: CardCalls,
        recaptures: Recaptures | None,
        requests: Requests,
        clock: Callable[[], datetime],
    ) -> None:
        self._links, self._locales, self._access = links, locales, access
        self._cards, self._recaptures, self._clock = cards, recaptures, clock
        self._requests, self._in_flight = requests, InFlight()
        self.router = APIRouter(prefix="/capture-links", tags=["capture links"])
        add = self.router.add_api_route
        add("", self.make, methods=["POST"], status_code=201, response_model=ShownCapture,
            summary="Make a capture link", openapi_extra=MAKE,
            responses=refusals(*_MAKING, *_REPEATED))  # fmt: skip
        add("/{id}", self.one, methods=["GET"], response_model=ShownCapture, summary="One link",
            responses=refusals(*_OF_LINK))  # fmt: skip
        add("/{id}", self.revoke, methods=["DELETE"], status_code=204, summary="Withdraw it",
            openapi_extra=ONCE,
            responses=refusals(PageLinkOver, *_OF_LINK, *_REPEATED))  # fmt: skip

    async def make(self, caller: MayManage, request: Request) -> Response:
        """Makes a link. Its page asks for what the profile names; the token of the card comes in a
        notice `capture.completed`, and stands in the link from then on.
        """
        form = read_capture(await request.body(), self._locales.languages)
        said, products = form.request, self._products(caller)
        if form.token is None:  # a token says itself of which product it is
            said = Secret(said.reveal() + b"\n" + self._product(caller, form).name.encode())
        with self._in_flight.once(request, caller.client, products, said) as once:
            # Before anything is looked up: what the link was for may be forgotten since.
            entry = self._entry(caller, Action.LINK_CREATE)
            body = await self._requests.repeated(entry, once)
            if body is None:
                body = await self._made(caller, form, entry, once)
        return Response(body, 201, media_type="application/json")

    async def one(self, caller: MayManage, id: str) -> ShownCapture:
        """A link: its state, and what came of it."""
        found = await self._links.table.of(id, self._whose(caller))
        return shown(found, self._clock())

    async def revoke(self, caller: MayManage, request: Request, id: str) -> Response:
        """Withdraws a link that was not used yet."""
        entry = self._entry(caller, Action.LINK_REVOKE)
        products = self._products(caller)
        with self._in_flight.once(request, caller.client, products, Secret(b"")) as once:
            await self._links.table.revoke(
                id, self._whose(caller), replace(entry, exchange=id), once
            )
        return Response(status_code=204)

    # --- inside -------------------------------------------------------------------------------------

    async def _made(
        self, caller: Caller, form: CaptureForm, entry: Entry, once: Once | None
    ) -> bytes:
        product, order, booking = await self._order(caller, form)
        if form.return_url is not None and form.return_url.base not in self._links.origins(
            product.name
        ):
            raise origin_not_listed()
        new = NewLink(
            LinkKind.CAPTURE,
            caller.client,
            product.name,
            form.language,
            self._clock() + timedelta(minutes=form.minutes),
            About(form.purpose, form.amount, booking),
            order.json(),
        )
        made = self._links.make(new)
        answer = shown(made.link, self._clock(), made.url).model_dump_json().encode()
        entry = replace(entry, exchange=made.link.row.id, booking=_number(booking))
        return await self._links.create(made, entry, once, answer)

    async def _order(
        self, caller: Caller, form: CaptureForm
    ) -> tuple[Product, Order, Booking | None]:
        known, booking = None, form.booking
        if form.token is not None:
            entry = self._entry(caller, Action.SHOW)
            card = await self._cards.shown_to(caller, form.token.alias, entry)
            digits = card.card.pan.reveal()
            known = KnownCard(card.token.alias, mask(digits), brand_of(digits))
            product = self._access.product_named(card.product)
            if form.product not in {None, product.name}:
                raise RequestInvalid(
                    [{"in": "body", "name": "product", "problem": "token_of_another_product"}]
                )
            if product.hold_cvc is None:
                raise CvcNotHeld
        else:
            product = self._product(caller, form)
        if form.recapture is not None:
            booking = await self._of_recapture(caller, form.recapture)
        order = Order(
            form.profile,
            form.return_text,
            None if form.booking is None else form.booking.departure,
            known,
            form.recapture,
        )
        return product, order, booking

    def _product(self, caller: Caller, form: CaptureForm) -> Product:
        booking = form.booking
        return self._access.product(
            admission=caller.admission,
            route=NoRoute(),
            named=form.product,
            system="" if booking is None else booking.system,
            hotel=None if booking is None else booking.hotel,
        )

    async def _of_recapture(self, caller: Caller, id: str) -> Booking:
        if self._recaptures is None:
            raise RecaptureUnknown
        found = await self._recaptures.get(id, caller.client)
        return Booking(SYSTEM, None, found.itinerary)

    def _whose(self, caller: Caller) -> Whose:
        client = None if caller.is_admin else caller.client
        return Whose(LinkKind.CAPTURE, client, self._products(caller))

    def _products(self, caller: Caller) -> frozenset[str]:
        return self._access.products_of(caller.admission)

    def _entry(self, caller: Caller, action: Action) -> Entry:
        return caller.intends(action, ROUTE, self._clock())


def shown(link: OpenLink, now: datetime, url: Secret[str] | None = None) -> ShownCapture:
    """As the API shows it."""
    row = link.row
    about, more = held(link)
    return ShownCapture.model_validate(
        {
            "id": row.id,
            "url": None if url is None else url.reveal(),
            "state": row.state_at(now).value,
            "profile": more["profile"],
            "product": row.product,
            "language": row.language,
            **about.json(),
            "return_url": more["return_url"],
            "recapture": more["recapture"],
            "created_at": row.created,
            "expires_at": row.expires,
            "changed_at": row.changed,
            "result": more.get("result"),
            "billing_contact": more.get("billing_contact"),
        }
    )


def _number(booking: Booking | None) -> str:
    return "" if booking is None else booking.booking_id or ""

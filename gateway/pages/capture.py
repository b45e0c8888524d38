"""Capture links: a page where a guest types a card, which stays here.

1. The card is in the vault, the link is used up and the client's notice is written in one transaction,
   and then the guest is answered (P24). Two who send the same page keep one card.
2. For a recapture the card goes to Rapid first (`gateway.recapture.completion`); the link is used up
   once Rapid took it. Where Rapid refuses the card the guest may type another.
3. The client is told the token, by its webhook; the browser is sent back with the link's id alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.responses import RedirectResponse, Response

from gateway.access.clients import Access
from gateway.access.products import Product
from gateway.audit import Action, Entry, Outcome
from gateway.cards.token import Token, parse_alias
from gateway.config_values import parse_https
from gateway.errors import GatewayError, NoSuchToken, PageLinkOver, ProductUnknown
from gateway.log import event
from gateway.pages.capture_form import Typed, read_typed
from gateway.pages.capture_order import Order, Profile, result_of
from gateway.pages.capture_recapture import NOT_TAKEN, send, wrong_field
from gateway.pages.countries import CODES
from gateway.pages.form import Form
from gateway.pages.links import hold
from gateway.pages.site import Site, Visit
from gateway.pages.tries import Tries
from gateway.processors.parts import ProductProcessors
from gateway.recapture.completion import Completion
from gateway.vault.cards import KeptCard
from gateway.vault.database import Connection
from gateway.vault.link import LinkKind
from gateway.vault.model import NewCard, Wanted
from gateway.vault.notice import NewNotice
from gateway.vault.service import Vault

ROUTE: Final = "pages/capture"  # in the audit
KIND: Final = "capture.completed"
_ZIP: Final = "extra.zip"  # the address's postcode, where a processor's file names it
_LATEST: Final = timedelta(hours=12)  # where it is still yesterday

Json = Any  # what JSON may be


class Capture:
    """The page behind `/c/…`."""

    kind = LinkKind.CAPTURE

    def __init__(
        self,
        *,
        site: Site,
        vault: Vault,
        access: Access,
        completion: Completion | None,
        processors: ProductProcessors,
        clock: Callable[[], datetime],
    ) -> None:
        self._site, self._vault, self._access = site, vault, access
        self._completion, self._processors, self._clock = completion, processors, clock
        self._tries = Tries(clock)

    async def show(self, visit: Visit) -> Response:
        return self._form(visit, Order.of(visit.more), Typed())

    async def submit(self, visit: Visit, form: Form) -> Response:
        self._tries.count(visit.link.row.id)
        order, product = Order.of(visit.more), self._product(visit)
        today = (self._clock() - _LATEST).date()
        asked = _wants_code(order, product)
        typed = read_typed(
            form, order, wants_code=asked, wants_zip=self._wants_zip(visit), today=today
        )
        if typed.card is not None and product.refuses(typed.card) is not None:
            typed.wrong["number"] = "wrong.number_test"
        if typed.wrong:
            return self._form(visit, order, typed, 422)
        try:
            if order.recapture is not None:
                return await self._recapture(visit, order, typed, product)
            if order.card is not None:
                result = await self._hold_code(visit, order, typed, product)
            else:
                result = await self._keep(visit, order, typed, product)
        except (
            PageLinkOver,
            NoSuchToken,
        ):  # somebody was faster; or the card was forgotten meanwhile
            return self._site.page(visit, "capture_closed.html", status=404)
        return self._done(visit, order, result)

    # --- what is done with it -----------------------------------------------------------------------

    async def _keep(
        self, visit: Visit, order: Order, typed: Typed, product: Product
    ) -> dict[str, Json]:
        if typed.card is None:
            raise ProductUnknown  # it was checked above
        until = None if product.hold_cvc is None else self._clock() + product.hold_cvc
        booking = visit.about.booking
        new = NewCard(
            product.name,
            product.test,
            replace(typed.card, cvc=None),
            None if booking is None else replace(booking, departure=order.departure),
            None if until is None else typed.code,
            until,
        )
        result: dict[str, Json] = {}

        def also(connection: Connection, kept: KeptCard) -> None:
            result.clear()
            result.update(result_of(kept.token, kept.card))
            self._finish(connection, visit, order, result, typed.contact)

        entry = self._entry(visit, Action.TOKENIZE)
        await self._vault.cards.add(new, entry, None, lambda _: b"", also)
        return result

    async def _hold_code(
        self, visit: Visit, order: Order, typed: Typed, product: Product
    ) -> dict[str, Json]:
        known, code = order.card, typed.code
        token = None if known is None else parse_alias(known.token)
        if known is None or token is None or code is None or product.hold_cvc is None:
            raise NoSuchToken
        result = {"token": known.token, "mask": known.mask, "brand": known.brand}
        await self._vault.codes.hold(
            Wanted(token, frozenset({product.name})),
            code,
            self._clock() + product.hold_cvc,
            replace(self._entry(visit, Action.HOLD), iduser=token.iduser),
            lambda connection: self._finish(connection, visit, order, result, None),
        )
        return result

    async def _recapture(
        self, visit: Visit, order: Order, typed: Typed, product: Product
    ) -> Response:
        """Where Rapid does not take the card the page stays, and says so."""
        if self._completion is None or order.recapture is None or typed.card is None:
            return self._site.page(visit, "capture_closed.html", status=404)
        try:
            token = await send(self._completion, visit, order.recapture, typed, product)
        except GatewayError as error:
            return self._not_taken(visit, order, typed, error)
        result = result_of(token, typed.card)
        await self._used(visit, order, token, result, typed)
        return self._done(visit, order, result)

    def _not_taken(self, visit: Visit, order: Order, typed: Typed, error: GatewayError) -> Response:
        found = wrong_field(error)
        if found is None:
            return self._site.page(visit, "capture_closed.html", status=404)
        name, text = found
        if name is not None:
            typed.wrong[name] = text
        # The whole card may be meant; a line of an address is told at its field.
        alert = None if name is not None and text != NOT_TAKEN else text
        return self._form(visit, order, typed, error.status, alert=alert)

    async def _used(
        self, visit: Visit, order: Order, token: Token, result: dict[str, Json], typed: Typed
    ) -> None:
        entry = replace(self._entry(visit, Action.LINK_USE), iduser=token.iduser)
        try:
            await self._vault.links.used(
                entry, lambda c: self._finish(c, visit, order, result, typed.contact)
            )
        except GatewayError as error:  # Rapid has the card: that stands, whatever is noted here
            event("capture_not_noted", level=logging.ERROR, code=error.code)

    def _finish(
        self,
        connection: Connection,
        visit: Visit,
        order: Order,
        result: dict[str, Json],
        contact: dict[str, object] | None,
    ) -> None:
        """In the transaction of what the page did: the link is used, the client is to be told."""
        row = visit.link.row
        held = hold(visit.about, {**order.json(), "result": result, "billing_contact": contact})
        self._vault.links.use(connection, row.id, held)
        body = {
            "link": row.id,
            "profile": order.profile.value,
            "booking": visit.about.json()["booking"],
            "recapture": order.recapture,
            **result,
        }
        notice = NewNotice(row.client, KIND, row.id, body, row.product)
        self._vault.notices.insert(connection, [notice], self._clock())

    # --- what is shown ------------------------------------------------------------------------------

    def _form(
        self, visit: Visit, order: Order, typed: Typed, status: int = 200, alert: str | None = None
    ) -> Response:
        return self._site.page(
            visit,
            "capture.html",
            status=status,
            then=None if order.return_url is None else parse_https(order.return_url).base,
            order=order,
            typed=typed,
            alert=alert or ("wrong.summary" if typed.wrong else None),
            wants_code=_wants_code(order, self._product(visit)),
            wants_zip=self._wants_zip(visit),
            asks_card=order.profile is not Profile.CVC,
            asks_address=order.profile is Profile.CARD_AND_ADDRESS,
            countries=CODES,
        )

    def _wants_zip(self, visit: Visit) -> bool:
        return self._processors.want(visit.link.row.product, _ZIP)

    def _done(self, visit: Visit, order: Order, result: dict[str, Json]) -> Response:
        if order.return_url is None:
            return self._site.page(visit, "capture_done.html", result=result)
        mark = "&" if "?" in order.return_url else "?"
        return RedirectResponse(f"{order.return_url}{mark}link={visit.link.row.id}", 303)

    def _product(self, visit: Visit) -> Product:
        return self._access.product_named(visit.link.row.product)

    def _entry(self, visit: Visit, action: Action) -> Entry:
        row = visit.link.row
        booking = visit.about.booking
        return Entry(
            at=self._clock(),
            exchange=row.id,
            action=action,
            outcome=Outcome.INTENT,
            client=row.client,
            origin=visit.origin,
            route=ROUTE,
            product=row.product,
            booking="" if booking is None else booking.booking_id or "",
        )


def _wants_code(order: Order, product: Product) -> bool:
    if order.profile is Profile.CVC or order.recapture is not None:
        return True
    return product.hold_cvc is not None or product.cvc_required

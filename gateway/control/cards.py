"""`/v1/cards`: add a card, look at it, change its expiry, list a booking's, forget it.

1. A card's number comes in and never goes out: answers have its mask.
2. A token that is unknown, another product's or of the other mode: `token_unknown`, 404. A client
   that tries too many is blocked, whatever it asks about tokens or bookings (`cards_guessing.py`).
3. Each call is in the audit before it takes effect, or with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import WithJsonSchema

from gateway.access.clients import Access
from gateway.access.old_tokens import Naming
from gateway.access.products import Product
from gateway.audit import Action, Entry
from gateway.cards.card import Booking
from gateway.cards.token import Token, parse_alias, present
from gateway.control.caller import Caller, NoRoute, needs
from gateway.control.cards_document import ADD, CHANGE, LINE, NAMED
from gateway.control.cards_form import CardForm, read_booking, read_card, read_expiry
from gateway.control.cards_guessing import Guessing
from gateway.control.cards_shown import (
    CardSummary,
    ErasedCard,
    ListedCards,
    ShownCard,
    erased,
    shown,
    summary,
)
from gateway.control.document import refusals
from gateway.control.idempotency import ONCE, InFlight
from gateway.errors import (
    BookingUnknown,
    CardExists,
    CardGone,
    CardNotKept,
    IdempotencyKeyReused,
    NoSuchToken,
    ProductNotPermitted,
    ProductUnknown,
    RecordDamaged,
    RequestInProgress,
    RequestInvalid,
    TokenBeingIssued,
    TokensGuessed,
)
from gateway.metrics import Metrics
from gateway.secret import Secret
from gateway.vault.cards import KeptCard
from gateway.vault.idempotency import Once
from gateway.vault.model import NewCard, Wanted
from gateway.vault.service import Vault

ROUTE: Final = "control/cards"  # in the audit and in metrics

T = TypeVar("T")
MayManage = Annotated[Caller, Depends(needs("cards"))]
# Only described here: `read_booking` checks all of them, and tells all that is wrong at once.
_LINE: Final = WithJsonSchema(LINE)
_NAMED: Final = WithJsonSchema(NAMED)
System = Annotated[str, _NAMED, Query(description="The channel, as in gateway.yaml: siteminder")]
Hotel = Annotated[str | None, _LINE, Query(description="The channel's code of the hotel.")]
BookingId = Annotated[str, _LINE, Query(description="The booking's number.")]
After = Annotated[
    str | None,
    WithJsonSchema({"type": "string"}),
    Query(description="`next` of the page before: the cards that follow it."),
]


def _named(system: System, booking: BookingId, hotel: Hotel = None) -> Booking:
    return read_booking(system, hotel, booking)


NamedBooking = Annotated[Booking, Depends(_named)]

_NO_BODY: Final = Secret(b"")
_REPEATED: Final = (RequestInProgress, IdempotencyKeyReused)
_OF_TOKEN: Final = (NoSuchToken, TokensGuessed, RecordDamaged)


class CardCalls:
    """Their router; for `gateway.control.api.mount`."""

    def __init__(
        self,
        vault: Vault,
        access: Access,
        guessing: Guessing,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._vault, self._access, self._guessing = vault, access, guessing
        self._metrics, self._clock = metrics, clock
        self._naming = Naming(access, vault)
        self._in_flight = InFlight()
        self.router = APIRouter(prefix="/cards", tags=["cards"])
        add = self.router.add_api_route
        add("", self.add, methods=["POST"], status_code=201, response_model=CardSummary,
            summary="Add a card", openapi_extra=ADD, responses=refusals(
                CardNotKept, ProductUnknown, ProductNotPermitted, RecordDamaged,
                *_REPEATED))  # fmt: skip
        add("", self.listed, methods=["GET"], summary="A booking's cards",
            responses=refusals(*_OF_TOKEN))  # fmt: skip
        add("/{token}", self.one, methods=["GET"], summary="One card",
            responses=refusals(*_OF_TOKEN))  # fmt: skip
        add("/{token}", self.change, methods=["PATCH"], response_model=CardSummary,
            summary="Change its expiry", openapi_extra=CHANGE,
            responses=refusals(CardExists, CardGone, TokenBeingIssued, *_OF_TOKEN, *_REPEATED))  # fmt: skip
        add("/{token}", self.forget, methods=["DELETE"], status_code=204,
            summary="Forget it", openapi_extra=ONCE,
            responses=refusals(*_OF_TOKEN, *_REPEATED))  # fmt: skip
        add("/{token}/bookings", self.forget_booking, methods=["DELETE"], status_code=204,
            summary="Forget it for a booking", openapi_extra=ONCE,
            responses=refusals(BookingUnknown, *_OF_TOKEN, *_REPEATED))  # fmt: skip

    async def add(self, caller: MayManage, request: Request) -> Response:
        """Keeps a card; its token, which is the same for the same card of the same product. A
        security code is held only where the product holds them, for as long as it says.
        """
        form = read_card(await request.body())
        product = self._product(caller, form)
        refusal = product.refuses(form.card)
        if refusal is not None:
            name = "security_code" if refusal == "cvc_missing" else "number"
            raise CardNotKept([{"in": "body", "name": name, "problem": refusal.value}])
        until = None if product.hold_cvc is None else self._clock() + product.hold_cvc
        new = NewCard(
            product.name,
            product.test,
            replace(form.card, cvc=None),
            form.booking,
            None if until is None else form.card.cvc,
            until,
        )
        entry = self._entry(caller, Action.TOKENIZE)
        said = Secret(form.request.reveal() + b"\n" + product.name.encode())
        made: list[KeptCard] = []

        def answer(kept: KeptCard) -> bytes:
            made.append(kept)
            return summary(kept)

        with self._once(request, caller, said) as once:
            body = await self._vault.cards.add(new, entry, once, answer)
        if made:  # not a request that was repeated
            self._metrics.cards.labels(ROUTE, "tokenize", "done").inc()
        return Response(body, 201, media_type="application/json")

    async def listed(
        self, caller: MayManage, booking: NamedBooking, after: After = None
    ) -> ListedCards:
        """The cards of one booking, of the products that the key may use; a thousand in one page."""
        self._guessing.check(caller.client)
        last = None if after is None else parse_alias(after)
        if after is not None and last is None:
            raise NoSuchToken
        page = await self._vault.cards.of_booking(
            booking,
            self._products(caller),
            self._entry(caller, Action.SHOW),
            after=None if last is None else last.iduser,
        )
        more = page.cards[-1].token.alias if page.more else None
        return ListedCards(cards=[shown(card) for card in page.cards], next=more)

    async def one(self, caller: MayManage, token: str) -> ShownCard | ErasedCard:
        """All that is known of a card but its number; what is left of one whose time was over, which
        `erased_at` tells.
        """

        async def show(wanted: Wanted, entry: Entry) -> ShownCard | ErasedCard:
            try:
                return shown(await self._vault.cards.show(wanted, entry))
            except CardGone:
                return erased(wanted.token, await self._vault.stubs.show(wanted, caller.client))

        return await self._known(caller, token, self._entry(caller, Action.SHOW), show)

    async def change(self, caller: MayManage, request: Request, token: str) -> Response:
        """Gives the card another expiry: its token stays. 409 where the product has the card with
        that expiry already, under another token, and while a processor is asked for its own.
        """
        expiry, said = read_expiry(await request.body())
        entry = self._entry(caller, Action.CHANGE)
        with self._once(request, caller, said) as once:
            body = await self._known_once(
                caller, token, entry, once,
                lambda want, named: self._vault.cards.change_expiry(
                    want, expiry, named, once, summary
                ),
            )  # fmt: skip
        return Response(body, 200, media_type="application/json")

    async def forget(self, caller: MayManage, request: Request, token: str) -> Response:
        """Erases the card, for all its bookings."""
        entry = self._entry(caller, Action.FORGET)
        with self._once(request, caller) as once:
            await self._known_once(
                caller, token, entry, once,
                lambda want, named: self._vault.cards.forget(want, named, once),
            )  # fmt: skip
        return Response(status_code=204)

    async def forget_booking(
        self, caller: MayManage, request: Request, token: str, booking: NamedBooking
    ) -> Response:
        """Erases what ties the card to one booking; with its last booking the card goes."""
        entry = self._entry(caller, Action.FORGET)
        with self._once(request, caller) as once:
            await self._known_once(
                caller, token, entry, once,
                lambda want, named: self._vault.cards.forget_booking(want, booking, named, once),
            )  # fmt: skip
        return Response(status_code=204)

    async def shown_to(self, caller: Caller, alias: str, entry: Entry) -> KeptCard:
        """A card that another call names by its token. Raises NoSuchToken, CardGone, TokensGuessed."""
        return await self._known(caller, alias, entry, self._vault.cards.show)

    # --- inside -----------------------------------------------------------------------------------

    def _once(
        self, request: Request, caller: Caller, said: Secret[bytes] = _NO_BODY
    ) -> AbstractContextManager[Once | None]:
        return self._in_flight.once(request, caller.client, self._products(caller), said)

    async def _known(
        self,
        caller: Caller,
        alias: str,
        entry: Entry,
        call: Callable[[Wanted, Entry], Awaitable[T]],
    ) -> T:
        """What `call` answers for the token. Raises NoSuchToken, which is counted, TokensGuessed."""
        return await self._called(caller, await self._named(caller, alias), entry, call)

    async def _known_once(
        self,
        caller: Caller,
        alias: str,
        entry: Entry,
        once: Once | None,
        call: Callable[[Wanted, Entry], Awaitable[T]],
    ) -> T | bytes:
        """The same; what the request was answered before where the token means none of ours any more:
        another vault's goes with its card.
        """
        token = await self._named(caller, alias)
        if token is None:
            before = await self._vault.requests.repeated(entry, once)
            if before is not None:
                return before
        return await self._called(caller, token, entry, call)

    async def _named(self, caller: Caller, alias: str) -> Token | None:
        self._guessing.check(caller.client)
        (token,) = await self._naming.ours([present(alias)], self._products(caller))
        return token

    async def _called(
        self,
        caller: Caller,
        token: Token | None,
        entry: Entry,
        call: Callable[[Wanted, Entry], Awaitable[T]],
    ) -> T:
        if token is not None:
            wanted = Wanted(token, self._products(caller))
            with contextlib.suppress(NoSuchToken):
                return await call(wanted, replace(entry, iduser=token.iduser))
        # What the vault was asked for it has written itself.
        await self._guessing.unknown(entry, written=token is not None)
        raise NoSuchToken

    def _product(self, caller: Caller, form: CardForm) -> Product:
        booking = form.booking
        product = self._access.product(
            admission=caller.admission,
            route=NoRoute(),
            named=form.product,
            system="" if booking is None else booking.system,
            hotel=None if booking is None else booking.hotel,
        )
        if form.product is not None and product.name != form.product:
            wrong = {"in": "body", "name": "booking.hotel", "problem": "hotel_of_another_product"}
            raise RequestInvalid([wrong])
        return product

    def _products(self, caller: Caller) -> frozenset[str]:
        return self._access.products_of(caller.admission)

    def _entry(self, caller: Caller, action: Action) -> Entry:
        return caller.intends(action, ROUTE, self._clock())

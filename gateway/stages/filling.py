"""What the vault is asked for a message's cards: each with its product and terms, and what the audit says.

Nothing is asked here: `swap.py` does that, with the batch that is filled.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from gateway.access.clients import Access, Admission
from gateway.access.products import Product
from gateway.audit import Action, Entry, Outcome
from gateway.cards.card import Card, Failure
from gateway.errors import ProductNotPermitted, ProductUnknown
from gateway.exchange import Exchange
from gateway.rules.model import Route
from gateway.stages.batch import Batch
from gateway.stages.card_place import CardPlace
from gateway.stages.carrying import hints_of
from gateway.stages.opening import Opening, admission_of
from gateway.stages.reading import BookingPlace
from gateway.stages.virtual import read_virtual
from gateway.vault.model import Carry, NewCard


class Filling:
    """Fills batches; `access` knows which product a card goes to."""

    def __init__(self, access: Access, opening: Opening) -> None:
        self._access, self._opening = access, opening

    def fill(self, exchange: Exchange, route: Route, batch: Batch) -> None:
        """Puts into the batch what the vault is asked for, place by place."""
        if not batch.bookings:
            return
        admission = admission_of(exchange)
        entry = partial(self._opening.entry, exchange, route, Action.TOKENIZE)
        done: dict[str, Entry] = {}  # one for all cards of a product: the vault adds the iduser
        for booking in batch.bookings:
            for place in booking.cards:
                if place.left_alone:
                    continue
                product = None
                if not booking.outside:
                    product = self._product(exchange, route, admission, booking, place)
                name = product.name if product else ""
                if product is None or place.failure is not None or place.card is None:
                    detail = str(place.failure)
                    failed = entry(outcome=Outcome.FAILED, product=name, detail=detail)
                    batch.failed.append(failed)
                    continue
                if name not in done:
                    done[name] = entry(product=name)
                virtual = read_virtual(batch.document, place)
                link = replace(booking.booking, virtual=virtual) if virtual else booking.booking
                card = place.card
                until = (
                    None  # codes in a replay are older than they may be
                    if product.hold_cvc is None or exchange.replays
                    else self._opening.clock() + product.hold_cvc
                )
                cvc = None if until is None else card.cvc
                card = Card(card.pan, card.expiry, card.holder)
                digits, terms = place.shape.show == "digits", batch.rule.retention
                new = NewCard(
                    name, product.test, card, link, cvc, until, digits, terms, exchange.came
                )
                batch.cards.append(new)
                batch.places.append(place)
                batch.done.append(done[name])
            if booking.asks:
                self._ask(exchange, route, admission, batch, booking)

    def _ask(
        self,
        exchange: Exchange,
        route: Route,
        admission: Admission,
        batch: Batch,
        booking: BookingPlace,
    ) -> None:
        """A booking without a card: what it had last, in the product that its card would go to."""
        product = self._product_of(exchange, route, admission, booking)
        if isinstance(product, Failure):
            return
        entry = self._opening.entry(exchange, route, Action.CARRY, product=product.name)
        hints = hints_of(batch.document, booking)
        digits = any(shape.show == "digits" for shape in batch.rule.shapes)
        carry = Carry(
            product.name, product.test, booking.booking, hints, entry, digits, exchange.came
        )
        batch.carries.append(carry)
        batch.asking.append(booking)

    def _product(
        self,
        exchange: Exchange,
        route: Route,
        admission: Admission,
        booking: BookingPlace,
        place: CardPlace,
    ) -> Product | None:
        """The product that a card goes to; sets the place's failure where it can go to none."""
        product = self._product_of(exchange, route, admission, booking)
        if isinstance(product, Failure):
            place.failure = product
            return None
        if place.card is not None:
            place.failure = product.refuses(place.card)
        return product

    def _product_of(
        self, exchange: Exchange, route: Route, admission: Admission, booking: BookingPlace
    ) -> Product | Failure:
        """The product that a booking's cards go to, or why there is none."""
        try:
            product = self._access.product(
                admission=admission,
                route=route,
                named=exchange.product_named,
                system=route.system,
                hotel=booking.booking.hotel,
            )
        except ProductNotPermitted:
            return Failure.PRODUCT_NOT_PERMITTED
        except ProductUnknown:
            return Failure.HOTEL_UNKNOWN
        if exchange.product_fixed and product.name != exchange.product_named:
            return Failure.PRODUCT_NOT_PERMITTED  # the map of hotels says another one
        return product
